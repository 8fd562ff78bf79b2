"""The suite as a whole: ``python -m replication list | report | readme``."""

import argparse
import sys
from pathlib import Path

from .engine.config import PRESETS, experiments
from .engine.drawing import FIGURES
from .engine.errors import UserError
from .engine.readme import README, write_readme
from .engine.records import RESULTS, path_of
from .engine.report import REPORT, write_report
from .engine.speed import MEASURED

EXAMPLES = """examples:
  python -m replication list
  python -m replication report
  python -m replication readme
  python -m replication report --output /tmp/report.html

An item has a command line of its own:
  python -m replication.{item} --help
"""


def main(arguments: list[str] | None = None) -> int:
    """0 when done, 2 when something is wrong that the user can mend (one line says how)."""
    try:
        options = parser().parse_args(arguments)
        options.command(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


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

    report = commands.add_parser("report", parents=[common], help="write the page of all results")
    report.add_argument("--figures", type=Path, default=FIGURES, help=f"drawn ({FIGURES})")
    report.add_argument("--measured", type=Path, default=MEASURED, help=f"benches ({MEASURED})")
    report.add_argument("--output", type=Path, default=REPORT, help=f"the page ({REPORT})")
    report.set_defaults(command=_report)

    readme = commands.add_parser("readme", parents=[common], help="renew README.md's table")
    readme.set_defaults(command=_readme)

    listing = commands.add_parser("list", parents=[common], help="list items, variants, what ran")
    listing.set_defaults(command=_list)
    return top


def _readme(options: argparse.Namespace) -> None:
    write_readme(README, options.results)
    print(README)


def _report(options: argparse.Namespace) -> None:
    write_report(options.output, options.results, options.figures, options.measured)
    print(options.output)


def _list(options: argparse.Namespace) -> None:
    """A block for each item, a line for each variant, a column for each preset."""
    for item, content in experiments().items.items():
        print(f"{item}: {content.title}")
        if content.borrows:
            print(f"  drawn from {content.borrows}")
            continue
        rows = [["variant", "place", *PRESETS]]
        for variant, described in content.variants.items():
            paths = (path_of(preset, item, variant, options.results) for preset in PRESETS)
            ran = ["ran" if path.exists() else "not run" for path in paths]
            reason = [f"({described.not_run})"] if described.not_run else []
            rows.append([variant, described.place, *ran, *reason])
        columns = len(rows[0])
        widths = [max(len(row[n]) for row in rows) for n in range(columns)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            print("  " + "  ".join([*cells, *row[columns:]]).rstrip())


if __name__ == "__main__":
    sys.exit(main())
