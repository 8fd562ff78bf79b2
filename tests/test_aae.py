"""The command ``aae``: what its names mean, how many seeds it trains, what it tells."""

import re
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from replication import __main__ as aae
from replication import __version__, cli
from replication.base.errors import UserError
from replication.cli_names import items_named, variants_named
from replication.evidence import records
from replication.evidence.records import Record
from replication.settings.experiments import experiments
from replication.settings.outside import VARIABLE
from replication.settings.schema import Seed
from replication.training.jobs.variant import first_runs
from tests.tools.builders import make_settings

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TABLE = "table2_semi_supervised"
OVERLAY = f"""
items:
  {TABLE}:
    variants:
      tiny: {{place: Tiny, like: nn_100, smoke: {{epochs: 1, seeds: [0]}}}}
"""


def test_the_console_script_is_the_module() -> None:
    (script,) = PROJECT["project"]["scripts"].items()
    assert EntryPoint(*script, "console_scripts").load() is aae.main


def test_one_version_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        aae.main(["--version"])
    assert capsys.readouterr().out == f"{__version__}\n"
    assert f"version: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    heading = re.search(r"^## ([\d.]+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading is not None
    assert heading[1] == __version__


@pytest.mark.parametrize(
    ("names", "items"),
    [
        ([], [*experiments().items]),
        (["table2"], [TABLE]),
        ([TABLE, "table2", "table3"], [TABLE, "table3_clustering"]),
        (["figure1"], ["figure1_adversarial_autoencoder"]),
        (["ours"], [item for item in experiments().items if item.startswith("ours_")]),
    ],
)
def test_a_name_is_an_item_or_the_first_word_of_several(names: list[str], items: list[str]) -> None:
    assert items_named(names) == items


def test_a_name_is_a_variant_or_all_that_the_preset_runs() -> None:
    assert variants_named(["table2/nn_100"], "quick") == [(TABLE, "nn_100")]
    tfd = ("table1_log_likelihood", "tfd")  # not run by the workflow; trained where it is named
    assert variants_named(["table1/tfd"], "quick") == [tfd]
    named = variants_named(["table1", "table1/mnist"], "quick")
    assert named == [(tfd[0], v) for v in experiments().runnable(tfd[0], "quick")]
    clusters = [("table3_clustering", v) for v in ("clusters_16", "clusters_30")]
    assert variants_named(["figure9"], "quick") == clusters, "the runs that it is drawn from"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("table9", r"unknown item 'table9'; did you mean table\d\?"),
        ("tab", "unknown item 'tab'"),  # no word, but a part of one
        ("table2_semi_supervise", f"did you mean {TABLE}?"),
        ("nn_100", f"unknown item 'nn_100'; did you mean {TABLE}/nn_100?"),
        ("everything", "unknown item 'everything'; see `aae list`"),
        ("table2/mnist_1OO", f"unknown variant of {TABLE} 'mnist_1OO'; did you mean mnist_1"),
        ("ours_clustering/cluster_16", r"did you mean clusters_16\?"),
        ("ours/mnist_100", "unknown variant 'ours/mnist_100'"),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(name: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        variants_named([name], "quick")


def test_more_seeds_follow_those_of_the_settings() -> None:
    own = make_settings(seeds=[3, 0])
    assert first_runs(own, 1) == (Seed(3, 3),)
    assert first_runs(own, 4) == (Seed(3, 3), Seed(0, 0), Seed(1, 1), Seed(2, 2))
    labelled = make_settings(seeds=[0, 1], label_seeds=[5, 6])
    assert first_runs(labelled, 1) == (Seed(0, 5),)
    with pytest.raises(UserError, match="label seeds are given"):
        first_runs(labelled, 3)


@pytest.fixture
def tiny(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments that train a variant of an overlay in no time."""
    monkeypatch.setenv(VARIABLE, "")
    (workdir / "tiny.yaml").write_text(OVERLAY)
    return ["train", "table2/tiny", "--experiments", "tiny.yaml", "--plain"]


def test_a_preset_that_a_variant_is_not_meant_for_is_told(
    tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert aae.main(tiny) == 0
    assert "note: tiny" not in capsys.readouterr().out
    own = OVERLAY.replace("tiny: {place: Tiny", "other: {place: Other, presets: [quick]")
    Path("other.yaml").write_text(own)
    assert aae.main(["train", "table2/other", "--experiments", "other.yaml", "--plain"]) == 0
    told = "note: other is not meant for smoke: its record may not be drawn; --preset quick\n"
    assert told in capsys.readouterr().out


def record() -> Record:
    return records.read(Path("results/smoke") / TABLE / "tiny.json")


def test_seeds_are_added_and_stay(tiny: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert aae.main(tiny) == 0
    (first,) = record().seeds
    assert aae.main([*tiny, "--seeds", "3", "--only", "2"]) == 0
    assert "seed 2 done, others are missing" in capsys.readouterr().out
    assert aae.main([*tiny, "--seeds", "3"]) == 0
    grown = record()
    assert [seed.seed for seed in grown.seeds] == [0, 1, 2]
    assert grown.seeds[0] == first
    assert aae.main(tiny) == 0
    assert "already trained" in capsys.readouterr().out
    assert record() == grown, "fewer seeds asked for are no reason to forget some"
    # Its weights do all that those of any variant do.
    shared = ["table2/tiny", "--preset", "smoke"]
    assert aae.main(["measure", *shared]) == 0
    assert [seed.metrics for seed in record().seeds] == [seed.metrics for seed in grown.seeds]
    assert aae.main(["encode", *shared, "--seed", "2", "--output", "codes.npy"]) == 0
    assert np.load("codes.npy").shape == (397, 10)


def test_of_several_variants_one_that_fails_ends_none_of_the_others(
    tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    own = "".join(
        f"\n      {name}: {{place: {name}, like: nn_100, smoke: {{data: {{npz: {name}.npz}}}}}}"
        for name in ("broken", "torn")
    )
    Path("two.yaml").write_text(f"items:\n  {TABLE}:\n    variants:{own}\n")
    for name in ("broken", "torn"):
        Path("data").mkdir(exist_ok=True)
        Path(f"data/{name}.npz").write_text("no archive")
    train, _, *more = tiny
    names = [f"table2/{name}" for name in ("broken", "tiny", "torn")]
    assert aae.main([train, *names, *more, "--experiments", "two.yaml"]) == 2
    assert record().seeds
    told = capsys.readouterr()
    assert f"2 of 3: {TABLE}/tiny\nstored" in told.out
    (line,) = [line for line in told.err.splitlines() if line.startswith("error: ")]
    assert f"({TABLE}/broken); " in line
    assert f"({TABLE}/torn); " in line


def test_a_record_says_which_file_describes_its_variant(
    tiny: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    aae.main(tiny)
    assert record().origin == experiments().origins[f"{TABLE}/tiny"]
    capsys.readouterr()
    aae.main(["list", "table2"])
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.split()[0] == "tiny"]
    assert re.search(r"1 seed, \d+ s .*\(from tiny.yaml\)$", line)
    shipped = records.read(ROOT / "results/quick" / TABLE / "nn_100.json")
    assert shipped.origin is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["trian", "table2/nn_100"],
        ["train", "table2/nn_10", "--preset", "quick"],
        ["train", "table2/nn_100", "--preset", "quik"],
        ["train", "table2/nn_100", "--only", "7"],
        ["sample", "table2", "--preset", "quick"],
        ["train", "ours_clustering", "--preset", "paper"],
        ["train", "table2/nn_100", "--experiments", "nothing.yaml"],
        ["draw", "tabel2"],
        ["list", "nothing"],
        ["readme"],
    ],
)
def test_bad_input_is_one_line(
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert aae.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert list(workdir.rglob("*")) == []


@pytest.mark.parametrize("command", aae.parser()[1])
def test_every_command_has_examples_that_it_understands(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        aae.main([command, "--help"])
    assert error.value.code == 0
    shown = capsys.readouterr().out.partition("examples:\n")[2]
    lines = [re.split(r" {2,}", line.strip())[0] for line in shown.splitlines() if line.strip()]
    assert lines
    for line in lines:
        program, *arguments = line.split()
        assert program == "aae"
        assert aae.parser()[0].parse_args(arguments).command


def test_no_records_here_is_said(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aae.main(["list", "table2"]) == 0
    *_, state, hint = capsys.readouterr().out.splitlines()
    assert state.startswith("smoke: 0 of 8 records, quick: 0 of ")
    assert hint.startswith(f"There is no folder results in {workdir}")


def test_three_lines_say_what_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert aae.main(["summary", "--preset", "quick", "--results", str(ROOT / "results")]) == 0
    made, look, verdicts = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"made: quick: \d+ of \d+ records, \d+ of \d+ tables .*", made)
    assert "results/report.html" in look
    assert re.fullmatch(r"verdicts of quick: 40 \(.*\d+ undecided.*\)", verdicts)


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["draw", "table2"],
        ["report"],
        ["summary"],
        ["readme"],
        ["migrate"],
        ["sample", "table2/nn_100"],
        ["encode", "table2/nn_100"],
    ],
)
def test_a_folder_of_records_that_is_not_there_is_no_empty_one(
    workdir: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "README.md").write_text("as it was")
    assert aae.main([*arguments, "--results", "resutls"]) == 2
    line = capsys.readouterr().err
    assert line == "error: there is no folder resutls; correct its name, or leave it out\n"
    assert [path.name for path in workdir.rglob("*")] == ["README.md"]
    assert (workdir / "README.md").read_text() == "as it was"


@pytest.mark.parametrize("option", ["--figures", "--measured"])
def test_what_the_report_is_made_from_is_there(
    workdir: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aae.main(["report", option, "nothing"]) == 2
    assert "there is no folder nothing" in capsys.readouterr().err


def test_an_items_own_commands_read_a_folder_that_is_there(workdir: Path) -> None:
    for command in ("draw", "compare", "sample", "encode"):
        named = ["--variant", "nn_100"] if command in ("sample", "encode") else []
        with pytest.raises(UserError, match="there is no folder resutls"):
            cli.run(TABLE, [command, *named, "--results", "resutls"])


def test_training_may_make_its_folder_of_records(tiny: list[str]) -> None:
    assert aae.main([*tiny, "--results", "mine"]) == 0
    assert Path("mine/smoke", TABLE, "tiny.json").exists()


@pytest.mark.parametrize("command", [["campaign", "--hours", "1"], ["bundle"], ["published"]])
def test_an_option_without_use_is_refused(
    workdir: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        aae.main([*command, "--results", str(workdir)])
    assert error.value.code == 2
    assert "unrecognized arguments: --results" in capsys.readouterr().err


def test_a_bundle_of_nothing_is_an_error(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert aae.main(["bundle", "--preset", "smoke"]) == 2
    *reasons, line = capsys.readouterr().err.splitlines()
    assert all(": not bundled: " in reason for reason in reasons)
    assert line.startswith(f"error: none of the {len(reasons)} models was bundled at smoke; ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["sample", "table2/nn_100", "--count", "10000000000"],
        ["train", "table2/nn_100", "--threads", "100000"],
        ["encode", "table2/nn_100", "--threads", "10000000000"],
        ["train", "table2/nn_100", "--seeds", "1000000000"],
        ["campaign", "--hours", "1e300"],
    ],
)
def test_a_number_for_no_machine_is_refused(
    workdir: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        aae.main(arguments)
    assert error.value.code == 2
    assert f"'{arguments[-1]}' is no " in capsys.readouterr().err


@pytest.mark.parametrize(("command", "name"), [("sample", "a.csv"), ("encode", "a.png")])
def test_an_output_that_cannot_be_written_costs_no_work(
    workdir: Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aae.main([command, "table9/nothing", "--output", name]) == 2
    assert capsys.readouterr().err.startswith(f"error: cannot write {name}; name a file that ends")
