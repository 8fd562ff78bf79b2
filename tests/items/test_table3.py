"""Table 3: which seed stands in which column, and what its floor says of known clusters."""

from pathlib import Path
from typing import Any

import pytest

from replication import table3_clustering as table3
from replication.evidence import records
from replication.pages.drawing import Drawing
from replication.settings.experiments import experiments
from tests.tools.builders import make_record, make_seed
from tests.tools.tables import shown_rows

ERROR, AGREEMENT = "test_error_percent", "adjusted_rand_index"
MEASURES = (*table3.ERRORS, *table3.AGREEMENTS)
FLOORS = [f"{table3.FLOOR}{metric}" for metric in table3.FLOORS]


def seed_of(number: int, error: float, agreement: float, reconstruction: float) -> Any:
    metrics = dict.fromkeys(MEASURES, 0.5) | dict.fromkeys(FLOORS, 31.0)
    metrics |= {ERROR: error, AGREEMENT: agreement}
    row = {"epoch": 1, "updates": 500, "reconstruction": reconstruction}
    return make_seed(seed=number, label_seed=number, metrics=metrics, history=[row])


@pytest.fixture
def rows(tmp_path: Path) -> list[list[str]]:
    """The table of three seeds with 16 clusters, and one that diverged with 30."""
    lost = make_seed(status="diverged", metrics={}, history=[])
    good = [seed_of(0, 30.0, 0.4, 12.0), seed_of(1, 20.0, 0.6, 11.0), seed_of(2, 40.0, 0.5, 10.0)]
    for variant, seeds in (("clusters_16", good), ("clusters_30", [lost])):
        settings = experiments().settings_of("quick", table3.ITEM, variant)
        names = {"preset": "quick", "item": table3.ITEM, "variant": variant}
        record = make_record(settings=settings, seeds=seeds, **names)
        records.write(record, {}, records.path_of("quick", table3.ITEM, variant, tmp_path))
    drawing = Drawing("quick", table3.ITEM, tmp_path, tmp_path / "figures")
    table3.draw_table(drawing)
    return [[name, *texts.values()] for name, texts in shown_rows(drawing.stem).items()]


def row(rows: list[list[str]], name: str) -> list[str]:
    return next(cells for cells in rows if cells[0] == name)[1:]


def test_the_best_seed_is_the_measures_own_and_the_choice_goes_by_reconstruction(
    rows: list[list[str]],
) -> None:
    assert row(rows, table3.ERRORS[ERROR])[:3] == ["30.00 ± 10.00 (n=3)", "20.00", "40.00"]
    assert row(rows, table3.AGREEMENTS[AGREEMENT])[:3] == ["0.500 ± 0.100 (n=3)", "0.600", "0.500"]


def test_the_floor_stands_below_and_what_diverged_has_no_best_seed(rows: list[list[str]]) -> None:
    for name in table3.FLOORS.values():
        pixels = f"baseline: k-means on pixels, {name}"
        assert row(rows, pixels) == ["31.00", "", "", "diverged", "", ""]
        later = f"baseline: Gaussian mixture on 50 principal components, {name}"
        assert row(rows, later) == ["not measured", "", "", "diverged", "", ""]
    for name in (table3.ERRORS | table3.AGREEMENTS).values():
        assert row(rows, name)[3:] == ["diverged", "", ""]


def test_the_bound_of_equal_clusters_stands_in_the_table(rows: list[list[str]]) -> None:
    assert row(rows, table3.BOUND_NAME) == ["13.04", "", "", "2.14", "", ""]


def test_what_older_records_lack_is_not_measured(rows: list[list[str]], tmp_path: Path) -> None:
    for name in table3.ARBITRARY.values():
        assert row(rows, name) == ["not measured", "", "", "diverged", "", ""]
    notes = (tmp_path / "figures" / "quick" / f"{table3.ITEM}.md").read_text()
    assert "Measured before that (clusters_16, clusters_30)" in notes
