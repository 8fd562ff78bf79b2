"""Every item's training on a device that is only pretended: what a GPU refuses fails here.

Each variant is trained with two stacked seeds, cut after its first checkpoint, taken up again,
kept, and measured from what was kept. The quick suite has one variant of each kind of networks,
phases and measures, whatever the item; the tests marked long have the others.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from replication.models.stack import Stack
from replication.settings.experiments import Experiments, experiments
from replication.settings.schema import Seed, Settings
from replication.training.jobs import job
from replication.training.jobs.keeper import Keeper
from replication.training.jobs.variant import Variant
from replication.training.run import Execution
from tests.tools.pretended_device import NAME, on_device, pretended

SEEDS = [Seed(0, 0), Seed(1, 1)]
SMALL_DATA = {
    "mnist": "digits",
    "svhn": "street_digits",
    "tfd": "drawn_faces",
    "olivetti": "drawn_faces",
}


def miniature(settings: Settings) -> Settings:
    """Two epochs of the smallest data, whatever the preset; seconds instead of hours."""
    small: dict[str, Any] = {
        "data": SMALL_DATA.get(settings.data, settings.data),
        "hidden_sizes": [24 for _ in settings.hidden_sizes],
        "batch_size": 300,  # four updates an epoch; a cut inside the permutation of 1000 labels
        "epochs": 2,
        "evaluate_every": 1,
        "seeds": [s.seed for s in SEEDS],
        "label_seeds": [s.label_seed for s in SEEDS],
        "allow_subset": False,
        "use_extra": False,
        "validation_images": min(settings.validation_images, 200),
        "batch_norm_images": min(settings.batch_norm_images, 200),
        "labelled_batch_size": min(settings.labelled_batch_size, 50),
        "svm_images": min(settings.svm_images, 200) or 200,
    }
    if settings.labels and settings.labels != "all":
        small["labels"] = min(settings.labels, 1000)
    if settings.smoothness and settings.smoothness.among:
        among = {"among": 300}
        small["smoothness"] = settings.smoothness.model_copy(update=among)
    if settings.layerwise_epochs:
        small |= {"layerwise_epochs": 1, "epochs": len(settings.hidden_sizes) + 2}
    if settings.fine_tuning_epochs:
        small["fine_tuning_epochs"] = 1
    if settings.second_stage:
        stage = {"hidden_sizes": [16], "epochs": 1, "batch_size": 50}
        small["second_stage"] = settings.second_stage.model_copy(update=stage)
    if settings.parzen:
        window = {"samples": [300], "lowest": 0.05, "highest": 5.0, "steps": 5}
        small["parzen"] = settings.parzen.model_copy(update=window)
    if settings.application:
        sizes: dict[str, Any] = {}
        if settings.application.generated_images:
            sizes = {"generated_images": 100, "classifier_updates": 2}
        if settings.application.label_counts:
            sizes = {"label_counts": [10, 50]}
        small["application"] = settings.application.model_copy(update=sizes)
    return settings.model_copy(update=small)


def all_variants() -> list[tuple[str, str, str]]:
    """(preset, item, variant) of all that is trained, at the smallest preset that it has."""
    return [
        (next(p for p in ("smoke", "quick", "paper") if p in own.presets), item, name)
        for item, content in experiments().items.items()
        if not content.borrows
        for name, own in content.variants.items()
    ]


def kind_of(preset: str, item: str, variant: str) -> tuple[object, ...]:
    """What decides which code runs: the rest are numbers, or changes within a phase."""
    settings = experiments().settings_of(preset, item, variant)
    phases = tuple(sorted(k for k, v in settings.phases.model_dump().items() if v))
    return (
        *(phases, settings.posterior, settings.label_at),
        *(settings.application and settings.application.kind, bool(settings.layerwise_epochs)),
        *(bool(settings.joint), bool(settings.second_stage), bool(settings.warps)),
        *(bool(settings.alae), bool(settings.parzen), bool(settings.cluster_head_distance)),
    )


def one_of_each_kind() -> list[tuple[str, str, str]]:
    # The labels of the last are drawn from a permutation that a checkpoint has to store.
    chosen = {("smoke", "table2_semi_supervised", "mnist_1000")}
    chosen.add(("smoke", "table3_clustering", "clusters_16"))  # named and counted, not classified
    kinds = {kind_of(*names): names for names in reversed(all_variants())}
    return sorted({*kinds.values(), *chosen})


ONE_OF_EACH_KIND = one_of_each_kind()
OTHERS = [names for names in all_variants() if names not in ONE_OF_EACH_KIND]


class CutError(Exception):
    """Stands for a kill after the first checkpoint."""


def on_the_device(
    names: tuple[str, str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset, item, name = names
    monkeypatch.chdir(folder)
    small = miniature(experiments().settings_of(preset, item, name))
    monkeypatch.setattr(Experiments, "settings_of", lambda *_: small)
    script = import_module(f"replication.{item}")
    own = Variant(script, preset, name, Execution(device=NAME), folder / "results")
    store, resume, resumed = Keeper.checkpoint, Keeper.resume, []

    def cut(keeper: Keeper, *arguments: Any) -> None:
        store(keeper, *arguments)
        raise CutError

    def told(keeper: Keeper) -> Any:
        resumed.append(state := resume(keeper))
        return state

    with pretended():
        if own.trains:
            monkeypatch.setattr(Keeper, "checkpoint", cut)
            with pytest.raises(CutError):
                job.train(own, SEEDS, len(SEEDS), job.Pace(checkpoint_seconds=0))
            monkeypatch.setattr(Keeper, "checkpoint", store)
            monkeypatch.setattr(Keeper, "resume", told)
        job.train(own, SEEDS, len(SEEDS))
        assert not own.trains or resumed[0] is not None, "it began again"
        for seed in SEEDS:
            own.finished(seed).unlink()
        job.measure(own, SEEDS)
    assert all(own.finished(seed).exists() for seed in SEEDS)


@pytest.mark.parametrize("names", ONE_OF_EACH_KIND, ids=lambda names: "/".join(names[1:]))
def test_each_kind_runs(
    names: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_device(names, tmp_path, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("names", OTHERS, ids=lambda names: "/".join(names[1:]))
def test_all_others_run(
    names: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_the_device(names, tmp_path, monkeypatch)


def test_the_models_are_on_the_device() -> None:
    from replication.data.loaders import load
    from replication.training.run import Run

    settings = miniature(experiments().settings_of("smoke", "table2_semi_supervised", "mnist_100"))
    with pretended():
        run = Run(settings, load(settings), SEEDS, Execution(device=NAME))
        stack: Stack = run.stack
        assert all(on_device(own) for own in stack.state_dict().values())
        assert on_device(run.dataset.train.images)
