"""Virtual adversarial smoothing where the most curved direction of q(y|x) is known."""

from pathlib import Path

import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from replication.base.errors import UserError
from replication.base.streams import Streams
from replication.data.loaders import load
from replication.models.stack import Stack
from replication.settings.joint import Smoothness
from replication.training.neighbours import kth_distances, neighbour_distances
from replication.training.smoothness import (
    VirtualAdversary,
    divergence,
    log_probabilities,
    perturbed,
    roughness,
    unit,
)
from tests.tools.builders import make_settings

CPU = torch.device("cpu")
DRAWS = torch.Generator().manual_seed(0)


class Softmax(nn.Module):
    """q(y|x) of logits x A: near x = 0 its KL is the quadratic 1/2 r' A (diag p - p p') A' r."""

    def __init__(self, matrix: Tensor):
        super().__init__()
        self.matrix = nn.Parameter(matrix)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"label": images @ self.matrix}


def model_of(matrix: Tensor) -> nn.ModuleDict:
    return nn.ModuleDict({"encoder": Softmax(matrix)})


def hessian(matrix: Tensor) -> Tensor:
    """Of the divergence at x = 0, where all classes are equally likely."""
    classes = matrix.shape[1]
    p = torch.full((classes,), 1 / classes)
    return matrix @ (p.diag() - p.outer(p)) @ matrix.T


def test_of_two_classes_the_direction_is_that_between_them() -> None:
    """The Hessian has rank one: one iteration finds its only curved direction from any probe."""
    matrix = torch.randn(6, 2, generator=DRAWS)
    probes = unit(torch.randn(20, 6, generator=DRAWS))
    images = torch.randn(20, 6, generator=DRAWS)
    radii = torch.linspace(0.5, 2, 20).unsqueeze(1)
    moves = perturbed(model_of(matrix), images, probes, radii)["images"] - images
    torch.testing.assert_close(moves.norm(dim=1, keepdim=True), radii, rtol=1e-4, atol=1e-5)
    along = unit(matrix[:, 0] - matrix[:, 1])
    assert ((unit(moves) @ along).abs() > 0.9999).all()


def test_it_is_one_power_iteration_of_the_known_hessian() -> None:
    matrix = torch.randn(5, 4, generator=DRAWS)
    probes = 1e-2 * unit(torch.randn(8, 5, generator=DRAWS))
    images = torch.zeros(8, 5)
    found = perturbed(model_of(matrix), images, probes, torch.ones(8, 1))["images"]
    torch.testing.assert_close(found, unit(probes @ hessian(matrix)), rtol=0, atol=2e-2)


def test_the_steepest_direction_wins_where_it_is_far_steeper() -> None:
    """Of three orthogonal directions, 100 : 1 : 1: the loss is that of the first."""
    matrix = torch.zeros(3, 3)
    matrix[0, 0] = 10.0
    matrix[1, 1] = matrix[2, 2] = 1.0
    images, radii = torch.zeros(50, 3), torch.full((50, 1), 0.05)
    probes = unit(torch.randn(50, 3, generator=DRAWS))
    model = model_of(matrix)
    moved = perturbed(model, images, 0.1 * probes, radii)
    others = log_probabilities(model, images + radii * probes)
    worst = divergence(moved["log_target"], log_probabilities(model, moved["images"]))
    assert (worst >= divergence(moved["log_target"], others) - 1e-6).all()
    quadratic = 0.5 * 0.05**2 * hessian(matrix)[0, 0]
    assert worst.mean().item() == pytest.approx(quadratic.item(), rel=0.05)


def test_a_radius_of_zero_costs_nothing() -> None:
    model = model_of(torch.randn(6, 3, generator=DRAWS))
    images, probes = torch.randn(2, 9, 6, generator=DRAWS)
    moved = perturbed(model, images, probes, torch.zeros(9, 1))
    assert torch.equal(moved["images"], images)
    assert roughness(model, **moved).item() == pytest.approx(0, abs=1e-7)


def test_flat_probabilities_leave_images_where_they_are() -> None:
    images = torch.ones(4, 6)
    moved = perturbed(model_of(torch.zeros(6, 3)), images, torch.ones(4, 6), torch.ones(4, 1))
    assert torch.isfinite(moved["images"]).all()
    torch.testing.assert_close(moved["images"], images)


def test_only_the_perturbed_side_has_a_gradient() -> None:
    """d KL(p || q) / d logits of q is q - p; p itself is a constant."""
    model = model_of(torch.randn(6, 3, generator=DRAWS))
    images, probes = torch.randn(2, 5, 6, generator=DRAWS)
    moved = perturbed(model, images, probes, torch.ones(5, 1))
    (found,) = torch.autograd.grad(roughness(model, **moved), model.encoder.matrix)
    q = log_probabilities(model, moved["images"]).exp()
    by_hand = moved["images"].T @ (q - moved["log_target"].exp()) / 5
    torch.testing.assert_close(found, by_hand)


def normalised(seed: int) -> nn.ModuleDict:
    torch.manual_seed(seed)

    class Encoder(nn.Sequential):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"label": super().forward(images)}

    layers = (nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    return nn.ModuleDict({"encoder": Encoder(*layers)})


@pytest.mark.parametrize("seeds", [[3], [3, 4]])
def test_batch_norms_running_statistics_are_left_alone(seeds: list[int]) -> None:
    stack = Stack(normalised, seeds, CPU)
    before = {name: value.clone() for name, value in stack.state_dict().items()}
    settings = Smoothness(radius=1.0)
    adversary = VirtualAdversary(stack, settings, Streams(seeds, CPU), load(make_settings()))
    images = torch.randn(len(seeds), 9, 6, generator=DRAWS)
    losses = adversary(images, torch.zeros(len(seeds), 9, dtype=torch.long))
    assert losses.shape == (len(seeds),)
    assert (losses > 0).all()
    for name, value in stack.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_radius_follows_the_neighbours_and_the_ramp(workdir: Path) -> None:
    settings = Smoothness(relative_radius={0: 0.1, 2: 0.5}, neighbour=1)
    data, stack = load(make_settings()), Stack(normalised, [0], CPU)
    adversary = VirtualAdversary(stack, settings, Streams([0], CPU), data)
    distances = neighbour_distances(data, 1, None)
    adversary.start_update(1.0)
    found = adversary.radii(torch.tensor([[2, 0]]))
    torch.testing.assert_close(found, 0.3 * distances[[2, 0]].view(1, 2, 1))


@pytest.mark.parametrize(("among", "neighbour"), [(90, 1), (90, 7), (40, 3), (90, 89)])
def test_distances_are_those_of_scikit_learn(among: int, neighbour: int) -> None:
    points = torch.randn(90, 5, generator=DRAWS)
    found = kth_distances(points, neighbour, among)
    tree = NearestNeighbors(algorithm="brute").fit(points[:among].numpy())
    # Those among the others find themselves first.
    inside = tree.kneighbors(points[:among].numpy(), min(neighbour + 1, among))[0][:, neighbour]
    torch.testing.assert_close(found[:among], torch.from_numpy(inside).float(), rtol=1e-4, atol=0)
    if among < 90:
        outside = tree.kneighbors(points[among:].numpy(), neighbour)[0][:, -1]
        expected = torch.from_numpy(outside).float()
        torch.testing.assert_close(found[among:], expected, rtol=1e-4, atol=0)


def test_distances_are_computed_once_for_the_same_images(workdir: Path) -> None:
    data = load(make_settings())
    first = neighbour_distances(data, 2, 500)
    (stored,) = workdir.glob(".checkpoints/neighbours/*.pt")
    changed = stored.stat().st_mtime_ns
    assert torch.equal(neighbour_distances(data, 2, 500), first)
    assert stored.stat().st_mtime_ns == changed
    held_out = load(make_settings(validation_images=100))
    assert len(neighbour_distances(held_out, 2, 500)) == 1300
    neighbour_distances(data, 3, 500)
    assert len(list(workdir.glob(".checkpoints/neighbours/*.pt"))) == 3


def test_too_few_images_for_the_neighbour_name_the_setting(workdir: Path) -> None:
    data = load(make_settings())
    with pytest.raises(UserError, match=r"smoothness\.neighbour: 1400 .* 1,400 images"):
        neighbour_distances(data, 1400, None)
