"""Which settings go with a joint loss: each check raises a ValueError that names the key."""

import math
from typing import TYPE_CHECKING

from .losses import Differences
from .optimisers import Phases
from .ramps import Ramp, end_of

if TYPE_CHECKING:
    from .schema import Settings


def joint_stands_alone(settings: "Settings") -> None:
    """The joint loss has the costs of the phases, in a form of its own."""
    if settings.joint is None:
        if settings.warps:
            raise ValueError("warps needs joint.weights.warps")
        if bool(settings.smoothness) != bool(settings.phases.smoothness):
            raise ValueError("smoothness needs phases.smoothness or joint.weights.smoothness")
        if settings.phases.smoothness and not settings.infers_label:
            raise ValueError("phases.smoothness needs label_dim, and label_at: encoder")
        return
    if settings.phases != Phases():
        raise ValueError("joint leaves no place for phases: set them to null")
    needed = {"label_at": "encoder", "posterior": "deterministic", "layerwise_epochs": 0}
    needed |= {"penalty": None, "alae": None, "cluster_head_distance": None}
    for name, value in needed.items():
        if getattr(settings, name) != value:
            raise ValueError(f"joint needs {name}: {'null' if value is None else value}")
    if settings.differences != Differences():
        raise ValueError("joint leaves no place for differences")


def joint_costs_have_their_parts(settings: "Settings") -> None:
    if settings.joint is None:
        return
    joint, weights = settings.joint, settings.joint.weights
    if all(weight is None for _, weight in weights):
        raise ValueError("joint.weights needs a cost")
    of_label = ("label_adversary", "smoothness", "balance", "warps", "classification")
    needs = {f"joint.weights.{name}": "label_dim" for name in of_label}
    needs |= {"joint.weights.style_adversary": "style_dim"}
    for key, needed in needs.items():
        if getattr(weights, key.rpartition(".")[2]) is not None and not getattr(settings, needed):
            raise ValueError(f"{key} needs {needed}")
    if weights.classification is not None and not (
        settings.labels and settings.labelled_batch_size
    ):
        raise ValueError("joint.weights.classification needs labels and labelled_batch_size")
    for name in ("smoothness", "warps"):
        if (getattr(weights, name) is None) != (getattr(settings, name) is None):
            raise ValueError(f"{name} and joint.weights.{name} go together")
    adversaries = weights.style_adversary is not None or weights.label_adversary is not None
    if adversaries != bool(joint.discriminators):
        raise ValueError("joint.discriminators goes with an adversary in joint.weights")
    if weights.warps is not None and (settings.standardise or settings.signed_pixels):
        raise ValueError("joint.weights.warps needs pixels in [0, 1], whose background is 0")
    if joint.balance_slack and weights.balance is None:
        raise ValueError("joint.balance_slack needs joint.weights.balance")
    if weights.balance is not None and joint.balance_slack >= math.log(settings.label_dim):
        least = f"log({settings.label_dim}) = {math.log(settings.label_dim):.2f}"
        raise ValueError(f"joint.balance_slack must be below {least}: above it nothing is asked")


def second_stage_has_its_first(settings: "Settings") -> None:
    if settings.second_stage is None:
        return
    if not settings.infers_label or settings.alae:
        raise ValueError("second_stage needs label_dim, and label_at: encoder")
    if settings.cluster_head_distance:
        raise ValueError("second_stage has a cluster_head_distance of its own: leave out the other")
    own = settings.second_stage
    if (start := own.schedule.warm_up_epochs) > own.epochs:
        key = "second_stage.schedule.warm_up_epochs"
        raise ValueError(f"{key}: {start:g} ends after its epochs: {own.epochs}")


def ramps_end_with_training(settings: "Settings") -> None:
    """A ramp that is cut off is a mistake: its last value would never be reached."""
    ramps: dict[str, Ramp | None] = {}
    if settings.joint:
        ramps |= {f"joint.weights.{name}": weight for name, weight in settings.joint.weights}
        if (start := settings.joint.schedule.warm_up_epochs) > settings.epochs:
            key = "joint.schedule.warm_up_epochs"
            raise ValueError(f"{key}: {start:g} ends after epochs: {settings.epochs}")
    if settings.smoothness:
        ramps["smoothness.radius"] = settings.smoothness.radius
        ramps["smoothness.relative_radius"] = settings.smoothness.relative_radius
    for key, ramp in ramps.items():
        if ramp is not None and (end := end_of(ramp)) > settings.epochs:
            raise ValueError(f"{key} ends at epoch {end:g}, after epochs: {settings.epochs}")


def labelled_batches_can_be_drawn(settings: "Settings") -> None:
    size = settings.labelled_batch_size
    if size and not (settings.labels and settings.infers_label):
        raise ValueError("labelled_batch_size needs labels, label_dim and label_at: encoder")
    if size and size % settings.label_dim:
        raise ValueError(
            f"labelled_batch_size must be a multiple of label_dim, {settings.label_dim}"
        )


def batch_norm_is_evaluated_with_its_statistics(settings: "Settings") -> None:
    by_encoder = settings.batch_norm in ("encoder", "hidden_and_label")
    normalised = settings.batch_norm != "none" or bool(settings.label_logit_std)
    for key in ("batch_size", "batch_norm_images"):
        if normalised and getattr(settings, key) == 1:
            raise ValueError(f"{key} must be 2 or more with batch_norm: one image has no spread")
    if settings.batch_norm_images and not by_encoder:
        raise ValueError("batch_norm_images needs batch_norm: encoder or hidden_and_label")
    if settings.weight_average_updates and normalised and not settings.batch_norm_images:
        raise ValueError(
            "weight_average_updates would leave batch_norm's statistics behind: set"
            " batch_norm_images"
        )
    if settings.batch_norm == "hidden_and_label" and not settings.infers_label:
        raise ValueError("batch_norm: hidden_and_label needs label_dim, and label_at: encoder")


JOINT_CHECKS = (
    joint_stands_alone,
    joint_costs_have_their_parts,
    ramps_end_with_training,
    second_stage_has_its_first,
    labelled_batches_can_be_drawn,
    batch_norm_is_evaluated_with_its_statistics,
)
