"""Supervised fine-tuning of an encoder, as of stacked autoencoders (Vincent et al., 2010)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from replication.base.streams import generator
from replication.models.build import build
from replication.training.run import Run

from .evaluate import CHUNK, of_each_seed

BATCH, RATE = 100, 0.001  # of Adam
# A step at the end, as in the suite's other recipes: the rate's tenth for a fifth of the epochs.
LAST = 0.8


def fine_tuned_errors(run: Run, diverged: Sequence[bool]) -> dict[str, Tensor]:
    """Test error in per cent, [S], after training encoder and a softmax on all labels.

    ``fine_tuned_error_percent`` starts from the trained encoder, ``from_scratch_error_percent``
    from the weights that it started with: what the autoencoder was worth. NaN where it diverged.
    """

    def measure(index: int) -> dict[str, float]:
        trained = {name: value[index] for name, value in run.stack.state_dict().items()}
        errors = {}
        for name, start in (("fine_tuned", trained), ("from_scratch", None)):
            model = build(run.settings, run.dataset.pixels, run.seeds[index].seed)
            if start is not None:
                model.load_state_dict(start)
            encoder = model.to(run.device).get_submodule("encoder")
            error = fine_tuned_error(run, encoder, run.seeds[index].seed)
            errors[f"{name}_error_percent"] = error
        return errors

    return of_each_seed(measure, diverged)


def fine_tuned_error(run: Run, encoder: nn.Module, seed: int) -> float:
    """The test error, in per cent, of ``encoder`` with a softmax on its style code."""
    data, stream = run.dataset, generator(seed, "fine-tuning")
    softmax = nn.Linear(run.settings.style_dim, data.classes)
    nn.init.normal_(softmax.weight, 0.0, 0.01, generator=stream)
    nn.init.zeros_(softmax.bias)
    softmax.to(run.device)
    optimiser = torch.optim.Adam([*encoder.parameters(), *softmax.parameters()], RATE)

    def logits(images: Tensor) -> Tensor:
        codes: Tensor = encoder(data.scaling.to_network(images))["style"]
        return softmax(codes)

    for epoch in range(run.settings.fine_tuning_epochs):
        if epoch == int(LAST * run.settings.fine_tuning_epochs):
            optimiser.param_groups[0]["lr"] = RATE / 10
        for index in torch.randperm(len(data.train), generator=stream).split(BATCH):
            batch = data.train[index.to(run.device)]
            optimiser.zero_grad()
            cross_entropy(logits(batch.images), batch.labels).backward()
            optimiser.step()
    encoder.eval()
    with torch.no_grad():
        found = torch.cat([logits(chunk).argmax(-1) for chunk in data.test.images.split(CHUNK)])
    return 100 * float((found != data.test.labels).double().mean())
