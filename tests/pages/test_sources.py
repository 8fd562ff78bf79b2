"""Which published values nobody has confirmed, and where to look."""

import pytest

from replication import __main__ as suite
from replication.evidence.published import Published, published
from replication.pages.sources import source_lines
from tests.tools.builders import make_published, make_target

ITEM = "table2_semi_supervised"


def of_two(**second: object) -> Published:
    """A confirmed value of a shipped item, and one that ``second`` changes."""
    content = make_published().items["table9"]
    targets = {"mnist_100": make_target(), "mnist_1000": make_target(place="There", **second)}
    item = content.model_copy(update={"targets": targets})
    return Published(paper_text=["https://paper.example"], items={ITEM: item})


def test_only_what_is_unconfirmed_is_listed() -> None:
    lines = source_lines(of_two(source="memory", cite="recalled"), unconfirmed=True)
    assert lines[:2] == [ITEM, "  There: 2.00 % - memory: recalled"]
    assert "1 of 2 values were not read in the paper itself." in lines
    assert "  https://paper.example" in lines


def test_when_all_are_confirmed_nothing_is_to_be_done() -> None:
    lines = source_lines(of_two(), unconfirmed=True)
    assert lines == ["", "0 of 2 values were not read in the paper itself."]


def test_margins_that_cannot_be_met_are_named() -> None:
    lines = source_lines(of_two(plus_minus=0.4), unconfirmed=True)
    assert lines[-1] == "Margins that no number of seeds can meet: There."


def test_the_command_lists_every_shipped_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert suite.main(["published"]) == 0
    every = capsys.readouterr().out
    for _, _, target in published().targets():
        assert f"  {target.place}: {target.described()}" in every
    assert "MNIST (100): 1.90 ± 0.10 (± of unknown kind) %" in every
    assert "Theis" in every
    assert suite.main(["published", "--check"]) == 0
    found = capsys.readouterr().out
    assert "source: paper" in found
    assert all(address in found for address in published().paper_text)
