"""What q(y|x) says of every test image: stored, so that two models are compared image by image."""

import torch
from torch import Tensor

from replication.evidence.records import NO_PREDICTION
from replication.training.losses import Model
from replication.training.run import Run

CHUNK = 2000  # images in a pass


@torch.no_grad()
def predictions(run: Run) -> dict[str, Tensor]:
    """The arg max of q(y|x) of each test image, uint8 [S, N]; nothing where no label is inferred.

    ``test_predictions``: a class; ``test_clusters``: of models without labels, a cluster. Of more
    than 255 classes or clusters nothing either: a byte has no number for each, with
    ``NO_PREDICTION`` beside them.
    """
    settings, stack, scaling = run.settings, run.stack, run.dataset.scaling
    if not 0 < settings.label_dim <= NO_PREDICTION or settings.label_at != "encoder":
        return {}

    def inferred(model: Model, images: Tensor) -> Tensor:
        logits: Tensor = model.encoder(scaling.to_network(images))["label"]
        return logits.argmax(-1).byte()

    with stack.evaluating():
        chunks = run.dataset.test.images.split(CHUNK)
        found = torch.cat([stack.each(inferred, shared=(chunk,)) for chunk in chunks], 1)
    return {"test_predictions" if settings.labels else "test_clusters": found}
