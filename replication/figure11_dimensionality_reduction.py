"""Figure 11: dimensionality reduction with cluster heads (section 7).

The claim: where the decoder sees only the sum of the style and the label's cluster head, a learned
row of the matrix W_C, that sum is a representation in few dimensions in which the classes lie
apart, and q(y|x) misclassifies 4.20 % of MNIST's test images with 1000 labels (a), 6.08 % with 100
(b), 13.95 % without any, by 20 clusters (c), all in two dimensions; 3.90 % in ten dimensions with
100 labels (d), shown by the linear projection that puts the ten heads evenly on a circle.

Our choices, where the paper is silent: the distance eta that the heads keep, and the rate of its
cost; the style's standard deviation 1; without labels, the networks and schedule of the clustering
experiments (A.3).
"""

from typing import TYPE_CHECKING

from .cli import main
from .measures.plane import in_planes, told_by_heads
from .pages.drawing import Drawing
from .pages.planes import draw_planes

if TYPE_CHECKING:
    from torch import Tensor

    from .training.losses import Model
    from .training.run import Outcome, Run

PANELS = {
    "labels_1000": "(a) 2-D, 1000 labels",
    "labels_100": "(b) 2-D, 100 labels",
    "unsupervised": "(c) 2-D, no labels, 20 clusters",
    "ten_dimensional": "(d) 10-D, 100 labels, projected",
}


def train(run: "Run") -> "Outcome":
    """Train the network of Figure 10, with labels or without."""
    import torch

    from .measures.clustering import check_clusters, clustering_metrics, equal_clusters_bound
    from .measures.evaluate import mean_image_per_pixel, metrics_on_test, over_chunks
    from .training.losses import heads_of
    from .training.run import Outcome

    run.needs("cluster_head_distance")
    stack, data = run.stack, run.dataset
    if not run.settings.labels:
        check_clusters(run)

    def evaluate() -> "dict[str, Tensor]":
        metrics = metrics_on_test(stack, data)
        return metrics if run.settings.labels else {**metrics, **clustering_metrics(stack, data)}

    def represent(model: "Model", images: "Tensor") -> "Tensor":
        codes = model.encoder(data.scaling.to_network(images))
        return heads_of(model, codes["label"].softmax(-1)) + codes["style"]

    fitted = run.fit(evaluate)
    heads = over_chunks(stack, heads_of, torch.eye(run.settings.label_dim, device=run.device))
    codes = over_chunks(stack, represent, data.test.images)
    metrics = evaluate() | mean_image_per_pixel(data, len(run.seeds))
    metrics["least_head_distance"] = torch.stack([torch.pdist(own).min() for own in heads])
    if not run.settings.labels:
        metrics |= equal_clusters_bound(run)
    planes, placed = in_planes(codes.double().cpu().numpy(), heads.double().cpu().numpy())
    labels = data.test.labels.byte().expand(len(run.seeds), -1)
    drawn = {"codes": torch.from_numpy(planes), "heads": torch.from_numpy(placed)}
    return Outcome(fitted, metrics, {**drawn, "labels": labels})


def draw_figure(drawing: Drawing) -> None:
    """The four panels, with our error and the published one; then every other variant."""
    draw_planes(drawing, PANELS, told_by_heads)


if __name__ == "__main__":
    main(__file__)
