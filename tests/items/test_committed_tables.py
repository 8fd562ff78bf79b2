"""The committed tables are those that the committed records give, whichever items they read."""

from pathlib import Path

import pytest

from replication.cli import draw
from replication.pages.drawing import Drawing
from replication.settings.experiments import experiments

ROOT = Path(__file__).parents[2]
TABLES = [name for name, item in experiments().items.items() if "table" in item.draws]


@pytest.mark.parametrize("item", TABLES)
def test_a_committed_table_is_drawn_from_the_committed_records(
    tmp_path: Path, item: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    drawing = Drawing("quick", item, Path("results"), tmp_path)
    draw(drawing, ["table"])
    drawn = [path for path in tmp_path.rglob("*") if path.suffix in (".md", ".csv", ".tex")]
    assert drawn
    for path in drawn:
        committed = ROOT / "figures" / path.relative_to(tmp_path)
        assert path.read_text() == committed.read_text(), f"aae draw --preset quick {item}"
