"""What is trained, and where that which is kept of it lies.

``.checkpoints/<item>/<variant>/<settings>-<training code>-<precision ...>/`` has, of each seed:

- ``stack_0-0/``: checkpoints of a stack of seeds that is in training (of many: ``seeds`` in it);
- ``seed_0_labels_0.safetensors`` and ``.fitted``: what training left (``weights``);
- ``seed_0_labels_0-<measures>-<code>.pt``: what was measured of it, until the record is whole.

A changed setting, another training code, precision, number of threads or kind of device never go
on with another's state; another measure starts from the same weights, that of another variant of
the item, too, whose training has the same settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

from replication.base.errors import UserError
from replication.base.places import OWN
from replication.evidence import records
from replication.evidence.code_hash import code_hash, weights_code
from replication.evidence.lineage import current_code
from replication.evidence.seeds import SeedResult
from replication.settings.experiments import experiments
from replication.settings.optimisers import Phases
from replication.settings.schema import Seed, Settings
from replication.training.run import Execution

from .weights import is_kept, seed_name, told_of

CHECKPOINTS = Path(".checkpoints")


@dataclass(frozen=True)
class Variant:
    """An item's script, the resolved settings of one variant, how it is computed and recorded."""

    script: ModuleType
    preset: str
    name: str
    execution: Execution = field(default_factory=Execution)
    results: Path = records.RESULTS
    runs: tuple[Seed, ...] | None = None  # where others are asked for than those of the settings

    def __str__(self) -> str:
        return f"{self.item} {self.name} ({self.preset})"

    @property
    def item(self) -> str:
        return self.script.__name__.rpartition(".")[2]

    @property
    def settings(self) -> Settings:
        settings = experiments().settings_of(self.preset, self.item, self.name)
        return settings if self.runs is None else settings.model_copy(update=numbers_of(self.runs))

    @property
    def trains(self) -> bool:
        """Whether there is anything to train: some variants only measure."""
        return self.settings.phases != Phases() or self.settings.joint is not None

    @property
    def record(self) -> Path:
        return records.path_of(self.preset, self.item, self.name, self.results)

    @property
    def root(self) -> Path:
        return CHECKPOINTS / self.item / self.name

    @property
    def stem(self) -> str:
        """What the folders of these settings and this training code begin with."""
        return f"{self.settings.training_hash()}-{weights_code()}-"

    @property
    def folder(self) -> Path:
        return self.root / f"{self.stem}{self.execution.name}"

    def finished(self, seed: Seed) -> Path:
        """The result of ``seed``, measured as the settings and the code say now."""
        measured = f"{self.settings.measuring_hash()}-{code_hash(self.script)}"
        return self.folder / f"{seed_name(seed)}-{measured}.pt"

    def kept(self, seed: Seed) -> Path | None:
        """The folder with the weights of ``seed``, if there are any.

        They are of today's training code, or of one that gives the same results; its own, or those
        of another variant of the item that is trained alike and only measured otherwise.
        """
        if is_kept(self.folder, seed):
            return self.folder
        alike = f"{self.settings.training_hash()}-*-{self.execution.name}"
        others = (CHECKPOINTS / self.item).glob(f"*/{alike}")
        for folder in sorted(others, key=lambda path: (path.parent != self.root, path)):
            today = folder.name == self.folder.name
            if is_kept(folder, seed) and (
                today or told_of(folder, seed)["code"] in current_code(self.item)
            ):
                return folder
        return None

    def weights(self, seed: Seed) -> Path:
        """As ``kept``; a UserError where there are none."""
        if (folder := self.kept(seed)) is None:
            problem = f"there are no weights of seed {seed.seed} of {self} in {self.folder}"
            remedy = f"{self.train_first}, or name the preset that was trained with --preset"
            raise UserError(problem, f"{remedy}: the repository has the weights of a few models")
        return folder

    @property
    def train_first(self) -> str:
        """How to come by its weights: beside its record nothing is left to train."""
        if not self.record.exists():
            return "train it first"
        return f"train it first with --results {OWN}, a folder beside the stored record"

    def recorded(self) -> dict[Seed, SeedResult]:
        """The seeds of the record that need no training; none where it is another's.

        They are of the same settings and of code with the same results.
        """
        record = self.alike()
        if record is None or record.measuring_hash != self.settings.measuring_hash():
            return {}
        wanted = set(self.settings.runs)
        own = {Seed(s.seed, s.label_seed): s for s in record.seeds}
        return {seed: result for seed, result in own.items() if seed in wanted}

    def pending(self, seeds: Sequence[Seed]) -> list[Seed]:
        """Those of ``seeds`` that are neither in the record nor finished.

        A UserError where one would be trained again only because it is to be measured otherwise
        than the record says, and its weights are gone.
        """
        recorded = self.recorded()
        pending = [s for s in seeds if s not in recorded and not self.finished(s).exists()]
        record = self.alike()
        if record is None or record.measuring_hash == self.settings.measuring_hash():
            return pending
        measured = {Seed(s.seed, s.label_seed) for s in record.seeds}
        for seed in pending:
            if self.trains and seed in measured and self.kept(seed) is None:
                problem = f"{self.record} was measured with other settings"
                gone = f"and the weights of seed {seed.seed} are gone"
                remedy = "delete that record to train again, or go back to its settings"
                raise UserError(f"{problem}, {gone}", remedy)
        return pending

    def with_recorded_seeds(self) -> "Variant":
        """With those of the record besides: what was trained stays."""
        own = self.settings.runs
        record = self.alike()
        recorded = [Seed(s.seed, s.label_seed) for s in record.seeds] if record else []
        more = [seed for seed in recorded if seed not in own]
        return replace(self, runs=(*own, *more)) if more else self

    def alike(self) -> records.Record | None:
        """The record, if there is one whose training and code give what today's would."""
        if not self.record.exists():
            return None
        record = records.read(self.record)
        same = record.training_hash == self.settings.training_hash()
        return record if same and record.code_hash in current_code(self.item) else None


def first_runs(settings: Settings, count: int) -> tuple[Seed, ...]:
    """So many runs: those of the settings, then the seeds that these leave out.

    A UserError for more than the settings have where they name the label seeds, too.
    """
    own = settings.runs
    if settings.label_seeds is not None and count > len(own):
        problem = f"there are {len(own)} seeds, whose label seeds are given"
        raise UserError(problem, "ask for no more, or name both in the settings")
    others = (n for n in range(count + len(own)) if n not in settings.seeds)
    return (*own, *(Seed(n, n) for n in others))[:count]


def numbers_of(runs: Sequence[Seed]) -> dict[str, list[int] | None]:
    """The settings' seeds and label seeds of ``runs``."""
    seeds, labels = [run.seed for run in runs], [run.label_seed for run in runs]
    return {"seeds": seeds, "label_seeds": None if labels == seeds else labels}
