"""A replication suite for "Adversarial Autoencoders" (Makhzani et al., 2015)."""

import sys
from typing import TYPE_CHECKING

from .base.endings import end_at_once_on_request

if TYPE_CHECKING:
    from torch import nn

# Of the package, its tag (v0.2.0) and CHANGELOG.md.
__version__ = "0.2.0"

# A command of this package, which imports for seconds before it listens.
if sys.argv[0].rpartition("/")[2] in ("-m", "aae"):
    end_at_once_on_request()


def load(
    name: str, preset: str = "quick", seed: int | None = None, precision: str = "auto"
) -> "nn.ModuleDict":
    """The trained modules of ``"item/variant"``: ``encoder``, ``decoder``, discriminators.

    In evaluation mode, on the CPU, from the weights that training kept below ``.checkpoints/`` of
    the current folder; without any, from the bundle in ``weights/``, which has some parts of some
    models, and a line on standard error says so. ``seed``: the settings' first, unless named.
    ``precision`` is that of training, if there are several. A UserError says what is missing.
    """
    from replication.training.jobs.trained import modules_of_name

    return modules_of_name(name, preset, seed, precision)
