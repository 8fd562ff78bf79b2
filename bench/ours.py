"""Table 2's training by our engine, without records: what the other benches time.

    python -m bench.ours --epochs 3 --precision bf16-products

Prints one line after the last update. Nothing is evaluated, tracked or stored.
"""

from collections.abc import Iterator, Sequence

import torch

from bench.commands import MNIST, command, parser
from replication.data.dataset import Dataset
from replication.data.loaders import load
from replication.settings.experiments import experiments
from replication.settings.schema import Seed, Settings
from replication.training.fit import Training
from replication.training.jobs.provenance import check_device
from replication.training.run import Execution, Run
from replication.training.schedule import in_order


def main() -> None:
    common = parser(__doc__)
    common.add_argument("--precision", choices=["float32", "bf16-products"], default="float32")
    options = common.parse_args()
    check_device(options.device)
    torch.set_num_threads(1)
    settings = experiments().settings_of("quick", "table2_semi_supervised", "mnist_100")
    settings = first_images(settings, options.images)
    training = training_of(settings, [0], torch.device(options.device), options.precision)
    for epoch in range(options.epochs):
        losses = training.epoch(epoch, told=lambda *_: None)
        last = ", ".join(f"{name} {value:.3f}" for name, (value,) in losses.items())
    print(f"{options.epochs * training.batches.steps} updates; {last}", flush=True)


def first_images(settings: Settings, images: int) -> Settings:
    """``settings`` of a training on the first ``images`` of MNIST's 60,000."""
    return settings.model_copy(update={"validation_images": MNIST - images})


def training_of(
    settings: Settings,
    seeds: Sequence[int],
    device: torch.device,
    precision: str,
    dataset: Dataset | None = None,
) -> Training:
    """Our training of the variant, ``seeds`` of it stacked, on its own data or ``dataset``."""
    chosen = [Seed(s, s) for s in seeds]
    execution = Execution(device=str(device), precision=precision)
    run = Run(settings, dataset or load(settings), chosen, execution)
    phases = in_order(run.stack, settings, run.streams, run.dataset)
    return Training(run.stack, phases, run.batches(), run.streams)


def epochs_of(training: Training) -> Iterator[None]:
    """Endless; each step is one update, the drawing of its batch included."""
    for descent in training.descents:
        descent.start_epoch(0)
    while True:
        for batch in training.batches.epoch():
            training.update(batch)
            yield


if __name__ == "__main__":
    command(main)
