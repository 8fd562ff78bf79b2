"""Several GPUs in one machine: the cards are pretended here, the locks are real."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from replication.base.errors import UserError
from replication.training.jobs import cards
from tests.tools.workflow import ROOT, SNAKEMAKE, copy_sources, environment

NAMES = ["GPU-a", "GPU-b"]
TRAINING = f"""
import sys
from pathlib import Path
from replication.base.files import hold_first_free

print(hold_first_free(Path(sys.argv[1], name) for name in {NAMES}), flush=True)
sys.stdin.read()
"""
# Instead of a training: which card it has, from when to when.
JOB = f"""
import json, sys, time
from pathlib import Path
from replication.base.files import hold_first_free

card, began = hold_first_free(Path("cards", name) for name in {NAMES}), time.time()
time.sleep(1)
Path(sys.argv[1]).write_text(json.dumps([card, began, time.time()]))
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts a process that takes a card and keeps it."""
    running = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", TRAINING, str(tmp_path / "cards")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        running.append(subprocess.Popen(command, cwd=ROOT, text=True, **pipes))
        return running[-1]

    yield start
    for process in running:
        process.communicate()


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_each_process_has_a_card_of_its_own_and_a_killed_one_frees_its_card(
    start: Callable[[], subprocess.Popen[str]],
) -> None:
    first, second, third = start(), start(), start()
    assert sorted(map(told, (first, second, third))) == ["0", "1", "None"]
    first.send_signal(signal.SIGKILL)
    second.send_signal(signal.SIGKILL)
    first.wait()
    second.wait()
    third.send_signal(signal.SIGKILL)
    assert sorted([told(start()), told(start())]) == ["0", "1"]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[int]]:
    """Two cards that torch can use; the numbers of those that were chosen."""
    chosen: list[int] = []
    cards.use_device.cache_clear()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setattr(cards, "visible", lambda: NAMES)
    monkeypatch.setattr(cards, "check_device", lambda name: None)
    yield chosen
    cards.use_device.cache_clear()


def test_cuda_is_the_first_free_card_and_the_same_for_all_trainings_of_a_process(
    machine: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cpu", "cuda:0"):
        cards.use_device(name)
    assert machine == [], "what was named stays"
    cards.use_device("cuda")
    cards.use_device("cuda")
    assert machine == [0]
    for expected in (1, 0):
        cards.use_device.cache_clear()  # as another process
        cards.use_device("cuda")
        assert machine[-1] == expected
    note = "note: every GPU has a training already; they share the first\n"
    assert capsys.readouterr().err == note


def test_a_device_that_is_not_there_is_one_clear_line() -> None:
    cards.use_device.cache_clear()
    with pytest.raises(UserError, match="device 'xpu' cannot be used"):
        cards.use_device("xpu")


@pytest.mark.slow
def test_snakemake_starts_as_many_trainings_as_it_is_told_of_gpus(tmp_path: Path) -> None:
    """One without being told: the profile that is loaded by itself says so."""
    folder = copy_sources(tmp_path)
    (folder / "job.py").write_text(JOB)
    snakefile = folder / "Snakefile"
    text = snakefile.read_text()
    begin, end = text.index('"python -m replication train'), text.index(" >> {log} 2>&1")
    text = f'{text[:begin]}"python job.py {{output}}{text[end:]}'
    assert text.count("check_device(") == 1  # here is no GPU
    snakefile.write_text(text.replace("check_device(", "str("))
    names = ("aae_gaussian", "aae_mixture", "vae_gaussian")
    every = [f"results/quick/figure2_prior_matching/{name}.json" for name in names]
    for given, most, records in ((["--resources", "gpu=2"], 2, every), ([], 1, every[:2])):
        command = [SNAKEMAKE, "--profile", "profiles/gpu", *given, "--forceall"]
        command += ["--cores", "12", "--config", "device=cuda", "--", *records]
        subprocess.run(command, cwd=folder, env=environment(folder), check=True)
        spans = [json.loads((folder / record).read_text()) for record in records]
        at_once = [[s[0] for s in spans if s[1] <= began < s[2]] for _, began, _ in spans]
        assert max(map(len, at_once)) == most
        assert all(sorted(found) == [*range(len(found))] for found in at_once)
