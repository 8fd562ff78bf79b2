"""What users add outside the package: variants in a YAML file, items in a script."""

import os
from pathlib import Path

import pytest

from replication.base.errors import UserError
from replication.evidence.code_hash import code_hash
from replication.settings import scripts
from replication.settings.experiments import experiments
from replication.settings.outside import VARIABLE, use_overlays
from replication.settings.scripts import path_of_script, script_of

TABLE = "table2_semi_supervised"
VARIANT = "place: Mine, like: mnist_1000, settings: {labels: 3000}"
SCRIPT = '''\
"""Mine."""

DESCRIPTION = """
title: Mine
draws: [table]
settings: {labels: 100, style_dim: 2, label_dim: 10, input_noise_std: 0.0, data: digits}
smoke: {epochs: 1, phases: {classification: {learning_rate: {0: 0.1}, momentum: 0.9}}}
quick: {epochs: 1, phases: {classification: {learning_rate: {0: 0.1}, momentum: 0.9}}}
paper: {epochs: 1, phases: {classification: {learning_rate: {0: 0.1}, momentum: 0.9}}}
variants:
  small: {place: "Mine, small"}
"""


def train(run):
    return run


def draw_table(drawing):
    return drawing
'''


@pytest.fixture(autouse=True)
def no_files_of_others(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")


def overlay(folder: Path, text: str, name: str = "mine.yaml") -> None:
    (folder / name).write_text(text)
    use_overlays([Path(name)])


def refused(folder: Path, text: str) -> str:
    overlay(folder, text)
    with pytest.raises(UserError) as error:
        experiments()
    return str(error.value)


def of_table(variant: str) -> str:
    return f"items: {{{TABLE}: {{variants: {{{variant}}}}}}}"


def test_a_variant_has_the_settings_of_what_it_is_like(workdir: Path) -> None:
    shipped = experiments()
    overlay(workdir, of_table(f"mine: {{{VARIANT}, quick: {{epochs: 7}}}}"))
    content = experiments()
    own, other = (content.settings_of("quick", TABLE, v) for v in ("mine", "mnist_1000"))
    assert own == other.model_copy(update={"labels": 3000, "epochs": 7})
    assert "mine" in content.runnable(TABLE, "paper")
    for name, item in shipped.items.items():
        assert item.variants.items() <= content.items[name].variants.items()


def test_its_origin_is_the_file_with_its_content(workdir: Path) -> None:
    overlay(workdir, of_table(f"mine: {{{VARIANT}}}"))
    origin = experiments().origins[f"{TABLE}/mine"]
    assert (origin.file, len(origin.sha256)) == ("mine.yaml", 64)
    assert f"{TABLE}/mnist_100" not in experiments().origins


def test_several_files_add_to_each_other(workdir: Path) -> None:
    overlay(workdir, of_table(f"mine: {{{VARIANT}}}"))
    overlay(workdir, of_table("again: {place: Again, like: mine}"), "other.yaml")
    assert os.environ[VARIABLE].count(os.pathsep) == 1
    assert experiments().settings_of("quick", TABLE, "again").labels == 3000


def test_a_name_that_would_be_two_is_refused(workdir: Path) -> None:
    with pytest.raises(UserError, match=r"a:b\.yaml has a ':' in its name"):
        use_overlays([Path("a:b.yaml")])
    assert os.environ[VARIABLE] == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("item: {}", "mine.yaml: item: no such key (and 1 more); did you mean items?"),
        ("items: {table2_semi_supervise: {variants: {a: {place: A}}}}", f"did you mean {TABLE}?"),
        ("items: {table2: {variants: {a: {place: A}}}}", f"did you mean {TABLE}?"),
        (f"items: {{{TABLE}: {{settings: {{labels: 5}}}}}}", "settings: no such key"),
        (of_table("mine: {place: A, setings: {}}"), "mine.setings: no such key; did you mean set"),
        (of_table("mine: {place: A, settings: {lables: 5}}"), "lables: no such setting; did you"),
        (
            of_table("mine: {place: A, settings: {phases: {generator: {learning_rat: 1}}}}"),
            "phases.generator.learning_rat: no such key (and 1 more); did you mean learning_rate?",
        ),
        (of_table("mine: {place: A, like: mnist_1OO}"), "did you mean mnist_1"),
        (of_table("mine: {place: A, like: mine}"), "mine is like itself"),
        (of_table("mnist_100: {place: A}"), "has a variant mnist_100 already; give yours another"),
        (of_table("mine: {place: 'Table 2, MNIST (100)'}"), "has the place of another variant"),
        (of_table("mine: {place: A}, more: {place: A}"), "/more has the place of another variant"),
        (of_table("mine: {place: A, settings: {labels: few}}"), "mine.yaml: table2_semi"),
        (of_table("'my own': {place: A}"), "my own"),
        ("items: {figure9_clusters: {variants: {a: {place: A}}}}", "the runs of table3_clustering"),
        ("items: [", "mine.yaml: not valid YAML"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(workdir: Path, text: str, told: str) -> None:
    line = refused(workdir, text)
    assert told in line
    assert "mine.yaml" in line
    assert "\n" not in line


def test_a_file_that_is_not_there(workdir: Path) -> None:
    use_overlays([Path("nothing.yaml")])
    with pytest.raises(UserError, match=r"nothing\.yaml: No such file"):
        experiments()


def own_item(folder: Path, name: str, text: str = SCRIPT) -> Path:
    path = folder / "my_items" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_script_in_the_folder_is_an_item(workdir: Path) -> None:
    path = own_item(workdir, "own_item")
    own_item(workdir, "_helper", "raise ValueError")
    assert experiments().items["own_item"].title == "Mine"
    assert experiments().origins["own_item/small"].file == "my_items/own_item.py"
    assert path_of_script("own_item") == path
    assert script_of("own_item").__name__.rpartition(".")[2] == "own_item"


def test_what_trains_in_a_script_changes_its_hash_and_what_draws_does_not(workdir: Path) -> None:
    texts = {
        "same": SCRIPT,
        "drawing": SCRIPT.replace("return drawing", "return None"),
        "described": SCRIPT.replace("title: Mine", "title: Yours"),
        "training": SCRIPT.replace("return run", "return [run]"),
        "measuring": SCRIPT.replace(
            "    return run", "    from replication.measures import plane\n\n    return run"
        ),
    }
    hashes = {}
    for name, text in texts.items():
        own_item(workdir, f"hashed_{name}", text)
        hashes[name] = code_hash(script_of(f"hashed_{name}"))
    assert hashes["same"] == hashes["drawing"] == hashes["described"]
    assert len({hashes[n] for n in ("same", "training", "measuring")}) == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("table3_clustering", "", "", "there is an item table3_clustering already"),
        ("undescribed", "DESCRIPTION", "DESCRIPTIONS", "has no DESCRIPTION"),
        ("untrained", "def train(", "def training(", "has no function train"),
        ("undrawn", "draws: [table]", "draws: [figure]", "has no function draw_figure"),
        ("raising", '"""Mine."""', "1 / 0", "cannot be imported: ZeroDivisionError"),
        ("misspelt", "title: Mine", "titel: Mine", "titel: no such key (and 1 more); did you mean"),
        (
            "crowded",
            "variants:\n",
            'variants:\n  other: {place: "Mine, small"}\n',
            "crowded/small has the place of another variant",
        ),
        ("unsettled", "epochs: 1", "epoch: 1", "epoch: no such setting; did you mean epochs?"),
    ],
)
def test_a_script_that_cannot_be_used(
    workdir: Path, name: str, old: str, new: str, told: str
) -> None:
    own_item(workdir, name, SCRIPT.replace(old, new, 1) if old else SCRIPT)
    with pytest.raises(UserError) as error:
        experiments()
    assert told in str(error.value)
    assert f"my_items/{name}.py" in str(error.value)


def test_an_installed_package_brings_an_item(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the entry point in its metadata, as pip leaves it."""
    (workdir / "mine").mkdir()
    (workdir / "mine" / "__init__.py").touch()
    (workdir / "mine" / "installed_item.py").write_text(SCRIPT)
    (workdir / "mine" / "misnamed.py").write_text(SCRIPT)
    metadata = workdir / "mine-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    entries = metadata / "entry_points.txt"
    entries.write_text("[replication.items]\ninstalled_item = mine.installed_item\n")
    monkeypatch.syspath_prepend(workdir)
    scripts._installed.cache_clear()
    try:
        assert experiments().items["installed_item"].title == "Mine"
        assert path_of_script("installed_item") == workdir / "mine" / "installed_item.py"
        entries.write_text("[replication.items]\nother = mine.misnamed\n")
        scripts._installed.cache_clear()
        with pytest.raises(UserError, match="is no module other; give both the same name"):
            experiments()
    finally:
        entries.unlink()
        scripts._installed.cache_clear()
