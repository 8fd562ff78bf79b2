"""The suite as a whole: ``python -m replication list`` and the other commands below."""

import argparse
import math
import sys
from pathlib import Path

from .base.endings import ended
from .base.errors import UserError
from .campaign import campaign
from .cli import compare, draw
from .evidence.published import published
from .evidence.records import RESULTS, migrate
from .pages.drawing import FIGURES, Drawing
from .pages.listing import listed
from .pages.readme import README, write_readme
from .pages.report import REPORT, write_report
from .pages.sources import source_lines
from .pages.speed import MEASURED
from .settings.experiments import PRESETS, experiments, known

EXAMPLES = """examples:
  python -m replication list
  python -m replication draw --preset quick
  python -m replication report
  python -m replication readme
  python -m replication migrate
  python -m replication explorer --preset quick
  python -m replication published --check
  python -m replication report --output /tmp/report.html
  python -m replication campaign --preset quick --hours 8 -- --cores all
  python -m replication campaign --preset paper --hours 8 --device cuda

An item has a command line of its own:
  python -m replication.{item} --help
"""


def main(arguments: list[str] | None = None) -> int:
    """0 when done, 2 when something is wrong that the user can mend (one line says how).

    130 on Ctrl-C, 143 on TERM.
    """

    def command() -> None:
        options = parser().parse_args(arguments)
        options.command(options)

    return ended(command)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="python -m replication",
        description="A replication suite for Adversarial Autoencoders (Makhzani et al., 2015).",
        epilog=EXAMPLES.format(item=next(iter(experiments().items))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="command")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--results", type=Path, default=RESULTS, help=f"records ({RESULTS})")

    drawn = commands.add_parser("draw", parents=[common], help="draw and judge every item")
    drawn.add_argument("--preset", default="smoke", help=f"{', '.join(PRESETS)} (smoke)")
    drawn.add_argument("--figures", type=Path, default=FIGURES, help=f"to draw into ({FIGURES})")
    drawn.set_defaults(command=_draw)

    running = commands.add_parser("campaign", help="train what is missing, within a time budget")
    running.add_argument("--preset", default="quick", help=f"{', '.join(PRESETS)} (quick)")
    running.add_argument("--hours", type=_hours, required=True, help="the budget, such as 2.5")
    running.add_argument("--device", help="a torch device, such as cuda:0 (cpu)")
    running.add_argument(
        "--precision", choices=["auto", "float32", "bf16-products"], help="of the products (auto)"
    )
    running.add_argument("snakemake", nargs="*", help="Snakemake's arguments (--cores all)")
    running.set_defaults(command=_campaign)

    report = commands.add_parser("report", parents=[common], help="write the page of all results")
    report.add_argument("--figures", type=Path, default=FIGURES, help=f"drawn ({FIGURES})")
    report.add_argument("--measured", type=Path, default=MEASURED, help=f"benches ({MEASURED})")
    report.add_argument("--output", type=Path, default=REPORT, help=f"the page ({REPORT})")
    report.set_defaults(command=_report)

    readme = commands.add_parser("readme", parents=[common], help="renew README.md's table")
    readme.set_defaults(command=_readme)

    exploring = commands.add_parser(
        "explorer", parents=[common], help="export decoders for the report, from kept weights"
    )
    exploring.add_argument("--preset", default="quick", help=f"{', '.join(PRESETS)} (quick)")
    exploring.set_defaults(command=_explorer)

    sources = commands.add_parser("published", help="list the published values with their sources")
    sources.add_argument(
        "--check", action="store_true", help="only what nobody read in the paper, and where to look"
    )
    sources.set_defaults(command=_published)

    migrating = commands.add_parser(
        "migrate", parents=[common], help="rewrite records of older versions of this suite"
    )
    migrating.set_defaults(command=_migrate)

    listing = commands.add_parser("list", parents=[common], help="list items, variants, what ran")
    listing.set_defaults(command=_list)
    return top


def _draw(options: argparse.Namespace) -> None:
    """In one process: most of what a drawing takes is importing what draws."""
    known(options.preset, PRESETS, "preset")
    for item, content in experiments().items.items():
        drawing = Drawing(options.preset, item, options.results, options.figures)
        for path in draw(drawing, content.draws):
            print(path)
        if item in published().items:
            print(compare(drawing))


def _campaign(options: argparse.Namespace) -> None:
    known(options.preset, PRESETS, "preset")
    arguments = options.snakemake or ["--cores", "all"]
    how = (options.device, options.precision)
    campaign(options.preset, 3600 * options.hours, arguments, *how)


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 <= hours < math.inf:
        raise argparse.ArgumentTypeError("must be a number of hours, 0 or more")
    return hours


def _readme(options: argparse.Namespace) -> None:
    write_readme(README, options.results)
    print(README)


def _report(options: argparse.Namespace) -> None:
    write_report(options.output, options.results, options.figures, options.measured)
    print(options.output)


def _explorer(options: argparse.Namespace) -> None:
    """Of each record whose weights are kept here; why not, of each other."""
    known(options.preset, PRESETS, "preset")
    from .measures.decoder_export import EXPLORED, export  # torch takes seconds to import

    for item, variant in EXPLORED:
        try:
            print(export(item, variant, options.preset, options.results))
        except UserError as error:
            print(f"{item}/{variant}: not exported: {error}", file=sys.stderr)


def _migrate(options: argparse.Namespace) -> None:
    rewritten = migrate(options.results)
    for path in rewritten:
        print(path)
    print(f"{len(rewritten)} records rewritten")


def _published(options: argparse.Namespace) -> None:
    for line in source_lines(published(), unconfirmed=options.check):
        print(line)


def _list(options: argparse.Namespace) -> None:
    for line in listed(options.results):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
