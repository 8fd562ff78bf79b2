"""Trained models from their kept weights: as modules, their samples, their codes."""

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.base.streams import generator
from replication.data.loaders import load
from replication.models.build import build
from replication.models.priors import style_prior
from replication.settings.experiments import experiments
from replication.settings.schema import Seed
from replication.settings.scripts import script_of

from .executions import Asked, chosen
from .variant import Variant
from .weights import read_weights, weights_of

CHUNK = 2000  # images encoded at a time
COLUMNS = 8  # of a sheet of samples


def seed_of(variant: Variant, number: int) -> Seed:
    """The run of ``variant`` with that seed; a UserError if the settings have none."""
    for run in variant.settings.runs:
        if run.seed == number:
            return run
    seeds = ", ".join(str(run.seed) for run in variant.settings.runs)
    raise UserError(f"{variant.name} has no seed {number}", f"choose one of: {seeds}")


def modules(variant: Variant, number: int, pixels: int) -> nn.ModuleDict:
    """The parts of a trained model, in evaluation mode, for images of ``pixels`` values."""
    seed = seed_of(variant, number)
    path = weights_of(variant.weights(seed), seed)
    model = build(variant.settings, pixels, seed.seed)
    try:
        model.load_state_dict(read_weights(path))
    except RuntimeError as error:
        problem = f"{path} does not fit the settings: {str(error).splitlines()[0]}"
        raise UserError(problem, "delete it and train again") from None
    return model.eval()


def modules_of_name(name: str, preset: str, number: int, precision: str) -> nn.ModuleDict:
    """``modules`` of ``"item/variant"``, with the data's number of pixels."""
    item, _, variant_name = name.partition("/")
    settings = experiments().settings_of(preset, item, variant_name)
    variant = Variant(script_of(item), preset, variant_name)
    asked = Asked(precision=None if precision == "auto" else precision)
    variant = chosen(variant, [seed_of(variant, number)], asked, None)
    return modules(variant, number, load(settings).pixels)


@torch.no_grad()
def sample(variant: Variant, number: int, count: int, output: Path) -> None:
    """``count`` decoded prior samples, as a sheet (.png) or uint8 [count, C, H, W] (.npy).

    Where the decoder is given a label, the classes take turns. A UserError for models without a
    prior or decoder.
    """
    settings = variant.settings
    if not (settings.phases.generator or settings.phases.variational) or not settings.style_dim:
        raise UserError(f"{variant.name} has no prior to sample", "choose a variant with one")
    data = load(settings)
    model = modules(variant, number, data.pixels)
    if "decoder" not in model:
        raise UserError(f"{variant.name} has no decoder", "choose a variant that reconstructs")
    stream = generator(number, "samples of the command")
    if settings.alae:  # its codes are what the mapping makes of noise
        styles = model["mapping"](torch.randn(count, settings.style_dim, generator=stream))
    else:
        styles = style_prior(settings).sample(count, stream)
    label = None
    if settings.label_dim and settings.label_at != "discriminator":
        label = torch.eye(settings.label_dim)[torch.arange(count) % settings.label_dim]
    images = data.scaling.to_bytes(model["decoder"](styles, label)).view(count, *data.shape)
    store(images.numpy(), output)


@torch.no_grad()
def encode(variant: Variant, number: int, split: str, output: Path) -> None:
    """The style codes of a split, float32 [N, style_dim]; label logits where there is no style."""
    data = load(variant.settings)
    model = modules(variant, number, data.pixels)
    images = (data.train if split == "train" else data.test).images

    def codes(chunk: Tensor) -> Tensor:
        found: dict[str, Tensor] = model["encoder"](data.scaling.to_network(chunk))
        return found["style"] if "style" in found else found["label"]

    store(torch.cat([codes(chunk) for chunk in images.split(CHUNK)]).numpy(), output)


def store(array: np.ndarray, output: Path) -> None:
    """``array`` as .npy, or images [N, C, H, W] as one .png; a UserError for another ending."""
    buffer = io.BytesIO()
    if output.suffix == ".npy":
        np.save(buffer, array, allow_pickle=False)
    elif output.suffix == ".png" and array.ndim == 4:
        from PIL import Image

        missing = -len(array) % COLUMNS
        padded = np.concatenate([array, np.zeros((missing, *array.shape[1:]), np.uint8)])
        _, channels, height, width = padded.shape
        sheet = padded.reshape(-1, COLUMNS, channels, height, width).transpose(0, 3, 1, 4, 2)
        sheet = sheet.reshape(-1, COLUMNS * width, channels)
        Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(buffer, "png")
    else:
        raise UserError(f"cannot write {output}", "name a .npy file, or a .png for images")
    write_atomically(output, buffer.getvalue())
