"""When an update is captured, when it is not, and what is told of it; with a graph that is fake."""

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.ours import training_of
from replication.base.streams import Streams
from replication.training import captured
from replication.training.captured import (
    WARM_UP,
    Captured,
    ChangingNumber,
    CudaGraph,
    capturable,
)

from ..tools.builders import make_settings
from ..tools.tape import Tape, captured_on_tape

CPU = torch.device("cpu")


class Sum:
    """An update of two sums, and how often its code ran."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        self.runs += 1
        return {"loss": first.sum() + second.sum()}


def captured_sum() -> tuple[Captured, Sum]:
    update = Sum()
    return Captured(update, Streams([0], CPU), []), update


def test_an_update_is_captured_after_the_warm_up_and_then_replayed() -> None:
    with captured_on_tape():
        run, update = captured_sum()
        found = [run((), torch.full((2,), 1.0 * i), torch.ones(3))["loss"] for i in range(8)]
    assert found == [2 * i + 3 for i in range(8)], "each a tensor of its own"
    assert update.runs == WARM_UP + 1
    (kind,) = run.kinds.values()
    assert kind.graph.warm == WARM_UP


def test_another_way_through_the_code_and_another_shape_have_graphs_of_their_own() -> None:
    with captured_on_tape():
        run, update = captured_sum()
        for branch, size in [("a", 2), ("b", 2), ("a", 5), ("a", 2)]:
            for _ in range(WARM_UP + 2):
                loss = run(branch, torch.ones(size), torch.ones(1))["loss"]
                assert loss == size + 1
    assert len(run.kinds) == 3
    assert update.runs == 3 * (WARM_UP + 1)


def test_on_a_cpu_nothing_is_captured() -> None:
    run, update = captured_sum()
    for _ in range(6):
        run((), torch.ones(2), torch.ones(2))
    assert (update.runs, run.kinds) == (6, {})
    number = ChangingNumber(CPU, 0.1)
    number.set(0.3)
    assert number.value == 0.3


class Broken(Tape):
    """Breaks in the middle of a capture, as a device does, then at its end as well."""

    def capture(self, function: Callable[[], Any], generators: Iterable[torch.Generator]) -> Any:
        for generator in generators:
            generator.manual_seed(13)  # lost, as far as we know
        try:
            raise RuntimeError("operation not permitted when stream is capturing\nand more")
        finally:
            raise RuntimeError("capture was invalidated")


def test_what_cannot_be_captured_runs_eagerly_for_good_and_says_so_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = make_settings()
    with captured_on_tape(Broken):
        eager, broken = (training_of(settings, [0, 1], CPU, "float32") for _ in range(2))
        eager.captured.is_on = False
        for ours, theirs in zip(broken.batches.epoch(), eager.batches.epoch(), strict=True):
            found, expected = broken.update(ours), eager.update(theirs)
            assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert not broken.captured.is_on
    assert all(p.grad is None for p in broken.stack.parameters())
    told = capsys.readouterr().err
    reason = "operation not permitted when stream is capturing"
    assert told == f"note: updates run without a CUDA graph, more slowly: {reason}\n"


@pytest.mark.parametrize("refused", ["lift_fresh", "local_scalar_dense", "a generator"])
def test_the_tape_refuses_what_a_gpu_refuses(
    refused: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = torch.Generator()
    updates: dict[str, Callable[[Tensor], Tensor]] = {
        "lift_fresh": lambda first: first * torch.tensor(2.0),
        "local_scalar_dense": lambda first: first * first.sum().item(),
        "a generator": lambda first: first * torch.rand((), generator=other),
    }
    with captured_on_tape():
        run = Captured(lambda first: {"loss": updates[refused](first)}, Streams([0], CPU), [])
        for _ in range(WARM_UP + 1):
            run((), torch.ones(2))
    assert not run.is_on
    assert refused in capsys.readouterr().err


def test_a_bug_is_not_taken_for_a_capture_that_failed() -> None:
    with captured_on_tape():
        run = Captured(lambda first: {"loss": first.no_such_thing}, Streams([0], CPU), [])
        with pytest.raises(AttributeError):
            run((), torch.ones(2))


def test_adam_is_capturable_during_a_capture_alone() -> None:
    weights = [torch.zeros(1, requires_grad=True)]
    adam, sgd = torch.optim.Adam(weights, fused=True), torch.optim.SGD(weights, 0.1)
    during = []

    def fail() -> None:
        with capturable([adam, sgd]):
            during.append(adam.param_groups[0]["capturable"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert during == [True]
    assert not adam.param_groups[0]["capturable"]
    assert "capturable" not in sgd.param_groups[0]


class Recorder:
    """In the place of ``torch.cuda``: notes what is called."""

    def __init__(self, calls: list[str], name: str):
        self.calls, self.name, self.device = calls, name, "cuda:0"

    def __getattr__(self, method: str) -> Callable[..., None]:
        return lambda *arguments: self.calls.append(
            ".".join([self.name, method]) + f"({', '.join(a.name for a in arguments)})"
        )


def test_torchs_graph_is_used_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    side, main, graph = (Recorder(calls, name) for name in ("side", "main", "graph"))

    def entered(name: str) -> Any:
        calls.append(name)
        return nullcontext()

    monkeypatch.setattr(captured.torch.cuda, "Stream", lambda device: side)
    monkeypatch.setattr(captured.torch.cuda, "CUDAGraph", lambda: graph)
    monkeypatch.setattr(captured.torch.cuda, "current_stream", lambda device: main)
    monkeypatch.setattr(captured.torch.cuda, "stream", lambda s: entered(f"on {s.name}"))
    monkeypatch.setattr(
        captured.torch.cuda, "graph", lambda g, stream: entered(f"{g.name} on {stream.name}")
    )
    ours = CudaGraph(torch.device("cuda"))
    assert ours.warm_up(lambda: calls.append("update") or 1) == 1
    assert calls == ["side.wait_stream(main)", "on side", "update", "main.wait_stream(side)"]
    calls.clear()
    assert ours.capture(lambda: calls.append("update") or 2, [Recorder(calls, "draws")]) == 2
    registered = "graph.register_generator_state(draws)"
    assert calls == [registered, "on side", "graph on side", "update"]
    ours.replay()
    assert calls[-1] == "graph.replay()"
