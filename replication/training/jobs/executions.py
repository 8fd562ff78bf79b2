"""How a variant is computed: as it is asked for, as it was begun, or as is fastest."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from replication.base.errors import UserError
from replication.base.options import PRECISIONS
from replication.settings.schema import Seed
from replication.training.arithmetic import check_precision
from replication.training.run import Execution

from .cards import use_device
from .keeper import seed_names, stacked_in
from .provenance import check_device, precision_of
from .variant import Variant
from .weights import finish, is_kept

NAME = re.compile(rf"({'|'.join(PRECISIONS)})(?:-(\d+)threads)?(?:-([a-z]+))?")


@dataclass(frozen=True)
class Asked:
    """What a command asks for; None leaves the choice."""

    device: str | None = None
    threads: int | None = None
    precision: str | None = None

    def allows(self, execution: Execution) -> bool:
        """Whether ``execution`` gives the bits that are asked for."""
        wanted = replace(
            execution,
            device=self.device or execution.device,
            threads=self.threads or execution.threads,
            precision=self.precision or execution.precision,
        )
        return wanted.name == execution.name


def chosen(variant: Variant, seeds: Sequence[Seed], asked: Asked, recorded: str | None) -> Variant:
    """``variant``, computed as ``asked``; what is left open, as ``seeds`` were begun.

    Where none was begun: in the precision ``recorded``, that of a record's other seeds, or in the
    fastest. One line on standard error says if a training that was begun otherwise stays behind. A
    UserError where the device that it was begun on is not there, or has not the asked precision.
    """
    if asked.device is not None:
        check_device(asked.device, used=False)  # weights are loaded on the CPU wherever they are of
    for folder in variant.root.glob(f"{variant.settings.training_hash()}-*"):
        finish(folder)
    begun = begun_with(variant, seeds)
    fitting = [execution for execution in begun if asked.allows(execution)]
    if fitting:
        was = fitting[0]
        if asked.device is None and was.device != "cpu":
            _check_begun(variant, was)
        return replace(variant, execution=replace(was, device=asked.device or was.device))
    device = asked.device or "cpu"
    precision = asked.precision or recorded or precision_of("auto", device, variant.settings)
    execution = Execution(device, asked.threads or 1, precision)
    if asked.precision:
        check_precision(precision, device)
    if begun:
        check_device(device)  # one that is not there is told first
        text = f"{variant} was begun with {begun[0].name}; this is another one, with"
        print(f"note: {text} {execution.name}", file=sys.stderr)
    return replace(variant, execution=execution)


def begun_with(variant: Variant, seeds: Sequence[Seed]) -> list[Execution]:
    """With what any of ``seeds`` were begun or trained, that of the most seeds first."""
    found = []
    for folder in sorted(variant.root.glob(f"{variant.stem}*")):
        match = NAME.fullmatch(folder.name.removeprefix(variant.stem))
        if match is None:
            continue
        precision, threads, kind = match.groups()
        execution = Execution(kind or "cpu", int(threads or 1), precision)
        in_training = {
            name for path in folder.glob("stack_*/epoch_*.pt") for name in stacked_in(path.parent)
        }
        begun = [
            seed for seed in seeds if is_kept(folder, seed) or seed_names([seed])[0] in in_training
        ]
        if begun:
            found.append((len(begun), execution))
    return [execution for _, execution in sorted(found, key=lambda pair: -pair[0])]


def _check_begun(variant: Variant, execution: Execution) -> None:
    try:
        use_device(execution.device)
    except UserError:
        problem = f"{variant} was begun on {execution.device}, which is not here"
        raise UserError(problem, "go on there, or train it anew with --device cpu") from None
