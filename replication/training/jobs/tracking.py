"""Weights & Biases: one run per seed, offline unless ``WANDB_MODE`` says otherwise.

The runs mirror the record and are never its source. Without wandb nothing is tracked.
"""

import os
import platform
import secrets
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from replication.base.errors import UserError
from replication.base.patience import hung, in_time, interrupted

PROJECT = "adversarial-autoencoders"
MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")
MODES_WITHOUT_KEY = ("offline", "dryrun")

# wandb's own wait for a server that does not answer, at the end of a run; its default is for ever.
FINISH_SECONDS = 60.0
# Our wait for an answer of wandb, to each call: longer than its own, at the start (90) or the end.
PATIENCE = "REPLICATION_WANDB_SECONDS"
PATIENCE_SECONDS = 120.0


class Tracker:
    """One W&B run for one seed of one variant; a mirror of the record, never its source.

    ``id`` is the W&B run id, None where tracking is off. W&B failing at the start is a UserError;
    later on it is one line, after which this run is no longer tracked, nor any that begins after a
    call that hung. To give no answer within ``patience`` is to fail.
    """

    def __init__(
        self,
        item: str,
        variant: str,
        preset: str,
        seed: int,
        label_seed: int,
        settings: dict[str, Any],
        made_with: Mapping[str, Any] | None = None,
    ) -> None:
        self.id: str | None = None
        self._run: Any = None
        self._epoch = 0
        place = f"{item}/{variant}/{preset}"
        labels = "" if label_seed == seed else f"-labels{label_seed}"
        self._name = f"{place}/seed{seed}{labels}"
        prepared = _prepare()
        if prepared is None:
            return
        wandb, mode, folder = prepared
        identity = {
            "item": item,
            "variant": variant,
            "preset": preset,
            "seed": seed,
            "label_seed": label_seed,
            "record": f"{preset}/{item}/{variant}.json",
            "command": f"aae train {item}/{variant} --preset {preset}",
            "host": platform.node(),
            **(made_with or {}),
        }

        told = {
            "group": place,
            "name": self._name,
            "job_type": "train",
            "tags": [item, preset],
            "config": {**settings, **identity},
        }
        if hung.is_set():  # in an earlier seed, whose training W&B has not cost either
            print(f"note: W&B does not track {self._name}: it hangs", file=sys.stderr)
            return
        try:
            self._run = in_time(partial(_started, wandb, mode, folder, told), patience())
        except Exception as error:
            raise _refused(error) from None
        self.id = self._run.id
        # Charts have the epoch on their axis; summaries keep the last value, never the best one,
        # which the test images would have chosen.
        self._mirror(lambda run: run.define_metric("*", step_metric="epoch"))

    def log(self, row: Mapping[str, float | int]) -> None:
        """Add an epoch's row to the history, at the step ``row["epoch"]``; epochs must rise.

        W&B holds it back until the next row or ``finish``, so that images can join the last one.
        """
        self._epoch = int(row["epoch"])
        self._mirror(lambda run: run.log(dict(row), step=self._epoch))

    def resumed(self) -> None:
        """Mark a run that goes on where another one of the same seed was cut."""

        def mark(run: Any) -> None:
            run.tags = (*run.tags, "resumed")

        self._mirror(mark)

    def cut(self) -> None:
        """Mark the run as one whose training did not end, and close it."""

        def close(run: Any) -> None:
            run.tags = (*run.tags, "cut")
            run.summary.update({"status": "cut"})
            run.finish(exit_code=1)

        self._mirror(close)
        self._run = None

    def finish(
        self,
        metrics: Mapping[str, float],
        status: str,
        images: Mapping[str, NDArray[np.uint8]] | None = None,
    ) -> None:
        """Put the final ``metrics`` and ``status`` into the summary and close the run.

        ``images`` are uint8, [height, width] or [height, width, 3], logged with the last epoch.
        The run's file is complete a moment later, at the latest when the process ends.
        """

        def close(run: Any) -> None:
            media = {name: _media(pixels) for name, pixels in (images or {}).items()}
            # Before the summary: each row overwrites the summary's values of the same names.
            run.log(media, step=self._epoch, commit=True)
            run.summary.update({**metrics, "status": status})
            run.finish()

        self._mirror(close)
        self._run = None

    def _mirror(self, action: Callable[[Any], None]) -> None:
        if self._run is None:
            return
        if interrupted.is_set():  # Ctrl-C while W&B was waited for: the one line is of that
            self._run = None
            return
        try:
            in_time(partial(action, self._run), patience())
        except Exception as error:  # whatever it is, it must not cost the training
            self._run = None
            told = f"note: W&B no longer tracks {self._name}: {_one_line(error)}"
            print(told, file=sys.stderr)


def check_mode() -> None:
    """Raise a UserError now for what would keep W&B from starting; to be called before training.

    That is an unknown ``WANDB_MODE``, a patience that is no number, no API key where one is needed,
    or a folder that cannot be written. It never asks for a key and uses no network.
    """
    _prepare()


def patience() -> float:
    """Seconds to wait for an answer; a UserError where the variable holds no number above 0."""
    given = os.environ.get(PATIENCE) or str(PATIENCE_SECONDS)
    with suppress(ValueError):
        if 0 < (seconds := float(given)) <= threading.TIMEOUT_MAX:
            return seconds
    remedy = f"set it to seconds, such as 30, or leave it unset for {PATIENCE_SECONDS:g}"
    raise UserError(f"{PATIENCE} is '{given}', which is no number of seconds above 0", remedy)


def _prepare() -> tuple[Any, str, Path] | None:
    """The wandb package, the mode and the folder to run in; None where tracking is off."""
    mode = os.environ.get("WANDB_MODE") or "offline"
    if mode not in MODES:
        remedy = f"set it to one of: {', '.join(MODES)}; or leave it unset for offline runs"
        raise UserError(f"unknown WANDB_MODE '{mode}'", remedy)
    wandb = None if mode == "disabled" else _wandb()
    if wandb is None:
        return None
    patience()
    folder = Path(os.environ.get("WANDB_DIR") or ".").expanduser().absolute()
    if mode not in MODES_WITHOUT_KEY and not _has_key(wandb):
        raise UserError(
            f"W&B mode is {mode} but there is no API key",
            "set WANDB_API_KEY, run `wandb login`, or leave WANDB_MODE unset for offline runs",
        )
    _require_writable(Path(wandb.Settings(root_dir=str(folder)).wandb_dir))
    return wandb, mode, folder


def _wandb() -> Any:
    """The wandb package, imported only here: a bare machine may lack it. None where it does."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    try:
        import wandb
    except ImportError:
        return None
    # Without the package, Python takes the folder ./wandb, left by earlier runs, for one.
    return wandb if hasattr(wandb, "init") else None


def _has_key(wandb: Any) -> bool:
    """Whether wandb would find a key by itself: without one, it would ask at the terminal."""
    if os.environ.get("WANDB_API_KEY"):
        return True

    def has_key() -> bool:
        from wandb.sdk.lib.wbauth import read_netrc_auth

        settings = wandb.setup().settings
        if settings.api_key or settings.identity_token_file:
            return True
        return bool(read_netrc_auth(host=settings.base_url))

    try:
        return in_time(has_key, patience())
    except Exception as error:
        raise _refused(error) from None


def _started(wandb: Any, mode: str, folder: Path, told: dict[str, Any]) -> Any:
    """A new run of ``wandb``, which prints nothing and watches neither machine nor code."""
    return wandb.init(
        # An inherited WANDB_RUN_ID would give every seed the same one.
        id=secrets.token_hex(6),
        mode=mode,
        project=os.environ.get("WANDB_PROJECT") or PROJECT,
        dir=str(folder),
        reinit="create_new",
        settings=wandb.Settings(
            silent=True,
            x_disable_stats=True,
            x_disable_meta=True,
            console="off",
            finish_timeout=FINISH_SECONDS,
        ),
        **told,
    )


def _require_writable(folder: Path) -> None:
    """A UserError where ``folder`` cannot be written: wandb would move to the system's /tmp."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"W&B cannot write to {folder} ({error.strerror})",
            "set WANDB_DIR to a folder that can be written, or WANDB_MODE=disabled",
        ) from None


def _media(pixels: NDArray[np.uint8]) -> Any:
    import wandb

    # By way of PIL: wandb 0.28 stretches an array whose values are all 0 or 1.
    return wandb.Image(Image.fromarray(pixels))


def _refused(error: Exception) -> UserError:
    remedy = "correct the W&B settings, or set WANDB_MODE to offline or disabled"
    return UserError(f"W&B does not start: {_one_line(error)}", remedy)


def _one_line(error: Exception) -> str:
    """The error's message without line breaks, and without the API key, should it hold it."""
    text = " ".join(str(error).split()) or type(error).__name__
    key = os.environ.get("WANDB_API_KEY", "").strip()
    return text.replace(key, "***") if key else text
