"""What experiments.yaml says of an item and of a variant; so does a file of the user's own."""

from typing import Annotated, Any, Literal

from pydantic import Field

from .strict import Strict

PRESETS: tuple[Literal["smoke", "quick", "paper"], ...] = ("smoke", "quick", "paper")

# They become names of files and Snakemake's wildcards.
Name = Annotated[str, Field(pattern=r"^\w+$")]
# Values that settings are merged of; nothing where a level has none.
Layer = Annotated[dict[str, Any], Field(default_factory=dict)]


class Origin(Strict):
    """The file outside the package that describes a variant, and the sha256 of its content."""

    file: str
    sha256: str


class Variant(Strict):
    """Where the paper has it, what is special in it, and what each preset changes."""

    place: str
    # Another variant of the item, over whose settings its own are merged.
    like: Name | None = None
    settings: Layer
    smoke: Layer
    quick: Layer
    paper: Layer
    # The workflow leaves it out, for this reason. Its own command trains it where it can be, and
    # its record, once there, is drawn and judged like any other.
    not_run: str | None = None
    # The workflow trains it at these presets alone.
    presets: Annotated[
        list[Literal["smoke", "quick", "paper"]], Field(default_factory=lambda: list(PRESETS))
    ]


class Item(Strict):
    """A table or figure of the paper (or a companion), with the kinds of file that it draws."""

    title: str
    # What is claimed of it, by the paper where it is the paper's; and what is seen, for those who
    # cannot see it and below the figure.
    claim: str | None = None
    alt: str | None = None
    # Drawn from the settings alone: the same whatever was run.
    from_settings: bool = False
    draws: Annotated[list[Literal["table", "figure"]], Field(min_length=1)]
    # An item without runs of its own is drawn from those of another.
    borrows: str | None = None
    # What we believe of numbers that are far from the paper's; the evidence is in the records.
    reading: str | None = None
    settings: Layer
    smoke: Layer
    quick: Layer
    paper: Layer
    variants: Annotated[dict[Name, Variant], Field(default_factory=dict)]
