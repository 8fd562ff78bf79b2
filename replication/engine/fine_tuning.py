"""Supervised fine-tuning of an encoder, as of stacked autoencoders (Vincent et al., 2010)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .evaluate import CHUNK
from .job import Run
from .models import build
from .streams import generator

BATCH, RATE = 100, 0.001  # of Adam
# A step at the end, as in the suite's other recipes: the rate's tenth for a fifth of the epochs.
LAST = 0.8


def fine_tuned_errors(run: Run) -> dict[str, Tensor]:
    """Test error in per cent, [S], after training encoder and a softmax on all labels.

    ``fine_tuned_error_percent`` starts from the trained encoder, ``from_scratch_error_percent``
    from the weights that it started with: what the autoencoder was worth.
    """
    errors: dict[str, list[float]] = {
        "fine_tuned_error_percent": [],
        "from_scratch_error_percent": [],
    }
    for i, seed in enumerate(run.seeds):
        for name, own in errors.items():
            model = build(run.settings, run.dataset.pixels, seed.seed)
            if name.startswith("fine"):
                model.load_state_dict({k: v[i] for k, v in run.stack.state_dict().items()})
            encoder = model.to(run.device).get_submodule("encoder")
            own.append(fine_tuned_error(run, encoder, seed.seed))
    return {name: torch.tensor(own) for name, own in errors.items()}


def fine_tuned_error(run: Run, encoder: nn.Module, seed: int) -> float:
    """The test error, in per cent, of ``encoder`` with a softmax on its style code."""
    data, stream = run.dataset, generator(seed, "fine-tuning")
    softmax = nn.Linear(run.settings.style_size, data.classes)
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
    with torch.no_grad():
        found = torch.cat([logits(chunk).argmax(-1) for chunk in data.test.images.split(CHUNK)])
    return 100 * float((found != data.test.labels).double().mean())
