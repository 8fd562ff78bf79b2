"""The phases of a recipe, as its settings name them."""

from typing import cast

from replication.base.streams import Streams
from replication.data.dataset import Dataset
from replication.models.networks import Encoder
from replication.models.priors import DensePrior, priors_of
from replication.models.stack import Stack
from replication.settings.optimisers import Optimiser
from replication.settings.schema import Settings

from . import alae
from .descent import Phase
from .differences import Joint, mean_squared_error
from .inputs import EncoderInput
from .joint import JointDescent
from .layerwise import Layerwise
from .losses import half_squared_error
from .penalties import PenalisedReconstruction
from .phases import Classification, HeadDistance, Reconstruction, Regularisation, Variational
from .smoothness import Smoothing, VirtualAdversary


def in_order(stack: Stack, settings: Settings, streams: Streams, dataset: Dataset) -> list[Phase]:
    """The phases that ``settings`` name, in the paper's order; or the one that is ours."""
    if settings.joint:
        return [JointDescent(stack, settings, streams, dataset)]
    if settings.alae:
        return alae.in_order(stack, settings, streams)
    encoder_input = EncoderInput(
        streams, settings, cast(Encoder, stack.template.encoder).epsilon_size
    )
    priors, wanted, differences = priors_of(settings), settings.phases, settings.differences
    phases: list[Phase] = []
    if wanted.reconstruction:
        phases.append(reconstruction(stack, settings, wanted.reconstruction, encoder_input))
    if wanted.head_distance and settings.cluster_head_distance:
        heads, least = settings.label_dim, settings.cluster_head_distance
        phases.append(HeadDistance(stack, wanted.head_distance, heads, least))
    if wanted.discriminator and wanted.generator:
        adversaries = (wanted.discriminator, wanted.generator)
        guided = settings.label_at == "discriminator"
        matched = {name: p for name, p in priors.items() if name != differences.unmatched}
        game = Regularisation(
            stack, *adversaries, matched, guided, encoder_input, streams, differences
        )
        phases.append(game)
    if wanted.classification:
        phases.append(Classification(stack, wanted.classification, encoder_input))
    if wanted.variational:
        prior = cast(DensePrior, priors["style"])
        phases.append(Variational(stack, wanted.variational, prior, encoder_input))
    if wanted.smoothness and settings.smoothness:
        adversary = VirtualAdversary(stack, settings.smoothness, streams, dataset)
        phases.append(Smoothing(stack, wanted.smoothness, adversary))
    if differences.joint:  # then the settings have just these three
        return [Joint(*cast(tuple[Reconstruction, Regularisation, Classification], phases))]
    return phases


def reconstruction(
    stack: Stack, settings: Settings, optimiser: Optimiser, encoder_input: EncoderInput
) -> Phase:
    """The first phase: with a penalty, or layer after layer, where the settings ask for it."""
    whole: Reconstruction
    if settings.penalty:
        penalty = (settings.penalty, settings.style_dim)
        whole = PenalisedReconstruction(stack, optimiser, encoder_input, *penalty)
    else:
        labelled = settings.label_at == "decoder"
        error = mean_squared_error if settings.differences.mean_error else half_squared_error
        whole = Reconstruction(stack, optimiser, labelled, encoder_input, error)
    if settings.layerwise_epochs:
        return Layerwise(stack, optimiser, settings.layerwise_epochs, encoder_input, whole)
    return whole
