"""The bench beside what a user would take instead: what is compared, and what is said of it."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from bench.ours import training_of
from bench.rivals import TRAININGS, fastest, one_model, pythae, seconds_of, table
from bench.step import counted
from replication.base.errors import UserError
from replication.evidence.seeds import Machine
from replication.pages.speed import LOOP, PYTHAE, OneModel, Rivals, StartToEnd
from replication.settings.experiments import experiments

MACHINE = Machine(
    commit="", dirty=False, python="3", torch="2", numpy="2", device="a machine", threads=1
)


def result(*, with_pythae: bool = True) -> Rivals:
    """Ours: twice Pythae's updates at 1.5 times the work; half of the loop's time."""
    flop, rates = {"ours, float32": 3e9}, {"ours, float32": 20.0}
    if with_pythae:
        flop[PYTHAE], rates[PYTHAE] = 2e9, 10.0
    return Rivals(
        machine=MACHINE,
        table1_model=OneModel(updates=5, flop_per_update=flop, updates_per_second=rates),
        start_to_end=StartToEnd(
            epochs=3, images=60000, seconds={"ours, float32": 30.0, LOOP: 60.0}
        ),
    )


def cells(lines: str, name: str) -> list[str]:
    line = next(line for line in lines.splitlines() if line.startswith(name))
    return line.removeprefix(name).split()


def test_the_table_gives_ratios() -> None:
    lines = table(result())
    ours = ["20.0", "3.00", "2.00x", "3.00x", "30.0", "s", "2.00x"]
    assert cells(lines, "ours, float32") == ours
    assert cells(lines, LOOP) == ["—"] * 4 + ["60.0", "s", "1.00x"]
    assert cells(lines, PYTHAE) == ["10.0", "2.00", "1.00x", "1.00x", "—", "—"]


def test_without_pythae_the_rest_is_told() -> None:
    lines = table(result(with_pythae=False))
    assert cells(lines, "ours, float32") == ["20.0", "3.00", "—", "—", "30.0", "s", "2.00x"]
    assert PYTHAE not in lines.replace("to Pythae", "")


def test_pythae_missing_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "bench.pythae_trainer", None)
    monkeypatch.delattr("bench.pythae_trainer", raising=False)
    assert pythae() is None
    printed = capsys.readouterr().out
    assert printed.startswith("without Pythae (")
    assert printed.count("\n") == 1


def test_the_fastest_epoch_counts_but_for_the_first() -> None:
    first, second = iter([1.0, 9.0, 5.0, 7.0]), iter([2.0, 8.0, 9.0, 4.0])
    epochs = {"a": lambda: next(first), "b": lambda: next(second)}
    assert fastest(epochs) == {"a": 5.0, "b": 4.0}


def test_the_clock_stops_at_the_first_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process does after its last update does not count."""
    (tmp_path / "slow_to_end.py").write_text(
        "import time\nprint('done', flush=True)\ntime.sleep(1.5)\n"
    )
    monkeypatch.chdir(tmp_path)
    assert 0 < seconds_of(["slow_to_end"]) < 1.4


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "print('done'); raise SystemExit(3)", ""])
def test_a_training_that_fails_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    (tmp_path / "fails.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"python -m fails .*failed"):
        seconds_of(["fails", "--epochs", "1"])


@pytest.mark.data
@pytest.mark.skipif(find_spec("pythae") is None, reason="needs the extra bench")
def test_an_update_of_pythae_makes_fewer_products_than_ours() -> None:
    """On the same networks: were they others, the two numbers would lie further apart."""
    from bench import pythae_trainer

    settings = experiments().settings_of("quick", "table1_log_likelihood", "mnist")
    settings = settings.model_copy(update={"hidden_sizes": [100, 100]})
    images = torch.rand(300, 784, generator=torch.Generator().manual_seed(0))
    theirs = pythae_trainer.flop_of_an_update(settings, images, "cpu")
    ours = counted(training_of(settings, [0], torch.device("cpu"), "float32"))
    assert 0.7 * ours < theirs < ours
    with pythae_trainer.epochs_of(settings, images, "cpu") as epoch:
        assert min(epoch(), epoch()) > 0


@pytest.mark.long
@pytest.mark.data
def test_ours_is_measured_in_earnest() -> None:
    """Tiny: whether it is measured at all, not how fast it is."""
    model = one_model(updates=2, device=torch.device("cpu"))
    ours = {"ours, float32", "ours, bf16-products"}
    assert ours <= set(model.updates_per_second)
    assert len({model.flop_per_update[name] for name in ours}) == 1
    for module in TRAININGS.values():
        assert seconds_of([*module, "--epochs", "1", "--images", "1000"]) > 0
