"""What the benches' command lines share. It imports little: the loop's start is timed, too."""

import argparse
import sys
from collections.abc import Callable

from replication.base.errors import UserError
from replication.base.options import positive, whole

MNIST = 60000
# From 1000 on there are enough of each class to be labelled.
images = whole(1000, MNIST)


def parser(docstring: str | None) -> argparse.ArgumentParser:
    """The options of a training that is timed from its start to its last update."""
    common = argparse.ArgumentParser(description=(docstring or "").splitlines()[0])
    common.add_argument("--epochs", type=positive, default=3, help="passes over the images (3)")
    common.add_argument("--images", type=images, default=MNIST, help="only the first so many")
    common.add_argument("--device", default="cpu", help="a torch device (cpu)")
    return common


def command(main: Callable[[], None]) -> None:
    """``main`` as a command: what the user can mend is one line and the exit code 2."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
