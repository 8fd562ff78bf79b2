"""Where every seed of every variant diverged, a drawing says so, and not that nothing was run."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from replication.cli import draw
from replication.evidence.records import path_of, read, write
from replication.pages.drawing import Drawing
from replication.settings.experiments import experiments

ROOT = Path(__file__).parents[2]
ITEMS = experiments().items.items()
DRAWN = [name for name, item in ITEMS if item.draws and not item.from_settings]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of every variant, each seed of which is said to have diverged.

    It is the committed one or, where there is none, another of the same item.
    """
    folder = tmp_path_factory.mktemp("results")
    lost = {"status": "diverged", "metrics": {}, "history": []}
    for item, described in ITEMS:
        variants = {v: path_of("quick", item, v, ROOT / "results") for v in described.variants}
        stored = {variant: read(path) for variant, path in variants.items() if path.exists()}
        for variant in variants if stored else ():
            record = stored.get(variant, next(iter(stored.values())))
            seeds = [seed.model_copy(update=lost) for seed in record.seeds]
            changed = record.model_copy(update={"variant": variant, "seeds": seeds})
            write(changed, {}, path_of("quick", item, variant, folder))
    return folder


@pytest.mark.parametrize("item", DRAWN)
def test_what_diverged_is_not_said_to_be_not_run(
    results: Path, tmp_path: Path, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    written = Axes.text

    def recorded(axes: Axes, x: float, y: float, s: str, *inputs: Any, **options: Any) -> Text:
        texts.append(s)
        return written(axes, x, y, s, *inputs, **options)

    monkeypatch.setattr(Axes, "text", recorded)
    drawing = Drawing("quick", item, results, tmp_path)
    draw(drawing, experiments().items[item].draws)
    tables = [path.read_text() for path in tmp_path.rglob("*.md")]
    everything = "\n".join([*texts, *tables])
    assert "diverged" in everything
    assert "not run" not in everything
