"""Models as the settings describe them, made of the paper's networks."""

from torch import nn

from replication.base.streams import generator
from replication.settings.schema import Settings

from . import alae
from .networks import Decoder, Discriminator, Encoder, initialise
from .plane import build_plane


def build(settings: Settings, pixels: int, seed: int) -> nn.ModuleDict:
    """The parts that the phases train: ``encoder``, ``decoder``, ``<code>_discriminator``.

    The initialisation comes from the stream "initialisation" of ``seed``, on the CPU, so that it
    is the same on every device.
    """
    if settings.alae:
        return alae.build(settings, pixels, seed)
    style, label = settings.style_dim, settings.label_dim
    sizes = {"style": style, "label": label if settings.label_at == "encoder" else 0}
    heads = {name: size for name, size in sizes.items() if size}
    hidden_sizes = settings.hidden_sizes
    model = nn.ModuleDict()
    model["encoder"] = Encoder(
        pixels,
        hidden_sizes,
        heads,
        settings.posterior,
        settings.posterior_noise_dim,
        settings.batch_norm != "none",
        settings.label_logit_std,
        settings.code_activation,
        {"label"} if settings.batch_norm == "hidden_and_label" else None,
    )
    if settings.has_decoder:
        heads_in_code = settings.cluster_head_distance is not None
        like = (
            hidden_sizes[::-1],
            pixels,
            settings.output,
            settings.batch_norm == "all",
            heads_in_code,
        )
        model["decoder"] = Decoder(style, settings.decoder_label_dim, *like)
    for name in settings.discriminated:
        beside = settings.given_size if settings.label_at == "discriminator" else 0
        own_sizes = settings.discriminator_hidden_sizes or hidden_sizes
        model[f"{name}_discriminator"] = Discriminator(heads[name] + beside, own_sizes)
    initialise(model, settings.init_std, generator(seed, "initialisation"))
    if settings.second_stage:
        model["plane"] = build_plane(settings, pixels, seed)
    return model
