"""The suite as a whole: the command ``aae``, also ``python -m replication``.

What a command needs is imported by it: what draws takes a second, torch takes two.
"""

import argparse
import sys
from pathlib import Path

from . import __version__, cli_suite, cli_training
from .base.endings import ended
from .settings.experiments import PRESETS
from .settings.outside import VARIABLE, use_overlays
from .settings.reading import known

EXAMPLES = """examples:
  aae list                                              what there is, what ran, at which cost
  aae train table2_semi_supervised/nn_100 --preset quick
  aae train ours --preset quick                         all items whose first word it is
  aae draw --preset quick
  aae report                                            results/report.html

A command's own help has its options and more examples: aae train --help
Without the command: python -m replication
"""
TRAINING_EXAMPLES = {
    "train": """examples:
  aae train table2_semi_supervised/nn_100               seconds: the preset is smoke
  aae train ours_clustering/clusters_16 --preset quick --seeds 10
  aae train table2 table3 --preset paper --device cuda  all that the preset is meant to run
  aae train table2/mnist_3000 --experiments mine.yaml   a variant of your own: docs/adding.md
""",
    "measure": """examples:
  aae measure ours_clustering/clusters_16 --preset quick
  aae measure table3 --preset quick
""",
    "sample": """examples:
  aae sample table1_log_likelihood/mnist --preset quick --output digits.png
  aae sample table1_log_likelihood/mnist --preset quick --count 1000 --output digits.npy
""",
    "encode": """examples:
  aae encode ours_clustering/clusters_16 --preset quick --output codes.npy
  aae encode ours_semi_supervised/mnist_100 --preset quick --split train
""",
}


def main(arguments: list[str] | None = None) -> int:
    """0 when done, 2 when something is wrong that the user can mend (one line says how).

    130 on Ctrl-C, 143 on TERM; training then goes on from its last checkpoint when started again.
    """

    def command() -> None:
        top, commands = parser()
        given = sys.argv[1:] if arguments is None else arguments
        if given and not given[0].startswith("-"):
            known(given[0], commands, "command")
        options = top.parse_args(given)
        use_overlays(options.experiments)
        if "preset" in options:
            known(options.preset, PRESETS, "preset")
        options.command(options)

    return ended(command)


def parser() -> tuple[argparse.ArgumentParser, list[str]]:
    """And the names of the commands. Each has the option ``experiments``; ``command`` runs it."""
    top = argparse.ArgumentParser(
        prog="aae" if Path(sys.argv[0]).name == "aae" else "python -m replication",
        description="A replication suite for Adversarial Autoencoders (Makhzani et al., 2015).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(required=True, metavar="command")
    common = argparse.ArgumentParser(add_help=False)
    overlay = f"a YAML file with variants of your own; may be given again (${VARIABLE})"
    common.add_argument(
        "--experiments", type=Path, action="append", default=[], metavar="FILE", help=overlay
    )
    for name, (told, add_options, run) in cli_training.TRAINING.items():
        command = commands.add_parser(
            name,
            parents=[common],
            help=told,
            description=told,
            epilog=TRAINING_EXAMPLES[name],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        cli_suite.add_training(command, name, run)
        if add_options:
            add_options(command)
    cli_suite.add_commands(commands, common)
    return top, [*commands.choices]


if __name__ == "__main__":
    sys.exit(main())
