"""Data of the user's own, through the command line: SVHN whole, in part and broken; TFD; Figure 5.

What the readers themselves refuse is in test_svhn.py and test_faces.py.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from replication import cli, figure5_samples, table1_log_likelihood
from replication.data import svhn
from replication.data.svhn import SVHN_FILES, Official
from replication.evidence import published, records
from replication.evidence.arrays import read_arrays
from replication.pages import drawing
from replication.pages.drawing import Drawing
from replication.pages.stored_tables import read_tables
from replication.pages.style import new_figure
from replication.settings.experiments import Experiments, experiments
from replication.training.jobs import variant as variants
from tests.tools.builders import make_record, make_seed
from tests.tools.tables import shown_rows

SVHN_ITEM, FACES_ITEM = "table2_semi_supervised", "table1_log_likelihood"
LABELS = (np.arange(40, dtype=np.uint8)[:, None] % 10) + 1
RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (32, 32, 3, 40), np.uint8)
# A brightness for each of 60 faces, so that there is something to learn, and grain.
SHADES = RANDOM.integers(40, 200, (60, 1, 1)) + RANDOM.integers(0, 20, (60, 48, 48))
TFD = {
    "images": SHADES.astype(np.uint8),
    "folds": np.tile((np.arange(60) % 4).astype(np.int16)[:, None], (1, 5)),
}
SMALL = {"hidden_sizes": [8], "batch_size": 20, "evaluate_every": 1, "epochs": 1, "seeds": [0]}
GRID = {"samples": [50], "lowest": 0.001, "highest": 10.0, "steps": 9}


@pytest.fixture
def root(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the user's own; smaller settings of the variants that read it."""
    content = experiments().model_dump()
    own = {
        (SVHN_ITEM, "svhn_1000"): {"labels": 20},
        (SVHN_ITEM, "nn_svhn"): {"labels": 20},
        (FACES_ITEM, "tfd"): {"validation_images": 15, "parzen": GRID},
    }
    for (item, variant), changes in own.items():
        for preset in ("quick", "paper"):
            content["items"][item]["variants"][variant][preset] |= SMALL | changes
    changed = Experiments.model_validate(content)
    for module in (cli, variants, drawing, published):
        monkeypatch.setattr(module, "experiments", lambda: changed)
    (workdir / "mine").mkdir()
    monkeypatch.setenv("REPLICATION_DATA", str(workdir / "mine"))
    return workdir / "mine"


def store(path: Path, arrays: Mapping[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, dict(arrays))
    return path


def store_svhn(root: Path, **changes: object) -> list[Path]:
    """SVHN's three files, of forty digits each; a change to None leaves the array out."""
    arrays = {"X": PIXELS, "y": LABELS, **changes}
    kept = {name: array for name, array in arrays.items() if array is not None}
    return [store(root / "SVHN" / name, kept) for name in SVHN_FILES]


def exits(capsys: pytest.CaptureFixture[str], code: int, item: str, *arguments: str) -> list[str]:
    """Run ``arguments``; the lines on standard error, after checking the exit code."""
    with pytest.raises(SystemExit) as error:
        cli.main(f"{item}.py", list(arguments))
    assert error.value.code == code
    return capsys.readouterr().err.splitlines()


# SVHN


@pytest.mark.parametrize("variant", ["svhn_1000", "nn_svhn"])
@pytest.mark.parametrize("official", [False, True])
def test_a_subset_is_said_to_be_one(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    official: bool,
    variant: str,
) -> None:
    """Under the same settings, files that are the official ones say nothing."""
    paths = store_svhn(root)
    if official:
        sums = {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in paths}
        files = {name: Official(md5, 40) for name, md5 in sums.items()}
        monkeypatch.setattr(svhn, "SVHN_FILES", files)
    exits(capsys, 0, SVHN_ITEM, "train", "--preset", "quick", "--variant", variant)
    record = records.read(records.path_of("quick", SVHN_ITEM, variant))
    assert (record.dataset.subset, record.dataset.train) == (not official, 40)
    exits(capsys, 0, SVHN_ITEM, "draw", "--preset", "quick")
    exits(capsys, 0, SVHN_ITEM, "compare", "--preset", "quick")
    table = Path(f"figures/quick/{SVHN_ITEM}.md").read_text()
    verdicts = Path(f"results/quick/verdicts/{SVHN_ITEM}.json").read_text()
    assert ("(n=1), subset (40) " in table) == (not official), "the number"
    assert (" (subset (40)" in table) == (not official), "the verdict"
    assert ("Subset: 40 images of SVHN to train on and 40 to test" in table) == (not official)
    assert ("subset" in table) == (not official)
    assert ("subset (40)" in verdicts) == (not official)


def test_the_paper_preset_takes_no_subset(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = store_svhn(root)
    arguments = ("train", "--preset", "paper", "--variant", "svhn_1000")
    (line,) = exits(capsys, 2, SVHN_ITEM, *arguments)
    assert f"{paths[0]} is not the official file of 73,257 digits" in line
    assert "allow_subset: true" in line
    assert list(Path().rglob("*.json")) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"X": None}, "has no X, only y"),
        ({"y": None}, "has no y, only X"),
        ({"X": PIXELS[:28]}, "X is 28 x 32 x 3 x 40, not 32 x 32 x 3 x N"),
        ({"X": PIXELS[..., :39]}, "holds 39 images, but 40 labels"),
        ({"y": LABELS - 1}, "the label 0 is not one of 1 to 10"),
        ({"y": LABELS + 1}, "the label 11 is not one of 1 to 10"),
    ],
)
def test_a_broken_svhn_file_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], fault: str
) -> None:
    train = store_svhn(root, **changes)[0]
    arguments = ("train", "--preset", "quick", "--variant", "svhn_1000")
    (line,) = exits(capsys, 2, SVHN_ITEM, *arguments)
    assert line.startswith(f"error: {train}")
    assert fault in line
    assert list(Path().rglob("*.json")) == []


def test_more_labels_than_a_subset_has(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_svhn(root, X=PIXELS[..., :9], y=LABELS[:9] * 0 + 1)
    arguments = ("train", "--preset", "quick", "--variant", "svhn_1000")
    (line,) = exits(capsys, 2, SVHN_ITEM, *arguments)
    assert "20 labels need" in line


# Files of the user's own


def test_a_variant_of_own_images_is_trained_and_recorded(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.arange(60) % 3
    images = RANDOM.integers(0, 256, (60, 6, 6), np.uint8)
    np.savez(
        root / "mine.npz",
        train_images=images,
        train_labels=labels,
        test_images=images,
        test_labels=labels,
    )
    data = {"data": {"npz": "mine.npz"}, "labels": 30, "label_dim": 3}
    content = cli.experiments().model_dump()
    content["items"][SVHN_ITEM]["variants"]["nn_100"]["smoke"] |= SMALL | data
    changed = Experiments.model_validate(content)
    for module in (cli, variants, drawing, published):
        monkeypatch.setattr(module, "experiments", lambda: changed)
    exits(capsys, 0, SVHN_ITEM, "train", "--preset", "smoke", "--variant", "nn_100")
    record = records.read(records.path_of("smoke", SVHN_ITEM, "nn_100"))
    assert (record.dataset.name, record.dataset.train) == ("npz:mine", 60)
    assert record.model_dump(mode="json")["settings"]["data"] == {"npz": "mine.npz"}
    exits(capsys, 0, SVHN_ITEM, "draw", "--preset", "smoke")


# TFD


def test_tfd_is_trained_drawn_and_judged_where_it_is(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(root / "TFD" / "tfd.mat", TFD)
    exits(capsys, 0, FACES_ITEM, "train", "--preset", "quick", "--variant", "tfd")
    record = records.read(records.path_of("quick", FACES_ITEM, "tfd"))
    assert (record.dataset.name, record.dataset.train, record.dataset.test) == ("tfd", 30, 15)
    assert record.settings.standardise
    # The published number is of 10,000 samples and of a longer training: given by hand.
    metrics = {**record.seeds[0].metrics, "log_likelihood_10000": 2250.0}
    metrics["standard_error_10000"] = 9.0
    seed = record.seeds[0].model_copy(update={"metrics": metrics, "warnings": []})
    path = records.path_of("quick", FACES_ITEM, "tfd")
    arrays = read_arrays(path)
    records.write(record.model_copy(update={"seeds": [seed]}), arrays, path)
    exits(capsys, 0, FACES_ITEM, "draw", "--preset", "quick")
    rows = table_rows(Path(f"figures/quick/{FACES_ITEM}.csv"))
    assert rows["AAE (ours)"] == [
        "not run",
        "not run",
        "2,250.00 [9.00] (n=1)",
        "not run",
        "not run",
    ]
    (table,) = read_tables(Path(f"figures/quick/{FACES_ITEM}"))
    (judged,) = [cells for name, cells in table.rows if name == "AAE (ours)"]
    assert judged[2]["verdict"].startswith("not comparable")
    assert "needs TFD" not in Path(f"figures/quick/{FACES_ITEM}.md").read_text()
    assert panel_title(Drawing("quick", "figure5_samples")) == "(b) TFD: 15-D code"


def test_without_tfd_it_is_said_what_is_needed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("train", "--preset", "quick", "--variant", "tfd")
    (line,) = exits(capsys, 2, FACES_ITEM, *arguments)
    assert line.startswith("error: TFD cannot be downloaded and there is no ")
    assert str(root / "TFD" / "tfd.mat") in line
    assert not Path("results/quick", FACES_ITEM, "tfd.json").exists()
    exits(capsys, 0, FACES_ITEM, "draw", "--preset", "quick")
    assert "tfd: needs TFD" in Path(f"figures/quick/{FACES_ITEM}.md").read_text()
    assert "tfd" not in experiments().runnable(FACES_ITEM, "smoke"), (
        "the workflow goes on without it"
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"images": None, "faces": TFD["images"]}, "has no images, only faces, folds"),
        ({"images": TFD["images"][:, :40]}, "images is 60 x 40 x 48, not N x 48 x 48"),
        ({"folds": TFD["folds"][:59]}, "holds 60 images, but 59 rows of folds"),
    ],
)
def test_a_broken_tfd_file_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], fault: str
) -> None:
    arrays = {k: v for k, v in {**TFD, **changes}.items() if v is not None}
    path = store(root / "TFD" / "tfd.mat", arrays)
    arguments = ("train", "--preset", "quick", "--variant", "tfd")
    (line,) = exits(capsys, 2, FACES_ITEM, *arguments)
    assert line.startswith(f"error: {path}")
    assert fault in line


# The stand-in for TFD


def table_rows(path: Path) -> dict[str, list[str]]:
    return {name: [*texts.values()] for name, texts in shown_rows(path.with_suffix("")).items()}


def panel_title(source: Drawing) -> str:
    """Of Figure 5 (b)."""
    axes = new_figure(4, 4).subplots()
    figure5_samples.draw_samples(axes, "b", source, figure5_samples.FACES)
    return axes.get_title(loc="left")


@pytest.fixture
def stored(workdir: Path) -> Callable[..., None]:
    """Stores a record of Table 1 with one picture of samples."""

    def stored(variant: str, **changes: Any) -> None:
        metrics = {f"{m}_10000": 3.0 for m in ("log_likelihood", "standard_error", "bandwidth")}
        settings = experiments().settings_of("quick", FACES_ITEM, variant)
        names = {"item": FACES_ITEM, "variant": variant, "settings": settings}
        record = make_record(**{**names, "seeds": [make_seed(0, metrics=metrics)], **changes})
        sheet = np.full((8, 9, 64), 100, np.uint8)
        healthy = any(seed.status == "ok" for seed in record.seeds)
        arrays = {"samples": sheet, "nearest": sheet[:, 0]} if healthy else {}
        records.write(record, arrays, records.path_of("quick", FACES_ITEM, variant))

    return stored


def test_the_stand_in_has_a_column_of_its_own_and_no_verdict(stored: Callable[..., None]) -> None:
    stored("olivetti")
    cli.run(FACES_ITEM, ["draw", "--preset", "quick"])
    rows = table_rows(Path(f"figures/quick/{FACES_ITEM}.csv"))
    (table,) = read_tables(Path(f"figures/quick/{FACES_ITEM}"))
    assert table.columns[-1] == "stand-in for TFD: Olivetti faces (10K)"
    assert rows["AAE (ours)"] == [*["not run"] * 4, "3.00 [3.00] (n=1)"]
    assert [row[-1] for name, row in rows.items() if name != "AAE (ours)"] == (
        [""] * (len(rows) - 1)
    )
    targets = published.published().items[FACES_ITEM].targets
    assert table1_log_likelihood.STAND_IN not in {t.variant or n for n, t in targets.items()}


def test_figure_5_shows_tfd_before_its_stand_in(stored: Callable[..., None]) -> None:
    source = Drawing("quick", "figure5_samples")
    assert panel_title(source) == "(b) Olivetti faces, in place of TFD: 15-D code"
    stored("olivetti")
    assert panel_title(Drawing("quick", "figure5_samples")) == panel_title(source)
    stored("tfd")
    assert panel_title(Drawing("quick", "figure5_samples")) == "(b) TFD: 15-D code"


def test_figure_5_of_a_run_that_diverged(stored: Callable[..., None]) -> None:
    stored("olivetti", seeds=[make_seed(0, status="diverged", metrics={})])
    axes = new_figure(4, 4).subplots()
    source = Drawing("quick", "figure5_samples")
    figure5_samples.draw_samples(axes, "b", source, figure5_samples.FACES)
    assert [text.get_text() for text in axes.texts] == ["diverged"]


def test_figure_5_smoke_names_what_was_drawn(workdir: Path) -> None:
    assert panel_title(Drawing("smoke", "figure5_samples")).startswith("(b) drawn faces, in place")
