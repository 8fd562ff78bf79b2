"""A GPU machine for some minutes, rehearsed on the CPU: in time, records written, gone on with."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from replication import campaign, cli, gpu
from replication.base.endings import REQUESTS
from replication.evidence import records
from replication.training.jobs import checkpoint
from replication.training.jobs.keeper import Keeper
from tests.training.test_weights import shrink

ROOT = Path(__file__).parents[1]
ITEM = "table2_semi_supervised"
FIRST, SECOND = f"{ITEM}/mnist_100", f"{ITEM}/nn_100"
SCRIPT = f"replication.{ITEM}"
EPOCHS, STEPS = 4, 28  # of each variant, an epoch of 1400 digits in batches of 50
# What a bare machine lacks: of all this, the wheels that are documented are brought.
ABSENT = ["snakemake", "jinja2", "pandas", "tqdm", "wandb", "psutil", "torchvision", "tabulate"]


class Machine:
    """Stands for ``campaign.run``: trains in this process, by a clock on which an update takes 1 s.

    When the seconds of a command are over, it ends like a training that is told to.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 1000.0
        self.commands: list[Sequence[str]] = []
        self.until = 0.0
        clock = SimpleNamespace(monotonic=lambda: self.now, time=time.time)
        for module in (campaign, gpu, checkpoint):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(campaign, "run", self.run)
        told = Keeper.step
        monkeypatch.setattr(Keeper, "step", lambda *place: (told(*place), self.tick()))

    def tick(self) -> None:
        self.now += 1
        if self.now >= self.until:
            raise SystemExit(143)

    def run(self, command: Sequence[str], seconds: float, log: IO[bytes] | None = None) -> int:
        self.commands.append(command)
        self.until = self.now + seconds
        _, _, module, *arguments = command
        if module == "bench.step":
            self.now += 5
            return 0
        assert log is not None
        try:
            cli.run(module.removeprefix("replication."), arguments)
        except SystemExit as ended:
            log.write(b"terminated\n")
            return int(str(ended))
        return 0


@pytest.fixture
def machine(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    shrink(monkeypatch, epochs=EPOCHS, seeds=[0, 1, 2])
    return Machine(monkeypatch)


def on_gpu(minutes: float, *arguments: str, only: Sequence[str] = (FIRST, SECOND)) -> int:
    given = ["--minutes", str(minutes), "--device", "cpu", "--preset", "smoke", *arguments]
    return gpu.main([*given, "--only", *only])


def result(name: str) -> Any:
    item, variant = name.split("/")
    record = records.read(records.path_of("smoke", item, variant))
    return [(seed.metrics, seed.history, seed.provenance.stacked) for seed in record.seeds]


def test_it_stops_in_time_and_the_second_call_goes_on(
    machine: Machine, workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    began, minutes = machine.now, (5 + EPOCHS * STEPS + 3.5 * STEPS + 40) / 60
    assert on_gpu(minutes) == 0
    assert machine.now <= began + 60 * minutes
    first = records.path_of("smoke", ITEM, "mnist_100")
    second = records.path_of("smoke", ITEM, "nn_100")
    assert first.exists(), "what was whole is written"
    lines = capsys.readouterr().out.splitlines()
    left = f"left: {second} (begun, up to epoch 2)"  # 30 s apart: after epochs 2, and not yet 4
    assert lines[-3:-1] == [left, "1 records of smoke are missing"]
    assert lines[-1].startswith("to go on: the same command")
    assert [command[2] for command in machine.commands] == ["bench.step", SCRIPT, SCRIPT]

    assert on_gpu(60, "--no-checks") == 0
    assert "nothing is left" in capsys.readouterr().out
    assert len(machine.commands) == 4, "no bench, and only what was left"
    assert [stacked for *_, stacked in result(FIRST) + result(SECOND)] == [3] * 6
    made = records.read(second).seeds[0].provenance
    assert [process.work for process in made.processes] == ["training", "training"]
    cut = result(SECOND)
    (workdir / "unbroken").mkdir()
    monkeypatch.chdir(workdir / "unbroken")
    assert on_gpu(60, only=[SECOND]) == 0
    assert result(SECOND) == cut


def test_without_time_it_says_what_is_left(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on_gpu(0) == 0
    assert machine.commands == []
    assert "2 records of smoke are missing" in capsys.readouterr().out


def test_a_training_that_fails_is_named_and_the_next_one_goes_on(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = machine.run

    def failing(command: Sequence[str], seconds: float, log: IO[bytes] | None = None) -> int:
        if "--variant=mnist_100" not in command:
            return run(command, seconds, log)
        assert log is not None
        log.write(b"epoch 1\nerror: out of memory; stack fewer seeds\n")
        return 1

    monkeypatch.setattr(campaign, "run", failing)
    assert on_gpu(60) == 2
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert "mnist_100.json (error: out of memory; stack fewer seeds)" in line
    assert records.path_of("smoke", ITEM, "nn_100").exists()


def test_options_of_train_are_handed_on(machine: Machine) -> None:
    given = ["--minutes", "60", "--device", "cpu", "--preset", "smoke", "--no-checks"]
    assert gpu.main([*given, "--only", SECOND, "--", "--stack", "2"]) == 0
    assert [stacked for *_, stacked in result(SECOND)] == [2, 2, 1]


TRAINING = """
import pathlib, signal, sys, time
def end(*_):
    pathlib.Path("told to end").touch()
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path("ready").touch()
time.sleep(60)
"""


def test_told_to_end_it_ends_its_training_first(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_gpu(options: Any) -> None:
        campaign.run([sys.executable, "-c", TRAINING], 60)

    def tell() -> None:
        while not Path("ready").exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(gpu, "on_gpu", on_gpu)
    before = {number: signal.getsignal(number) for number in REQUESTS}
    teller = threading.Thread(target=tell)
    teller.start()
    try:
        assert gpu.main(["--minutes", "1"]) == 143
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert Path("told to end").exists()


def test_the_tests_of_a_gpu_are_those_that_are_marked(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workdir / "tests").mkdir()
    mark = "@pytest.mark." + "gpu"  # else this file would be found, too
    (workdir / "tests/test_a.py").write_text(f"{mark}\ndef test(): ...\n")
    (workdir / "tests/test_b.py").write_text("def test(): ...\n")
    (_, tests), (name, _) = gpu.checks("cuda:0")
    assert tests[-3:] == ["-m", "gpu", "tests/test_a.py"]
    assert [name] == ["bench.step"] == [name for name, _ in gpu.checks("cpu")]
    monkeypatch.setitem(sys.modules, "pytest", None)
    assert [name for name, _ in gpu.checks("cuda")] == ["bench.step"]
    assert "the tests of the GPU are left out: pytest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--device", "cuda:77"], "device 'cuda:77' cannot be used"),
        (["--preset", "papers"], "unknown preset 'papers'"),
        (["--only", f"{ITEM}/mnist_10"], f"did you mean {ITEM}/mnist_100?"),
        (["--", "--precision", "float16"], "argument --precision: invalid choice: 'float16'"),
        (["--", "--stack", "0"], "argument --stack: '0' is no whole number"),
        (["--minutes", "-1"], "'-1' is no number of minutes, from 0 to 10000"),
        (["--minutes", "soon"], "'soon' is no number of minutes, from 0 to 10000"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    workdir: Path, arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = gpu.main(["--minutes", "1", "--device", "cpu", *arguments])
    except SystemExit as error:
        code = error.code
    assert code == 2
    told = capsys.readouterr().err.splitlines()
    assert line in told[-1]
    assert list(workdir.iterdir()) == []


@pytest.fixture
def bare(workdir: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command where the named modules cannot be imported, by its children neither."""

    def bare(absent: Sequence[str], *arguments: str) -> subprocess.CompletedProcess[str]:
        blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in absent)
        (workdir / "blocked").mkdir()
        (workdir / "blocked/sitecustomize.py").write_text(f"import sys\n{blocked}")
        path = os.pathsep.join([str(workdir / "blocked"), str(ROOT)])
        return subprocess.run(
            [sys.executable, "-m", "replication.gpu", "--device", "cpu", *arguments],
            cwd=workdir,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=290,
        )

    return bare


@pytest.mark.slow
def test_a_bare_machine_trains(bare: Any, workdir: Path) -> None:
    arguments = ("--minutes", "8", "--preset", "smoke", "--only", SECOND, "--no-checks")
    done = bare([*ABSENT, "hypothesis"], *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing is left" in done.stdout
    record = json.loads((workdir / f"results/smoke/{SECOND}.json").read_text())
    assert {seed["provenance"]["stacked"] for seed in record["seeds"]} == {len(record["seeds"])}


def test_a_machine_without_the_wheels_is_told_which(bare: Any) -> None:
    done = bare([*ABSENT, "pydantic", "safetensors"], "--minutes", "1")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: pydantic, safetensors cannot be imported; install them, ")


def test_the_wheels_that_are_asked_for_are_those_of_the_file() -> None:
    lines = (ROOT / "profiles/gpu/wheels.txt").read_text().splitlines()
    assert tuple(line for line in lines if not line.startswith("#")) == gpu.WHEELS
