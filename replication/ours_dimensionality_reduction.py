"""Ours, not the paper's: Figure 11 in two stages.

The claim beside it (Figure 11): 4.20 % with 1000 labels (a), 6.08 % with 100 (b), 13.95 % with none
and 20 clusters (c), in two dimensions; 3.90 % in ten dimensions with 100 labels (d), projected.

First q(y|x) is trained, by our recipe for labels or for clusters; then it is kept, and a style of
few numbers, the cluster heads and the decoder of their sum are trained on it, with the style's
adversary and the heads' distance. **The error is that of the first stage by construction**: the
plane cannot spoil it, and has not earned it. One stage fails for a reason: beside a style of two
numbers the reconstruction wants y to tell other things than the class.

Panel (c) has warps (not permutation-invariant). Panel (d) is drawn by the affine map that brings
the heads nearest to even places on a circle.
"""

from typing import TYPE_CHECKING

from .cli import main
from .measures.plane import in_planes, told_by_heads
from .pages.drawing import Drawing
from .pages.planes import draw_planes

if TYPE_CHECKING:
    from torch import Tensor

    from .training.run import Outcome, Run

PANELS = {
    "labels_1000": "(a) 2-D, 1000 labels",
    "labels_100": "(b) 2-D, 100 labels",
    "unsupervised": "(c) 2-D, no labels, 20 clusters, warps",
    "ten_dimensional": "(d) 10-D, 100 labels, projected",
}


def train(run: "Run") -> "Outcome":
    """Both stages; what is drawn are the test images' places in the plane."""
    import torch

    from .measures.clustering import check_clusters, clustering_metrics
    from .measures.evaluate import metrics_on_test, over_chunks, prior_distances
    from .models.priors import Gaussian
    from .training.run import Outcome
    from .training.second_stage import plane_heads, representation, styles_of

    run.needs("second_stage")
    stack, data = run.stack, run.dataset
    if not run.settings.labels:
        check_clusters(run)

    def evaluate() -> "dict[str, Tensor]":
        metrics = metrics_on_test(stack, data)
        return metrics if run.settings.labels else {**metrics, **clustering_metrics(stack, data)}

    fitted = run.fit(evaluate)
    seen = data.scaling.to_network(data.test.images)
    own_styles = over_chunks(stack, styles_of, seen)
    prior = Gaussian(own_styles.shape[-1])
    matched = prior_distances(own_styles, prior, run.seeds)
    every = torch.eye(run.settings.label_dim, device=run.device)
    heads = over_chunks(stack, plane_heads, every).double().cpu()
    codes = over_chunks(stack, representation, seen).double().cpu().numpy()
    labels = data.test.labels.cpu().byte().expand(len(run.seeds), -1)
    metrics = {**evaluate(), **{f"style_{k}": v for k, v in matched.items()}}
    metrics["least_head_distance"] = torch.stack([torch.pdist(own).min() for own in heads])
    pairs = zip(codes, heads.numpy(), strict=True)
    told = [told_by_heads(own, own_heads, labels[0].numpy()) for own, own_heads in pairs]
    metrics["told_by_heads_percent"] = torch.tensor(told)
    planes, placed = in_planes(codes, heads.numpy())
    drawn = {"codes": torch.from_numpy(planes), "heads": torch.from_numpy(placed)}
    return Outcome(fitted, metrics, {**drawn, "labels": labels})


def draw_figure(drawing: Drawing) -> None:
    """The four panels, with our error and the published one; then every other variant."""
    draw_planes(drawing, PANELS, told_by_heads)


if __name__ == "__main__":
    main(__file__)
