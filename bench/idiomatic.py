"""Table 2's training as it is usually written: a DataLoader, an optimiser a phase, one seed.

    python -m bench.idiomatic --epochs 3

Same networks, batch, noise, rates and updates as ours; no precision tricks, nothing logged.
Prints one line after the last update.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.utils.data import DataLoader, Dataset, Subset

from bench.commands import command, parser

WIDTH, STYLE, CLASSES, NOISE = 1000, 10, 10, 0.3


def main() -> None:
    from replication.data.files import data_root

    options = parser(__doc__).parse_args()
    torch.set_num_threads(1)
    data = Subset(mnist(data_root()), range(options.images))
    count, last = train(Idiomatic(data, torch.device(options.device)), options.epochs)
    print(f"{count} updates; classification {last:.3f}", flush=True)


def train(model: "Idiomatic", epochs: int) -> tuple[int, float]:
    """How many updates ``epochs`` passes over the unlabelled images take, and the last loss."""
    count = epochs * len(model.unlabelled)
    for loss in islice(model.updates(), count):
        last = loss
    return count, float(last)


def network(inputs: int, outputs: int) -> nn.Sequential:
    layers = [nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, outputs))


def mnist(root: Path) -> Dataset:
    """The training images as torchvision gives them, unpacked into a temporary folder."""
    from replication.data.download import import_datasets
    from replication.data.mnist import MNIST, download_collection

    download_collection(root, MNIST)  # if it is missing
    datasets = import_datasets()
    from torchvision.transforms import ToTensor

    temporary = Path(tempfile.mkdtemp(prefix="bench-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    shutil.copytree(root / "MNIST" / "raw", temporary / "MNIST" / "raw")
    return datasets.MNIST(temporary, train=True, download=True, transform=ToTensor())


class Idiomatic:
    """Trains on the images of ``data``, the first ``labels`` of them labelled, on ``device``."""

    def __init__(self, data: Dataset, device: torch.device, labels: int = 100, batch: int = 100):
        torch.manual_seed(0)
        self.device = device
        self.encoder = network(784, STYLE + CLASSES).to(device)
        self.decoder = network(STYLE + CLASSES, 784).to(device)
        self.style_discriminator = network(STYLE, 1).to(device)
        self.label_discriminator = network(CLASSES, 1).to(device)
        for part in (
            self.encoder,
            self.decoder,
            self.style_discriminator,
            self.label_discriminator,
        ):
            for layer in part:
                if isinstance(layer, nn.Linear):
                    nn.init.normal_(layer.weight, 0, 0.01)
                    nn.init.zeros_(layer.bias)
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        adversaries = [
            *self.style_discriminator.parameters(),
            *self.label_discriminator.parameters(),
        ]
        self.reconstruction = torch.optim.SGD(both, lr=0.01, momentum=0.9)
        self.discriminator = torch.optim.SGD(adversaries, lr=0.1, momentum=0.1)
        self.generator = torch.optim.SGD(self.encoder.parameters(), lr=0.1, momentum=0.1)
        self.classification = torch.optim.SGD(self.encoder.parameters(), lr=0.1, momentum=0.9)
        self.unlabelled = DataLoader(data, batch_size=batch, shuffle=True, drop_last=True)
        self.labelled = DataLoader(Subset(data, range(labels)), batch_size=batch, shuffle=True)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits, style = self.encoder(images + NOISE * torch.randn_like(images)).split(CLASSES, 1)
        return logits, style

    def updates(self) -> Iterator[Tensor]:
        """Endless; each step is one update of all phases, and gives the last phase's loss."""
        labelled = iter(self.labelled)
        while True:
            for images, _ in self.unlabelled:
                try:
                    labelled_images, labels = next(labelled)
                except StopIteration:
                    labelled = iter(self.labelled)
                    labelled_images, labels = next(labelled)
                yield self.update(
                    images.flatten(1).to(self.device),
                    labelled_images.flatten(1).to(self.device),
                    labels.to(self.device),
                )

    def update(self, images: Tensor, labelled_images: Tensor, labels: Tensor) -> Tensor:
        logits, style = self.encode(images)
        output = torch.sigmoid(self.decoder(torch.cat([logits.softmax(1), style], 1)))
        loss = 0.5 * (output - images).square().sum(1).mean()
        self.reconstruction.zero_grad()
        loss.backward()
        self.reconstruction.step()

        count = len(images)
        real_style = torch.randn(count, STYLE, device=self.device)
        real_label = torch.eye(CLASSES, device=self.device)[
            torch.randint(CLASSES, (count,), device=self.device)
        ]
        logits, style = self.encode(images)
        fake_label = logits.softmax(1).detach()
        loss = judged(self.style_discriminator, real_style, 1.0)
        loss = loss + judged(self.style_discriminator, style.detach(), 0.0)
        loss = loss + judged(self.label_discriminator, real_label, 1.0)
        loss = loss + judged(self.label_discriminator, fake_label, 0.0)
        self.discriminator.zero_grad()
        loss.backward()
        self.discriminator.step()

        logits, style = self.encode(images)
        loss = judged(self.style_discriminator, style, 1.0)
        loss = loss + judged(self.label_discriminator, logits.softmax(1), 1.0)
        self.generator.zero_grad()
        loss.backward()
        self.generator.step()

        loss = cross_entropy(self.encode(labelled_images)[0], labels)
        self.classification.zero_grad()
        loss.backward()
        self.classification.step()
        return loss.detach()


def judged(discriminator: nn.Module, codes: Tensor, answer: float) -> Tensor:
    logits = discriminator(codes)
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, answer))


if __name__ == "__main__":
    command(main)
