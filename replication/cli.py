"""The command line of every item: ``python -m replication.<item> train | draw | compare``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .base.endings import ended
from .base.files import write_atomically
from .base.places import FIGURES
from .cli_training import add_results, add_training
from .evidence.verdicts import Comparison, Spoken
from .pages.drawing import Drawing
from .settings.experiments import ENDINGS, PRESETS, experiments
from .settings.reading import known
from .settings.scripts import script_of

TRAINING_EXAMPLES = """
  python -m replication.{item} train --preset smoke --variant {variant}
  python -m replication.{item} train --preset quick --variant {variant} --workers 2
  python -m replication.{item} train --preset paper --variant {variant} --device cuda
  python -m replication.{item} measure --preset quick --variant {variant}
  python -m replication.{item} sample --preset quick --variant {variant} --output images.png
  python -m replication.{item} encode --preset quick --variant {variant} --output codes.npy"""
EXAMPLES = """
  python -m replication.{item} draw --preset quick
  python -m replication.{item} compare --preset quick
"""


def main(script: str, arguments: list[str] | None = None) -> NoReturn:
    """Run ``arguments`` for the item whose script's file is ``script``; exits with

    0 when done, 2 when the user can mend what is wrong (one line says how), 130 on Ctrl-C and
    143 on TERM; training then goes on from its last checkpoint when started again.
    """
    sys.exit(ended(lambda: run(Path(script).stem, arguments)))


def run(item: str, arguments: list[str] | None = None) -> None:
    """``main`` without the exit codes."""
    options = parser(item).parse_args(arguments)
    known(options.preset, PRESETS, "preset")
    options.command(item, options)


def parser(item: str) -> argparse.ArgumentParser:
    variants = list(experiments().items[item].variants)
    examples = (TRAINING_EXAMPLES if variants else "") + EXAMPLES
    top = argparse.ArgumentParser(
        prog=f"python -m replication.{item}",
        description=experiments().items[item].title,
        epilog="examples:" + examples.format(item=item, variant=variants[0] if variants else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="command")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--preset", default="smoke", help=f"{', '.join(PRESETS)} (smoke)")
    if variants:  # without, the item is drawn from the runs of another
        add_training(commands, common, variants)

    drawn = commands.add_parser("draw", parents=[common], help="draw from the stored records")
    add_results(drawn)
    drawn.add_argument("--figures", type=Path, default=FIGURES, help="folder to draw into")
    kinds = experiments().items[item].draws
    drawn.add_argument("--only", choices=kinds, help="draw just the table, or the figure")
    drawn.set_defaults(command=_draw)

    judge = commands.add_parser("compare", parents=[common], help="judge against the paper")
    add_results(judge)
    judge.set_defaults(command=_compare)
    return top


def _draw(item: str, options: argparse.Namespace) -> None:
    drawing = Drawing(options.preset, item, options.results, options.figures)
    for path in draw(drawing, [options.only] if options.only else drawing.description.draws):
        print(path)


def _compare(item: str, options: argparse.Namespace) -> None:
    print(compare(Drawing(options.preset, item, options.results)))


def draw(drawing: Drawing, kinds: Sequence[str]) -> list[Path]:
    """Draw the item's table or figure, or both; the files that were written."""
    script = script_of(drawing.item)
    for kind in kinds:
        getattr(script, f"draw_{kind}")(drawing)
    return [drawing.stem.with_suffix(f".{ending}") for kind in kinds for ending in ENDINGS[kind]]


def compare(drawing: Drawing) -> Path:
    """Judge the item's numbers against the published ones; the file with the verdicts."""
    spoken = [Spoken(**dict(v), verdict=str(v)) for v in drawing.verdicts()]
    comparison = Comparison(preset=drawing.preset, item=drawing.item, verdicts=spoken)
    path = drawing.results / drawing.preset / "verdicts" / f"{drawing.item}.json"
    write_atomically(path, comparison.model_dump_json(indent=1).encode() + b"\n")
    return path
