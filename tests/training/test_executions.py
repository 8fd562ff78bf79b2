"""How a run is computed belongs to it: a cut one goes on as it began, and records tell it all."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from replication import cli, table2_semi_supervised
from replication.base import sealed
from replication.base.errors import UserError
from replication.evidence import records
from replication.evidence.code_hash import code_hash
from replication.training.jobs import executions, job
from replication.training.jobs.executions import Asked
from replication.training.jobs.keeper import Keeper
from replication.training.jobs.variant import Variant
from replication.training.run import Execution
from tests.tools.cuts import cut_in_epoch
from tests.training.test_weights import ITEM, RECORD, no_training, run, shrink

FOLDERS = f".checkpoints/{ITEM}/mnist_100"


@pytest.fixture
def cut(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Trains one seed of 4 epochs, as told, and cuts it in the third."""
    shrink(monkeypatch, seeds=[0], epochs=4)

    def cut(*arguments: str) -> None:
        with cut_in_epoch(3, monkeypatch):
            run("train", "--checkpoint-seconds", "0", *arguments)

    return cut


def folders() -> set[str]:
    return {path.name.split("-", 2)[2] for path in Path(FOLDERS).iterdir()}


@pytest.mark.parametrize(
    ("begun", "folder", "told"),
    [
        (("--precision", "bf16-products"), "bf16-products", ("bf16-products", 1)),
        (("--threads", "2"), "float32-2threads", ("float32", 2)),
    ],
)
def test_a_cut_run_goes_on_as_it_was_begun(
    cut: Callable[..., None], begun: tuple[str, ...], folder: str, told: tuple[str, int]
) -> None:
    cut(*begun)
    run("train")
    assert folders() == {folder}
    (seed,) = records.read(RECORD).seeds
    made = seed.provenance
    assert (made.precision, made.threads) == told
    assert [(p.work, p.precision, p.threads) for p in made.processes] == [("training", *told)] * 2
    assert made.started == made.processes[0].started
    assert [row["epoch"] for row in seed.history] == [1, 2, 3, 4]


class Processor:
    """A clock of the processor that a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.seconds = 0.0
        monkeypatch.setattr("time.process_time", lambda: self.seconds)
        epoch = Keeper.epoch

        def worked(keeper: Keeper, *told: Any) -> None:
            self.seconds += 10.0
            epoch(keeper, *told)

        monkeypatch.setattr(Keeper, "epoch", worked)


def test_core_seconds_are_the_processors_of_all_processes(
    cut: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four epochs; the third, in which it was cut before a checkpoint, is done twice."""
    Processor(monkeypatch).seconds = 500.0  # before the training began
    cut()
    run("train")
    made = records.read(RECORD).seeds[0].provenance
    assert made.core_seconds == 40.0
    assert len(made.processes) == 2
    assert made.seconds < 40.0  # the clock's own


def test_core_seconds_are_not_told_where_an_earlier_process_did_not(
    cut: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "_core_seconds", lambda keeper: None)
        cut()
    run("train")
    assert records.read(RECORD).seeds[0].provenance.core_seconds is None


def test_an_uncut_run_is_told_once(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch, seeds=[0])
    run("train")
    assert records.read(RECORD).seeds[0].provenance.processes == []


def test_another_precision_that_is_asked_for_starts_anew_and_says_so(
    cut: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """What was begun keeps its place: nothing is lost."""
    cut("--precision", "bf16-products")
    capsys.readouterr()
    run("train", "--precision", "float32")
    note = "note: table2_semi_supervised mnist_100 (smoke) was begun with bf16-products; this is"
    assert note in capsys.readouterr().err
    assert folders() == {"bf16-products", "float32"}
    assert list(Path(FOLDERS).glob("*-bf16-products/stack_0-0/epoch_*.pt"))
    assert records.read(RECORD).seeds[0].provenance.precision == "float32"


def test_a_run_that_was_begun_on_a_device_that_is_not_here(cut: Callable[..., None]) -> None:
    cut()
    (folder,) = Path(FOLDERS).iterdir()
    folder.rename(folder.with_name(f"{folder.name}-xpu"))
    with pytest.raises(UserError, match=r"was begun on xpu, which is not here; go on there, or"):
        run("train")
    run("train", "--device", "cpu")
    assert records.read(RECORD).seeds[0].provenance.device.startswith("CPU")


def test_data_that_changed_after_a_cut_are_refused(
    cut: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut()
    other_data(monkeypatch)
    with pytest.raises(UserError, match="stack_0-0 was made with other data than digits is now"):
        run("train")
    assert not RECORD.exists()


def other_data(monkeypatch: pytest.MonkeyPatch) -> None:
    load = job.load
    monkeypatch.setattr(job, "load", lambda settings: replace(load(settings), sha256="0" * 64))


@pytest.mark.parametrize("recorded", [True, False])
def test_seeds_of_other_data_are_refused_before_they_are_trained(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    shrink(monkeypatch, seeds=[0] if recorded else [0, 1])
    run("train", "--seeds", "0")
    assert RECORD.exists() == recorded
    if recorded:
        forget()
    shrink(monkeypatch, seeds=[0, 1])
    no_training(monkeypatch)
    other_data(monkeypatch)
    with pytest.raises(UserError, match="was made with other data than digits is now"):
        run("train", "--seeds", "1")


def test_a_deleted_record_is_not_made_of_other_data(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[0])
    run("train")
    RECORD.unlink()
    other_data(monkeypatch)
    with pytest.raises(UserError, match="was made with other data than digits is now"):
        run("train")


def test_seeds_that_are_added_are_of_the_records_precision(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[0])
    run("train", "--precision", "bf16-products")
    forget()
    shrink(monkeypatch, seeds=[0, 1])
    run("train")
    assert [s.provenance.precision for s in records.read(RECORD).seeds] == ["bf16-products"] * 2


def forget() -> None:
    """As in a fresh clone: the record alone is there."""
    for path in Path(".checkpoints").rglob("*"):
        if path.is_file():
            path.unlink()


def rewrite_seed(**changes: object) -> None:
    """The record's only seed, as an earlier run would have left it."""
    record = records.read(RECORD)
    seed = record.seeds[0].model_copy(update=changes)
    records.write(record.model_copy(update={"seeds": [seed]}), {}, RECORD)


def test_a_record_of_two_precisions_says_so(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shrink(monkeypatch, seeds=[0])
    run("train")
    made = records.read(RECORD).seeds[0].provenance
    rewrite_seed(provenance=made.model_copy(update={"precision": "bf16-products"}))
    shrink(monkeypatch, seeds=[0, 1])
    # The kept weights of seed 0 are in float32: what is begun leads, the record stays.
    variant = Variant(table2_semi_supervised, "smoke", "mnist_100")
    job.train(variant, variant.pending(variant.settings.runs), most=1)
    capsys.readouterr()
    assert job.assemble(variant)
    told = f"note: {RECORD} has seeds 0 in bf16-products; 1 in float32\n"
    assert capsys.readouterr().err == told


def test_a_seed_that_older_code_measured_is_told(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shrink(monkeypatch, seeds=[0])
    run("train")
    measured = records.read(RECORD).seeds[0].metrics
    metrics = {k: v for k, v in measured.items() if k != "mean_image_per_pixel"}
    rewrite_seed(metrics=metrics)
    shrink(monkeypatch, seeds=[0, 1])
    capsys.readouterr()
    run("train")
    told = "seed 0 lacks mean_image_per_pixel, which other seeds have: move the record away"
    assert told in capsys.readouterr().err
    assert [len(seed.metrics) for seed in records.read(RECORD).seeds] == [
        len(metrics),
        len(metrics) + 1,
    ]


def test_costly_weights_that_are_gone_are_not_trained_again_for_another_measure(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[0])
    run("train")
    forget()
    before = RECORD.read_bytes()
    shrink(monkeypatch, seeds=[0], evaluate_every=2)
    with pytest.raises(UserError, match="the weights of seed 0 are gone; delete that record to"):
        run("train")
    assert RECORD.read_bytes() == before


def test_another_measure_starts_from_the_same_weights(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code of a measure is no part of what training depends on."""
    shrink(monkeypatch, seeds=[0])
    run("train")
    no_training(monkeypatch)
    from replication.training.jobs import variant

    monkeypatch.setattr(variant, "code_hash", lambda script: "f" * 16)
    monkeypatch.setattr(job, "code_hash", lambda script: "f" * 16)
    monkeypatch.setattr(variant, "current_code", lambda item: frozenset(["f" * 16]))
    run("measure")
    record = records.read(RECORD)
    assert record.code_hash == "f" * 16
    assert [p.work for p in record.seeds[0].provenance.processes] == ["training", "measuring"]


def test_code_with_the_same_results_finds_the_weights(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[0])
    run("train")
    no_training(monkeypatch)
    from replication.training.jobs import variant

    monkeypatch.setattr(variant, "weights_code", lambda: "f" * 16)
    run("measure")
    monkeypatch.setattr(variant, "current_code", lambda item: frozenset())
    with pytest.raises(UserError, match="there are no weights of seed 0"):
        run("measure")


def test_weights_that_version_0_2_0_kept_are_found(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, seeds=[0])
    run("train")
    no_training(monkeypatch)
    before = json.loads(RECORD.read_text())
    (folder,) = Path(FOLDERS).iterdir()
    path = folder / "seed_0_labels_0.fitted"
    content = sealed.load(path)
    for name in ("code", "stack", "processes", "captured"):
        del content["told"][name]
    sealed.save(path, content)
    settings, _, execution = folder.name.split("-")
    folder.rename(folder.with_name(f"{settings}-{code_hash(table2_semi_supervised)}-{execution}"))
    run("measure")
    after = json.loads(RECORD.read_text())
    assert after["seeds"][0]["metrics"] == before["seeds"][0]["metrics"]
    told = after["seeds"][0]["provenance"]["processes"]
    assert [process["work"] for process in told] == ["training", "measuring"]


def test_stacked_seeds_are_measured_in_their_stack(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch)
    run("train", "--stack")
    before = json.loads(RECORD.read_text())
    no_training(monkeypatch)
    RECORD.unlink()
    run("measure")
    after = json.loads(RECORD.read_text())
    for new, was in zip(after["seeds"], before["seeds"], strict=True):
        assert (new["metrics"], new["history"]) == (was["metrics"], was["history"])
        assert new["provenance"]["stacked"] == 2


def test_what_trains_nothing_is_measured_again_without_weights(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, path = "companion_alae", records.path_of("smoke", "companion_alae", "floors")
    cli.run(item, ["train", "--variant", "floors"])
    before = records.read(path)
    path.unlink()
    cli.run(item, ["measure", "--variant", "floors"])
    assert records.read(path).seeds[0].metrics == before.seeds[0].metrics
    shrink(monkeypatch, svm_images=100)
    cli.run(item, ["train", "--variant", "floors"])
    assert records.read(path).measuring_hash != before.measuring_hash


@pytest.mark.parametrize(
    ("execution", "name"),
    [
        (Execution(), "float32"),
        (Execution(threads=4), "float32-4threads"),
        (Execution("cuda:1", 4, "bf16-products"), "bf16-products-cuda"),
        (Execution("cuda:0"), "float32-cuda"),
    ],
)
def test_names_tell_what_bits_depend_on(execution: Execution, name: str) -> None:
    assert execution.name == name
    precision, threads, kind = executions.NAME.fullmatch(name).groups()  # type: ignore[union-attr]
    assert Execution(kind or "cpu", int(threads or 1), precision).name == name


def test_what_is_left_open_is_allowed() -> None:
    begun = Execution("cuda", 1, "float32")
    assert Asked().allows(begun)
    assert Asked(device="cuda:3", threads=8).allows(begun), "on a GPU threads change no bit"
    assert not Asked(device="cpu").allows(begun)
    assert not Asked(precision="bf16-products").allows(begun)
    assert not Asked(threads=2).allows(Execution())


def test_more_workers_take_the_same_folder(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their command names what was chosen, so that all seeds are computed alike."""
    asked = []

    class Finished:
        def __init__(self, command: list[str], **_: Any):
            asked.append(command)

        def poll(self) -> int:
            return 1

    shrink(monkeypatch)
    monkeypatch.setattr("replication.cli_training.subprocess.Popen", Finished)
    with pytest.raises(UserError, match="training of seed 0, 1 failed"):
        cli.run(ITEM, ["train", "--variant", "mnist_100", "--workers", "2", "--threads", "3"])
    for command in asked:
        assert command[command.index("--precision") + 1] == "float32"
        assert command[command.index("--threads") + 1] == "3"
        assert "--plain" in command
    assert torch.get_num_threads() == 1
