"""What a record is a run of: the paper's experiment, a reduced one, or another.

Its training settings are compared with those of the preset ``paper``. What differs is said in
words, so that every number can be shown with what was run.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from replication.settings.optimisers import Phases
from replication.settings.schema import MEASURED, SEEDS, Settings
from replication.settings.strict import Strict

from .records import Record

Kind = Literal["full", "reduced", "not comparable"]

# The images to train on of the whole data sets; those of SVHN without and with "extra".
ALL_IMAGES = {"mnist": 60_000, "svhn": 73_257}
EXTRA_IMAGES = 531_131
# Settings that say which images are trained on: a run with others is not comparable.
DATA = ("data", "allow_subset", "use_extra", "validation_images", "held_out_class")
# Where the order of words is another than that of the setting's name.
NAMES = {"init_std": "initial standard deviation"}
PHASES = [name.replace("_", " ") for name in Phases.model_fields]


class Difference(Strict):
    """A setting of ours and the paper's, as words: "epochs", "54", "5000"."""

    key: str
    ours: str
    paper: str
    # Ours is so much of the paper's: less training, smaller networks, fewer images.
    less: bool = False

    def __str__(self) -> str:
        if self.key == "images":
            return f"{self.ours} of {self.paper} images"
        separator = ": " if self.key in PHASES else " "
        return f"{self.key}{separator}{self.ours} {'of' if self.less else 'for'} {self.paper}"


class RunKind(NamedTuple):
    """Which kind of run a record is, and its differences from the paper's settings."""

    kind: Kind
    differences: list[Difference]


def run_kind(record: Record, paper: Settings, epoch: int | None = None) -> RunKind:
    """Of ``record`` beside the settings ``paper`` of its variant at the preset of that name.

    With ``epoch``, of the training up to there: what acts later is no difference.
    """
    ours = record.settings
    images = images_difference(record, paper)
    end = ours.epochs if epoch is None else min(ours.epochs, epoch)
    own, theirs = (trained(s, epoch, end) for s in (ours, paper))
    found = [d for key in own for d in compared(in_words(key), own[key], theirs[key])]
    found.sort(key=lambda difference: not difference.less)
    if images:
        return RunKind("not comparable", [images, *found])
    return RunKind("reduced" if found else "full", found)


def images_difference(record: Record, paper: Settings) -> Difference | None:
    """Other images to train on than the paper's, or only a part of them."""
    ours = record.settings
    settings = [name for name in DATA if name != "allow_subset"]
    if not record.dataset.subset and all(getattr(ours, n) == getattr(paper, n) for n in settings):
        return None
    if ours.data != paper.data:
        return Difference(key="data", ours=str(ours.data), paper=str(paper.data))
    whole = ALL_IMAGES.get(str(paper.data))
    if whole is not None:
        whole += (EXTRA_IMAGES if paper.use_extra else 0) - paper.validation_images
    all_of_them = "all" if whole is None else f"{whole:,}"
    return Difference(key="images", ours=f"{record.dataset.train:,}", paper=all_of_them, less=True)


def trained(settings: Settings, epoch: int | None, end: int) -> dict[str, Any]:
    """The values that training depends on; with ``epoch``, up to there.

    Learning rates after our ``end`` are left out: the number of epochs says it.
    """
    values = settings.model_dump(exclude={*SEEDS, *MEASURED, *DATA})
    if epoch is not None:
        values["epochs"] = min(values["epochs"], epoch)
    for phase in filter(None, values["phases"].values()):
        schedule = phase["learning_rate"].items()
        phase["learning_rate"] = {start: rate for start, rate in schedule if start < end}
    return values


def compared(key: str, ours: Any, paper: Any) -> list[Difference]:
    """The differences of one setting, of each of its parts where it has any."""
    if ours == paper:
        return []
    if key == "phases":
        phases = [(words(name), ours[name], paper[name]) for name in ours]
        return [d for name, own, other in phases for d in compared_phase(name, own, other)]
    if is_group(ours) and is_group(paper):
        parts = [(f"{key}: {words(name)}", ours[name], paper[name]) for name in ours]
        return [d for name, own, other in parts for d in compared(name, own, other)]
    return [Difference(key=key, ours=shown(ours), paper=shown(paper), less=is_less(ours, paper))]


def compared_phase(name: str, ours: Any, paper: Any) -> list[Difference]:
    """Another optimiser says all; of the same one, each part that differs."""
    if ours == paper:
        return []
    if ours is None or paper is None or ours["method"] != paper["method"]:
        return [Difference(key=name, ours=method_of(ours), paper=method_of(paper))]
    return compared(name, ours, paper)


def method_of(phase: Any) -> str:
    return "none" if phase is None else {"sgd": "SGD", "adam": "Adam"}[phase["method"]]


def in_words(setting: str) -> str:
    """The setting's name, unlike that of the phase of the same name."""
    name = words(setting)
    return f"{name} settings" if name in PHASES else name


def words(key: str) -> str:
    return NAMES.get(key, key.replace("_", " "))


def shown(value: Any) -> str:
    """A value as it stands in a sentence; a learning rate's schedule with its epochs."""
    if value is None or value == [] or value is False:
        return "none"
    if value is True:
        return "yes"
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    if is_group(value):
        return ", ".join(f"{words(k)} {shown(v)}" for k, v in value.items())
    if isinstance(value, Mapping):
        first, *later = value.items()
        drops = (f", from epoch {start} {rate:g}" for start, rate in later)
        return f"{first[1]:g}" + "".join(drops)
    if value == "he":
        return "He's"
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_less(ours: Any, paper: Any) -> bool:
    """An amount that is smaller than the paper's."""
    own, other = (v if isinstance(v, list) else [v] for v in (ours, paper))
    numbers = all(isinstance(v, int) and not isinstance(v, bool) for v in (*own, *other))
    return numbers and sum(own) < sum(other)


def is_group(value: Any) -> bool:
    """Named settings, not a learning rate by epoch."""
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def in_brief(differences: list[Difference]) -> list[str]:
    """The differences for a table's cell: those of optimisers together, in a few words."""
    texts: list[str] = []
    methods: dict[str, list[str]] = {}
    rates: list[str] = []
    for d in differences:
        phase, _, part = d.key.partition(": ")
        if phase in PHASES and not part:
            methods.setdefault(f"{d.ours} for {d.paper}", []).append(phase)
        elif phase in PHASES:
            rates.append(part)
        else:
            texts.append(str(d))
    texts += methods
    if rates:
        texts.append("other " + " and ".join(dict.fromkeys(f"{part}s" for part in rates)))
    return texts
