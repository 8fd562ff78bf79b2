"""Tracking: what W&B stores is what was logged, and what it needs is asked for before training."""

import contextlib
import os
import platform
import pty
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest
import wandb
from PIL import Image

from replication.base.errors import UserError
from replication.training.jobs.tracking import MODES, Tracker, check_mode
from tests.tools.wandb_offline import OfflineRun, read_runs

pytestmark = pytest.mark.usefixtures("no_wandb_session")
ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef0123456789abcdef01234567"
SETTINGS = {
    "epochs": 3,
    "hidden_sizes": [16, 8],
    "phases": {"reconstruction": {"learning_rate": {"0": 0.01}}},
}
ROWS: list[dict[str, float | int]] = [
    {"epoch": 1, "updates": 10, "reconstruction": 30.5},
    {"epoch": 2, "updates": 20, "reconstruction": 20.25, "test_error_percent": 9.5},
    {"epoch": 3, "updates": 30, "reconstruction": 1e-7, "test_error_percent": 4.75},
]


def tracker(seed: int = 0) -> Tracker:
    names = ("table2", "mnist_100", "smoke")
    return Tracker(*names, seed, seed + 10, SETTINGS, {"commit": "abc"})


def stored(folder: Path) -> list[OfflineRun]:
    """The runs below ``folder``, once W&B has closed their files, which it does in its own time."""
    wandb.teardown()
    return read_runs(folder / "wandb")


def run_python(code: str, terminal: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in an interpreter of its own, at a ``terminal`` or with its output captured."""
    output = subprocess.PIPE if terminal is None else terminal
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=terminal,
        stdout=output,
        stderr=output,
        text=True,
        timeout=60,
        check=False,
    )


def test_offline_runs_hold_what_was_logged(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "inherited")
    images = {
        "grey": np.array([[0, 1], [1, 0]], np.uint8),
        "colour": np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
    }
    trackers = [tracker(0), tracker(1)]
    for row in ROWS:
        for one in trackers:
            one.log(row)
    # Other values than the last row's: the final ones are what the summary keeps.
    trackers[0].finish({"test_error_percent": 4.5, "log_likelihood": 250.0}, "ok", images)
    trackers[1].finish({"test_error_percent": 90.0}, "diverged")

    runs = stored(workdir)
    assert [run.id for run in runs] == [one.id for one in trackers]
    # Not the inherited one, which all seeds would share.
    assert len({"inherited", *(run.id for run in runs)}) == 3
    for seed, run in enumerate(runs):
        assert run.name == f"table2/mnist_100/smoke/seed{seed}-labels{seed + 10}"
        assert run.tags == ["table2", "smoke"]
        assert run.steps["*"] == "epoch"
        assert run.group == "table2/mnist_100/smoke"
        assert run.job_type == "train"
        assert run.project == "adversarial-autoencoders"
        assert run.exit_code == 0
        assert run.config == {
            **SETTINGS,
            "item": "table2",
            "variant": "mnist_100",
            "preset": "smoke",
            "seed": seed,
            "label_seed": seed + 10,
            "record": "smoke/table2/mnist_100.json",
            "command": "aae train table2/mnist_100 --preset smoke",
            "host": platform.node(),
            "commit": "abc",
        }
    media = [runs[0].history[-1].pop(name) for name in images]
    assert runs[0].history == ROWS
    assert runs[1].history == ROWS
    final = {**ROWS[-1], "test_error_percent": 4.5, "log_likelihood": 250.0, "status": "ok"}
    assert {k: v for k, v in runs[0].summary.items() if k not in images} == final
    assert runs[1].summary == {**ROWS[-1], "test_error_percent": 90.0, "status": "diverged"}
    for entry, pixels in zip(media, images.values(), strict=True):
        image = Image.open(runs[0].folder / "files" / entry["path"])
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_a_run_that_was_cut_and_one_that_goes_on_are_marked(workdir: Path) -> None:
    first, second = tracker(), tracker()
    first.log(ROWS[0])
    first.cut()
    first.log(ROWS[1])
    second.resumed()
    for row in ROWS:
        second.log(row)
    second.finish({}, "ok")
    runs = {run.id: run for run in stored(workdir)}
    cut, whole = runs[str(first.id)], runs[str(second.id)]
    assert (cut.name, cut.history) == (whole.name, ROWS[:1])
    assert (cut.exit_code, whole.exit_code) == (1, 0)
    assert (cut.summary["status"], whole.summary["status"]) == ("cut", "ok")
    assert set(cut.tags) - set(whole.tags) == {"cut"}
    assert set(whole.tags) - set(cut.tags) == {"resumed"}


def test_a_seed_without_any_row_can_finish(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seed that diverges in the first epoch; here in a folder and project of the user's own."""
    monkeypatch.setenv("WANDB_DIR", str(workdir / "own" / "place"))
    monkeypatch.setenv("WANDB_PROJECT", "own-project")
    one = tracker()
    one.finish({}, "diverged", {"grey": np.zeros((2, 2), np.uint8)})
    [run] = stored(workdir / "own" / "place")
    assert run.project == "own-project"
    assert run.summary["status"] == "diverged"
    assert not (workdir / "wandb").exists()


def test_a_long_history_is_whole(workdir: Path) -> None:
    """More than one block of the file, so that records are split between two."""
    rows = [{"epoch": epoch, "loss": 1 / epoch} for epoch in range(1, 401)]
    one = tracker()
    for row in rows:
        one.log(row)
    one.finish({}, "ok")
    [run] = stored(workdir)
    assert next(run.folder.glob("*.wandb")).stat().st_size > 2 * 32768
    assert run.history == rows


def use_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")


def use_no_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)


def use_a_folder_for_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python imports where wandb is missing and earlier runs have left ./wandb."""
    monkeypatch.setitem(sys.modules, "wandb", ModuleType("wandb"))


@pytest.mark.parametrize("use", [use_disabled, use_no_wandb, use_a_folder_for_wandb])
def test_where_tracking_is_off_nothing_is_written(
    use: Callable[[pytest.MonkeyPatch], None], workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        use(patch)
        check_mode()
        one = tracker()
        assert one.id is None
        for row in ROWS:
            one.log(row)
        one.finish({"test_error_percent": 4.5}, "ok", {"grey": np.zeros((2, 2), np.uint8)})
    assert list(workdir.iterdir()) == []


@pytest.mark.parametrize("mode", ["online", "run", "shared"])
def test_online_without_a_key_is_refused(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    with pytest.raises(UserError) as error:
        check_mode()
    assert error.value.problem == f"W&B mode is {mode} but there is no API key"
    assert error.value.remedy == (
        "set WANDB_API_KEY, run `wandb login`, or leave WANDB_MODE unset for offline runs"
    )


def test_no_key_is_asked_for_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("TERM", "xterm")
    controller, terminal = pty.openpty()
    code = """
        import sys
        from replication.base.errors import UserError
        from replication.training.jobs.tracking import Tracker, check_mode

        assert sys.stdin.isatty() and sys.stderr.isatty() and "torch" not in sys.modules
        for start in (check_mode, lambda: Tracker("item", "variant", "smoke", 0, 0, {})):
            try:
                start()
            except UserError as error:
                print(error)
    """
    done = run_python(code, terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # Linux's sign that the terminal's other end is closed
        while chunk := os.read(controller, 4096):
            shown += chunk
    os.close(controller)
    assert done.returncode == 0
    assert [line.split(";")[0] for line in shown.decode().splitlines()] == [
        "W&B mode is online but there is no API key"
    ] * 2


@pytest.mark.parametrize("place", ["variable", "netrc"])
def test_online_with_a_key_may_start(
    place: str,
    workdir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    if place == "variable":
        monkeypatch.setenv("WANDB_API_KEY", KEY)
    else:
        (workdir / "netrc").write_text(f"machine api.wandb.ai login user password {KEY}\n")
    check_mode()
    assert capfd.readouterr() == ("", "")


def test_a_refused_key_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_API_KEY", KEY[:12])
    with pytest.raises(UserError, match=r"W&B does not start: .*API key") as error:
        tracker()
    shown = capfd.readouterr()
    assert KEY[:12] not in f"{error.value}{shown.out}{shown.err}"
    assert "\n" not in str(error.value)


def test_an_unknown_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offlin")
    with pytest.raises(UserError) as error:
        check_mode()
    assert error.value.problem == "unknown WANDB_MODE 'offlin'"
    assert "online, offline, disabled" in error.value.remedy


def test_the_known_modes_are_those_of_wandb() -> None:
    assert set(MODES) == set(get_args(wandb.Settings.model_fields["mode"].annotation))


def test_a_folder_that_cannot_be_written_is_refused(
    workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """wandb alone would move to the system's folder of temporary files."""
    (workdir / "file").touch()
    monkeypatch.setenv("WANDB_DIR", str(workdir / "file" / "below"))
    with pytest.raises(UserError) as error:
        check_mode()
    assert str(workdir / "file" / "below") in error.value.problem
    assert "WANDB_DIR" in error.value.remedy


def test_a_wandb_that_does_not_start_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "a/b")
    with pytest.raises(UserError, match="W&B does not start: ") as error:
        tracker()
    assert "\n" not in str(error.value)

    def fail(*arguments: object, **named: object) -> None:
        raise ValueError(f"bad value\n  api_key={KEY}")

    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(wandb, "init", fail)
    with pytest.raises(UserError) as error:
        tracker()
    assert error.value.problem == "W&B does not start: bad value api_key=***"


def test_a_failure_in_between_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = tracker()
    one.log(ROWS[0])

    def fail(*arguments: object, **named: object) -> None:
        raise ConnectionResetError("connection lost")

    monkeypatch.setattr(wandb.Run, "log", fail)
    for row in ROWS[1:]:
        one.log(row)
    one.finish({}, "ok")
    name = "table2/mnist_100/smoke/seed0-labels10"
    assert capsys.readouterr().err == f"note: W&B no longer tracks {name}: connection lost\n"


def test_a_crash_ends_the_process_and_keeps_the_rows(workdir: Path) -> None:
    code = f"""
        from replication.training.jobs.tracking import Tracker

        tracker = Tracker("table2", "mnist_100", "smoke", 0, 0, {{}})
        for row in {ROWS!r}:
            tracker.log(row)
        raise RuntimeError("stopped")
    """
    done = run_python(code)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "RuntimeError: stopped"
    [run] = stored(workdir)
    assert run.history == ROWS
    assert run.exit_code == 1
