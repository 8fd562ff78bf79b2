"""The commands of ``aae``: their options, and what runs them."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import cli_training
from .base.errors import UserError
from .base.options import MOST_TIME, PRECISION_CHOICES, amount, folder_to_read
from .base.places import FIGURES, MEASURED, REPORT
from .cli_names import items_named, variants_named
from .evidence.bundle import BUNDLE
from .evidence.records import migrate
from .settings.experiments import PRESETS, experiments

# Its name, what it does, what runs it, and examples; gives what its options are added to.
Adder = Callable[..., argparse.ArgumentParser]
ITEMS = "items, or the first word of their names (all)"


def add_training(command: argparse.ArgumentParser, name: str, run: cli_training.Command) -> None:
    """The names and options that ``train``, ``measure``, ``sample`` and ``encode`` share."""
    many = name in cli_training.WRITERS
    told = "item/variant; an item, or the first word of several: all that the preset is meant for"
    shown = {"nargs": "+", "help": told} if many else {"help": "item/variant"}
    command.add_argument("names", metavar="NAME", **shown)  # type: ignore[arg-type]
    _add_preset(command, "smoke" if many else "quick")
    cli_training.add_results(command, written=many)
    if many:
        told = "how many, such as 3: the settings' first, then more (as many as the settings name)"
        count = cli_training.seed_count
        command.add_argument("--seeds", type=count, dest="count", metavar="N", help=told)
        told, seeds = "just these seeds (all)", cli_training.seed_numbers
        command.add_argument("--only", type=seeds, metavar="0,2", help=told)
    cli_training.add_execution(command)

    def each(options: argparse.Namespace) -> None:
        found = variants_named(options.names if many else [options.names], options.preset)
        if not many and len(found) > 1:
            raise UserError(f"{options.names} has several variants", "name one: item/variant")
        failed: dict[str, UserError] = {}
        for number, (item, options.variant) in enumerate(found, 1):
            place = f"{item}/{options.variant}"
            if len(found) > 1:
                print(f"{number} of {len(found)}: {place}", flush=True)
            try:
                run(item, options)
            except UserError as error:
                failed[place] = error  # the others go on
        if failed:
            raise next(iter(failed.values())) if len(found) == 1 else _together(failed)

    command.set_defaults(command=each, **({} if many else {"count": None}))


def _together(failed: dict[str, UserError]) -> UserError:
    """One error for all that ``failed``: each problem once, and where it was met."""
    places: dict[str, list[str]] = {}
    for place, error in failed.items():
        places.setdefault(error.problem, []).append(place)
    problems = [
        f"{problem} ({own[0]}{f' and {len(own) - 1} more' if len(own) > 1 else ''})"
        for problem, own in places.items()
    ]
    remedies = dict.fromkeys(error.remedy for error in failed.values())
    return UserError("; ".join(problems), "; ".join(remedies))


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """All other commands; ``shared`` has the options of each."""

    def add(name: str, told: str, run: Any, *examples: str) -> argparse.ArgumentParser:
        lines = "\n".join(f"  aae {name}{f' {e}' if e else ''}" for e in examples)
        added: argparse.ArgumentParser = commands.add_parser(
            name,
            parents=[shared],
            help=told,
            description=told,
            epilog=f"examples:\n{lines}\n",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(command=run)
        return added

    _add_list(add)
    _add_draw(add)
    _add_campaign(add)
    _add_report(add)
    _add_summary(add)
    cli_training.add_results(add("readme", "renew README.md's table", _readme, ""))
    _add_bundle(add)
    _add_published(add)
    told = "rewrite records of older versions of this suite"
    cli_training.add_results(add("migrate", told, _migrate, ""))


def _add_list(add: Adder) -> None:
    told = "list items, variants, what ran, at which cost"
    listing = add("list", told, _list, "", "table2 ours")
    cli_training.add_results(listing)
    listing.add_argument("names", nargs="*", metavar="NAME", help=ITEMS)


def _add_draw(add: Adder) -> None:
    drawn = add("draw", "draw and judge items", _draw, "--preset quick", "table2 --preset quick")
    drawn.add_argument("names", nargs="*", metavar="NAME", help=ITEMS)
    _add_preset(drawn, "smoke")
    cli_training.add_results(drawn)
    drawn.add_argument("--figures", type=Path, default=FIGURES, help=f"to draw into ({FIGURES})")


def _add_campaign(add: Adder) -> None:
    told = "train what a preset lacks, the most valuable first, within a time budget"
    examples = ("--preset quick --hours 8 -- --cores all", "--preset paper --hours 8 --device cuda")
    running = add("campaign", told, _campaign, *examples)
    _add_preset(running, "quick")
    hours = amount("number of hours", MOST_TIME)
    running.add_argument("--hours", type=hours, required=True, help="the budget, such as 2.5")
    running.add_argument("--device", help="a torch device, such as cuda:0 (cpu)")
    precision = "of the products (auto)"
    running.add_argument("--precision", choices=PRECISION_CHOICES, help=precision)
    running.add_argument("snakemake", nargs="*", help="Snakemake's arguments (--cores all)")


def _add_report(add: Adder) -> None:
    examples = ("", "--output /tmp/report.html")
    report = add("report", "write the page of all results", _report, *examples)
    cli_training.add_results(report)
    told = f"drawn ({FIGURES})"
    report.add_argument("--figures", type=folder_to_read, default=FIGURES, help=told)
    told = f"benches ({MEASURED})"
    report.add_argument("--measured", type=folder_to_read, default=MEASURED, help=told)
    report.add_argument("--output", type=Path, default=REPORT, help=f"the page ({REPORT})")


def _add_summary(add: Adder) -> None:
    summary = add("summary", "say in three lines what was made", _summary, "", "--preset quick")
    _add_preset(summary, "smoke")
    cli_training.add_results(summary)
    told = f"drawn ({FIGURES})"
    summary.add_argument("--figures", type=folder_to_read, default=FIGURES, help=told)


def _add_bundle(add: Adder) -> None:
    told = f"put small weights into {BUNDLE}/, from those that training kept"
    _add_preset(add("bundle", told, _bundle, "--preset quick"), "quick")


def _add_published(add: Adder) -> None:
    told = "list the published values with their sources"
    sources = add("published", told, _published, "", "--check")
    check = "only what nobody read in the paper, and where to look"
    sources.add_argument("--check", action="store_true", help=check)


def _add_preset(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument("--preset", default=default, help=f"{', '.join(PRESETS)} ({default})")


def _list(options: argparse.Namespace) -> None:
    from .pages.listing import listed

    for line in listed(options.results, items_named(options.names)):
        print(line)


def _draw(options: argparse.Namespace) -> None:
    """In one process: most of what a drawing takes is importing what draws."""
    from .cli import compare, draw
    from .evidence.published import published
    from .pages.drawing import Drawing

    for item in items_named(options.names):
        drawing = Drawing(options.preset, item, options.results, options.figures)
        for path in draw(drawing, experiments().items[item].draws):
            print(path)
        if item in published().items:
            print(compare(drawing))


def _campaign(options: argparse.Namespace) -> None:
    from .campaign import campaign

    arguments = options.snakemake or ["--cores", "all"]
    how = (options.device, options.precision)
    campaign(options.preset, 3600 * options.hours, arguments, *how)


def _report(options: argparse.Namespace) -> None:
    from .pages.report import write_report

    write_report(options.output, options.results, options.figures, options.measured)
    print(options.output)


def _summary(options: argparse.Namespace) -> None:
    from .pages.listing import summed_up

    for line in summed_up(options.preset, options.results, options.figures, REPORT):
        print(line)


def _readme(options: argparse.Namespace) -> None:
    from .pages.readme import README, write_readme

    if not README.exists():
        raise UserError(f"there is no {README} in {Path.cwd()}", "go to the repository's folder")
    write_readme(README, options.results)
    print(README)


def _bundle(options: argparse.Namespace) -> None:
    """Of each model of the bundle whose weights are kept here; why not, of each other.

    A UserError where there is none.
    """
    from .measures.bundling import BUNDLED, bundle  # torch takes seconds to import

    done = 0
    for item, variant in BUNDLED:
        try:
            print(bundle(item, variant, options.preset))
            done += 1
        except UserError as error:
            print(f"{item}/{variant}: not bundled: {error}", file=sys.stderr)
    if not done:
        problem = f"none of the {len(BUNDLED)} models was bundled at {options.preset}"
        raise UserError(problem, "see above why, or name the preset that was trained with --preset")


def _migrate(options: argparse.Namespace) -> None:
    rewritten = migrate(options.results)
    for path in rewritten:
        print(path)
    print(f"{len(rewritten)} records rewritten")


def _published(options: argparse.Namespace) -> None:
    from .evidence.published import published
    from .pages.sources import source_lines

    for line in source_lines(published(), unconfirmed=options.check):
        print(line)
