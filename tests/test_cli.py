"""The command line: bad input ends in one line, exit code 2, and nothing half-written."""

from pathlib import Path

import pytest
import wandb

from replication import __main__ as suite
from replication import cli
from replication.base.errors import UserError
from replication.base.files import locked
from replication.evidence import records
from replication.evidence.published import published
from replication.settings import experiments as config
from replication.settings.experiments import Experiments, experiments
from replication.settings.scripts import script_of
from replication.training.jobs import provenance
from replication.training.jobs import variant as variants
from tests.tools.builders import make_settings
from tests.tools.wandb_offline import read_runs

ITEM = "table2_semi_supervised"
SCRIPT = f"{ITEM}.py"


def exits(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """Run ``arguments``; the last line on standard error, after checking the exit code."""
    with pytest.raises(SystemExit) as error:
        cli.main(SCRIPT, list(arguments))
    assert error.value.code == code
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    return errors.splitlines()[-1] if errors else ""


def shrink(monkeypatch: pytest.MonkeyPatch, **smoke: object) -> None:
    """Give the smoke preset of Table 2 other settings, for speed or for harm."""
    content = experiments().model_dump()
    content["items"][ITEM]["smoke"] |= smoke
    changed = Experiments.model_validate(content)
    monkeypatch.setattr(cli, "experiments", lambda: changed)
    monkeypatch.setattr(variants, "experiments", lambda: changed)


def test_a_variant_is_trained_and_its_record_has_all_that_identifies_it(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shrink(monkeypatch, epochs=2)
    exits(capsys, 0, "train", "--variant", "mnist_100")
    record = records.read(workdir / "results/smoke" / ITEM / "mnist_100.json")
    assert [s.seed for s in record.seeds] == [0, 1]
    assert [len(s.history) for s in record.seeds] == [2, 2]
    assert record.seeds[0].history[-1]["updates"] == 2 * (1400 // 50)
    assert record.settings.epochs == 2
    assert record.dataset.name == "digits"
    assert record.seeds[0].metrics["test_error_percent"] < 90
    assert record.seeds[0].provenance.device.startswith("CPU")


def test_seeds_trained_apart_give_the_record_of_seeds_trained_together(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shrink(monkeypatch, epochs=2)
    exits(capsys, 0, "train", "--variant", "mnist_100", "--seeds", "1")
    path = workdir / "results/smoke" / ITEM / "mnist_100.json"
    assert not path.exists(), "one of two seeds is no record"
    exits(capsys, 0, "train", "--variant", "mnist_100")
    apart = records.read(path)
    (workdir / "together").mkdir()
    monkeypatch.chdir(workdir / "together")
    exits(capsys, 0, "train", "--variant", "mnist_100")
    together = records.read(Path("results/smoke") / ITEM / "mnist_100.json")
    for a, b in zip(apart.seeds, together.seeds, strict=True):
        assert (a.metrics, a.history) == (b.metrics, b.history)


def test_stacked_seeds_reach_the_metrics_of_seeds_alone(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over two epochs float32's differences stay small: within 1 % of error, 4 test images."""
    shrink(monkeypatch, epochs=2)
    path = workdir / "results/smoke" / ITEM / "mnist_100.json"
    exits(capsys, 0, "train", "--variant", "mnist_100")
    alone = records.read(path).values("test_error_percent")
    path.unlink()
    for finished in workdir.glob(".checkpoints/*/*/*/seed_*"):
        finished.unlink()
    exits(capsys, 0, "train", "--variant", "mnist_100", "--stack")
    stacked = records.read(path)
    assert stacked.seeds[0].provenance.stacked == 2
    assert stacked.values("test_error_percent") == pytest.approx(alone, abs=1.01)


def test_divergence_is_a_result(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    phases = {"reconstruction": {"learning_rate": {0: 1e6}, "momentum": 0.9}}
    shrink(monkeypatch, epochs=3, phases=phases)
    exits(capsys, 0, "train", "--variant", "mnist_100")
    record = records.read(workdir / "results/smoke" / ITEM / "mnist_100.json")
    assert [s.status for s in record.seeds] == ["diverged", "diverged"]
    assert not record.stable
    assert record.values("test_error_percent") == []


def test_no_better_than_the_mean_image_is_said(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shrink(monkeypatch, epochs=1, phases={"reconstruction": {"learning_rate": {0: 1e-9}}})
    exits(capsys, 0, "train", "--variant", "mnist_100")
    record = records.read(workdir / "results/smoke" / ITEM / "mnist_100.json")
    assert "no better than the mean image" in record.seeds[0].warnings[0]
    assert not record.stable


@pytest.mark.parametrize("option", ["--only", "--seeds"])
def test_an_item_names_seeds_by_either_option(option: str) -> None:
    """As ``aae train`` has --only; the other name is the older one."""
    options = cli.parser(ITEM).parse_args(["train", "--variant", "mnist_100", option, "0,2"])
    assert (options.only, options.count) == ([0, 2], None)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "--variant", "mnist_1OO"], "mnist_1OO"),
        (["train", "--variant", "mnist_100", "--preset", "quik"], "quik"),
        (["train", "--variant", "mnist_100", "--seeds", "7"], "7"),
        (["train", "--variant", "mnist_100", "--device", "cuda:99"], "cuda:99"),
        (["train", "--variant", "mnist_100", "--device", "gpu"], "gpu"),
        (["train", "--variant", "mnist_100", "--device", "meta"], "meta"),
        (["draw", "--preset", "nosuch"], "nosuch"),
    ],
)
def test_what_is_unknown_is_named(
    workdir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    line = exits(capsys, 2, *arguments)
    assert line.startswith("error: ")
    assert named in line
    assert list(workdir.rglob("*.json")) == []


def test_seeds_that_are_no_numbers_are_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    line = exits(capsys, 2, "train", "--variant", "mnist_100", "--seeds", "a")
    assert line.endswith("argument --only/--seeds: 'a' is no list of seeds such as 0,2")


def test_missing_data(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("REPLICATION_DATA", raising=False)
    monkeypatch.setattr("replication.data.mnist.download_collection", _no_network)
    line = exits(capsys, 2, "train", "--preset", "quick", "--variant", "mnist_100")
    assert "train-images-idx3-ubyte.gz" in line
    assert list(workdir.rglob("*.json")) == []


def test_a_data_folder_that_does_not_exist(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REPLICATION_DATA", str(workdir / "nothing"))
    line = exits(capsys, 2, "train", "--preset", "quick", "--variant", "mnist_100")
    assert f"REPLICATION_DATA names {workdir / 'nothing'}, which is not a folder" in line
    assert not (workdir / "nothing").exists()


def _no_network(root: Path, _: object) -> None:
    raise UserError(f"{root}/MNIST/raw/train-images-idx3-ubyte.gz is missing", "fetch it")


def test_results_folder_that_cannot_be_written(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "results").write_text("a file where the folder should be")
    line = exits(capsys, 2, "train", "--variant", "mnist_100")
    assert "results" in line
    assert not (workdir / ".checkpoints").exists(), "found out before training, not after"


def test_two_processes_at_once(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variant = variants.Variant(script_of(ITEM), "smoke", "mnist_100")
    with locked(variant.folder / "stack_0-0" / "lock", "testing"):
        line = exits(capsys, 2, "train", "--variant", "mnist_100")
    assert "another process" in line


def test_the_tracker_holds_what_the_record_holds(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    shrink(monkeypatch, epochs=2)
    exits(capsys, 0, "train", "--variant", "mnist_100")
    wandb.teardown()
    record = records.read(workdir / "results/smoke" / ITEM / "mnist_100.json")
    runs = {run.id: run for run in read_runs(workdir / "wandb")}
    assert len(runs) == 2
    for seed in record.seeds:
        run = runs[str(seed.provenance.wandb_id)]
        assert run.group == f"{ITEM}/mnist_100/smoke"
        assert run.config["seed"] == seed.seed
        assert run.config["epochs"] == record.settings.epochs
        assert run.history == seed.history
        assert {name: run.summary[name] for name in seed.metrics} == seed.metrics


def test_the_tracker_marks_a_training_that_was_cut_and_the_one_that_goes_on(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    shrink(monkeypatch, epochs=3, seeds=[0])
    command = ["train", "--variant", "mnist_100", "--checkpoint-seconds", "0"]

    def interrupted(*arguments: object) -> None:
        if (workdir / ".checkpoints").is_dir() and [*workdir.glob(".checkpoints/**/epoch_*.pt")]:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("replication.training.jobs.progress.Progress.epoch", interrupted)
        exits(capsys, 130, *command)
    exits(capsys, 0, *command)
    wandb.teardown()
    cut, whole = sorted(read_runs(workdir / "wandb"), key=lambda run: run.summary["status"])
    assert (cut.summary["status"], whole.summary["status"]) == ("cut", "ok")
    assert cut.name == whole.name == f"{ITEM}/mnist_100/smoke/seed0"
    assert "resumed" in whole.tags
    assert "resumed" not in cut.tags
    assert cut.history == whole.history[: len(cut.history)]
    assert len(whole.history) == 3
    assert whole.config["commit"] == cut.config["commit"]


def test_the_tracker_without_a_key_is_found_out_before_training(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(workdir))
    monkeypatch.setenv("NETRC", str(workdir / "netrc"))
    assert "WANDB_API_KEY" in exits(capsys, 2, "train", "--variant", "mnist_100")
    assert not (workdir / ".checkpoints").exists()


def test_a_damaged_record_stops_the_drawing_and_nothing_else(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = workdir / "results/smoke" / ITEM / "mnist_100.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"schema_version": 2')
    assert str(path.relative_to(workdir)) in exits(capsys, 2, "draw")
    assert not (workdir / "figures").exists()
    assert path.read_text() == '{"schema_version": 2'


@pytest.mark.parametrize("command", ["", "train", "draw", "compare"])
def test_help_has_examples_or_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        cli.main(SCRIPT, [*([command] if command else []), "--help"])
    assert error.value.code == 0
    shown = capsys.readouterr().out
    assert "--preset" in shown


def test_fewer_clusters_than_classes(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = experiments().model_dump()
    content["items"]["table3_clustering"]["smoke"] |= {"label_dim": 9}
    changed = Experiments.model_validate(content)
    monkeypatch.setattr(variants, "experiments", lambda: changed)
    with pytest.raises(SystemExit) as error:
        cli.main("table3_clustering.py", ["train", "--variant", "clusters_16"])
    assert error.value.code == 2
    assert "9 clusters cannot hold 10 classes" in capsys.readouterr().err
    assert list(workdir.rglob("*.json")) == []


def test_another_number_of_classes_than_the_data_have(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = experiments().model_dump()
    content["items"][ITEM]["smoke"] |= {"label_dim": 9}
    changed = Experiments.model_validate(content)
    monkeypatch.setattr(variants, "experiments", lambda: changed)
    with pytest.raises(SystemExit) as error:
        cli.main(SCRIPT, ["train", "--variant", "mnist_100"])
    assert error.value.code == 2
    assert "label_dim is 9, digits has 10 classes" in capsys.readouterr().err


def test_what_was_not_run_is_drawn_as_not_run(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several items by one command; the workflow draws all of them."""
    names = ["table1", "table2", "table3", "figure2"]
    assert suite.main(["draw", "--preset", "paper", *names]) == 0
    told = capsys.readouterr().out.split()
    figures = workdir / "figures" / "paper"
    drawn = {i: c for i, c in experiments().items.items() if i.split("_")[0] in names}
    assert len(drawn) == 4
    for item, content in drawn.items():
        for kind in content.draws:
            for ending in config.ENDINGS[kind]:
                assert (figures / f"{item}.{ending}").stat().st_size > 0
                assert f"figures/paper/{item}.{ending}" in told
            # An item that is not meant to run at this preset has an empty table.
            if kind == "table" and experiments().runnable(content.borrows or item, "paper"):
                assert "not run" in (figures / f"{item}.md").read_text()
    for item in drawn.keys() & published().items.keys():
        assert (workdir / "results" / "paper" / "verdicts" / f"{item}.json").exists()


@pytest.mark.parametrize(
    ("preset", "line"),
    [
        ("fast", "error: unknown preset 'fast'; choose one of: smoke, quick, paper"),
        ("paper", "error: results/paper/table3_clustering/clusters_16.json is damaged"),
    ],
)
def test_drawing_the_suite_stops_at_what_is_wrong(
    preset: str, line: str, workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = workdir / "results/paper/table3_clustering/clusters_16.json"
    record.parent.mkdir(parents=True)
    record.write_text("{")
    assert suite.main(["draw", "--preset", preset]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(line)


@pytest.mark.parametrize(
    ("wanted", "device", "instructions", "hidden_sizes", "precision"),
    [
        ("auto", "cpu", True, [1000, 1000], "bf16-products"),
        ("auto", "cpu", False, [1000, 1000], "float32"),
        ("auto", "cpu", True, [1000, 64], "float32"),
        ("auto", "cuda:0", True, [1000, 1000], "float32"),
        ("float32", "cpu", True, [1000, 1000], "float32"),
        ("bf16-products", "cpu", False, [64], "bf16-products"),
    ],
)
def test_the_precision_that_is_taken_by_default(
    monkeypatch: pytest.MonkeyPatch,
    wanted: str,
    device: str,
    instructions: bool,
    hidden_sizes: list[int],
    precision: str,
) -> None:
    monkeypatch.setattr(provenance, "has_bf16_products", lambda: instructions)
    settings = make_settings(hidden_sizes=hidden_sizes)
    assert provenance.precision_of(wanted, device, settings) == precision


def test_a_borrowing_item_has_no_training_of_its_own(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        cli.main("figure9_clusters.py", ["train", "--variant", "clusters_16"])
    assert error.value.code == 2
    assert "invalid choice: 'train'" in capsys.readouterr().err


def test_every_item_draws_what_it_declares() -> None:
    for name, item in experiments().items.items():
        script = script_of(name)
        for kind in config.ENDINGS:
            assert hasattr(script, f"draw_{kind}") == (kind in item.draws)
