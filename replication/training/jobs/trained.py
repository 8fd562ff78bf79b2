"""Trained models from their kept weights: as modules, their samples, their codes."""

import io
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from replication.base.errors import UserError
from replication.base.files import write_atomically
from replication.base.streams import generator
from replication.data.loaders import load
from replication.evidence import bundle
from replication.models.build import build
from replication.models.plane import Plane
from replication.models.priors import style_prior
from replication.settings.experiments import experiments
from replication.settings.schema import Seed, Settings
from replication.settings.scripts import script_of

from .executions import Asked, chosen
from .variant import Variant
from .weights import read_weights, weights_of

CHUNK = 2000  # images encoded or decoded at a time
COLUMNS = 8  # of a sheet of samples


def seed_of(variant: Variant, number: int) -> Seed:
    """The run of ``variant`` with that seed; a UserError if the settings have none."""
    for run in variant.settings.runs:
        if run.seed == number:
            return run
    seeds = ", ".join(str(run.seed) for run in variant.settings.runs)
    raise UserError(f"{variant.name} has no seed {number}", f"choose one of: {seeds}")


def first_seed(variant: Variant) -> int:
    """Its first seed whose weights training kept; without any, that of the bundle, if it has it."""
    runs = variant.settings.runs
    if kept := next((run for run in runs if variant.kept(run) is not None), None):
        return kept.seed
    own = (variant.item, variant.name, variant.preset)
    hashed = variant.settings.training_hash()
    found = (run.seed for run in runs if bundle.find(*own, run.seed, hashed))
    return next(found, runs[0].seed)


def modules(variant: Variant, number: int) -> nn.ModuleDict:
    """The parts of a trained model, in evaluation mode.

    Of the weights that training kept here; without any, of the bundle, which a line on standard
    error tells.
    """
    seed = seed_of(variant, number)
    if variant.kept(seed) is None:
        hashed = variant.settings.training_hash()
        own = bundle.find(variant.item, variant.name, variant.preset, number, hashed)
        if own is not None:
            parts = " and ".join(own.parts)
            text = f"no weights of a training are kept here: {parts} of {own.path(bundle.BUNDLE)}"
            print(f"note: {text} ({own.stored})", file=sys.stderr)
            return bundled_modules(variant.settings, bundle.tensors(own))
    return kept_modules(variant, seed, load(variant.settings).pixels)


def kept_modules(variant: Variant, seed: Seed, pixels: int) -> nn.ModuleDict:
    """The parts of a model whose weights training kept, for images of ``pixels`` values."""
    path = weights_of(variant.weights(seed), seed)
    model = build(variant.settings, pixels, seed.seed)
    weights = read_weights(path)
    if not all(value.isfinite().all() for value in weights.values()):
        problem = f"{path} holds numbers that are not finite: that seed diverged"
        raise UserError(problem, "choose another seed")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        problem = f"{path} does not fit the settings: {str(error).splitlines()[0]}"
        raise UserError(problem, "delete it and train again") from None
    return model.eval()


def bundled_modules(settings: Settings, arrays: Mapping[str, np.ndarray]) -> nn.ModuleDict:
    """The parts that ``arrays`` of a file of the bundle have, in float32 and evaluation mode.

    Its decoder may have fewer hidden units than the settings: those that never wake are left out.
    """
    weights = {name: a for name, a in arrays.items() if not name.startswith(bundle.SHOWN)}
    state = {name: torch.from_numpy(array.copy()) for name, array in weights.items()}
    state = {name: v.float() if v.is_floating_point() else v for name, v in state.items()}
    trunk = sorted(name for name in state if re.search(r"decoder\.trunk\.\d\.weight$", name))
    sizes = [len(state[name]) for name in reversed(trunk)]  # the settings' go with the encoder's
    smaller = settings.model_copy(update={"hidden_sizes": sizes})
    output = next(name for name in state if name.endswith("decoder.output.weight"))
    own = only_with(build(smaller, len(state[output]), 0), state)
    own.load_state_dict(state)
    return own.eval()


def only_with(model: nn.Module, names: Collection[str]) -> nn.ModuleDict:
    """The parts of ``model`` that one of the tensors' ``names`` begins with; of a plane, too."""
    own = nn.ModuleDict()
    for part, module in model.named_children():
        inside = [n.removeprefix(f"{part}.") for n in names if n.startswith(f"{part}.")]
        if inside:
            own[part] = only_with(module, inside) if isinstance(module, Plane) else module
    return own


def modules_of_name(name: str, preset: str, number: int | None, precision: str) -> nn.ModuleDict:
    """``modules`` of ``"item/variant"``; of its first seed, if none is named."""
    item, _, variant_name = name.partition("/")
    settings = experiments().settings_of(preset, item, variant_name)
    variant = Variant(script_of(item), preset, variant_name)
    asked = Asked(precision=None if precision == "auto" else precision)
    seed = settings.runs[0] if number is None else seed_of(variant, number)
    return modules(chosen(variant, [seed], asked, None), seed.seed)


@torch.no_grad()
def sample(variant: Variant, number: int | None, count: int, output: Path) -> None:
    """``count`` decoded prior samples, as a sheet (.png) or uint8 [count, C, H, W] (.npy).

    Of ``first_seed``, unless a ``number`` is given. Where the decoder is given a label, the classes
    take turns, a column of the sheet each: their prior is uniform. A UserError for models without a
    prior or decoder.
    """
    settings = variant.settings
    if not settings.has_style_prior:
        raise UserError(f"{variant.name} has no prior to sample", "choose a variant with one")
    number = first_seed(variant) if number is None else number
    data = load(settings)
    model = modules(variant, number)
    if "plane" in model and "decoder" not in model:
        problem = f"the bundle has the plane alone of {variant.name}, which has no prior"
        raise UserError(problem, f"{variant.train_first}, or choose another variant")
    if "decoder" not in model:
        raise UserError(f"{variant.name} has no decoder", "choose a variant that reconstructs")
    stream = generator(number, "samples of the command")
    if settings.alae:  # its codes are what the mapping makes of noise
        styles = model["mapping"](torch.randn(count, settings.style_dim, generator=stream))
    else:
        styles = style_prior(settings).sample(count, stream)
    classes = settings.decoder_label_dim
    label = torch.eye(classes)[torch.arange(count) % classes] if classes else None

    def decoded(chunk: slice) -> Tensor:
        seen = None if label is None else label[chunk]
        return data.scaling.to_bytes(model["decoder"](styles[chunk], seen))

    images = torch.cat([decoded(slice(start, start + CHUNK)) for start in range(0, count, CHUNK)])
    store(images.view(count, *data.shape).numpy(), output, classes or COLUMNS)


@torch.no_grad()
def encode(
    variant: Variant, number: int | None, split: str, output: Path, code: str | None = None
) -> None:
    """A split's codes, float32 [N, n]: ``style``, or the logits of q(y|x), ``label``.

    Without ``code`` the style, if there is one. Of ``first_seed``, unless a ``number`` is given.
    """
    data = load(variant.settings)
    model = modules(variant, first_seed(variant) if number is None else number)
    if "encoder" not in model:
        problem = f"the bundle has no encoder of {variant.name}"
        raise UserError(problem, f"{variant.train_first}, or choose another variant")
    images = (data.train if split == "train" else data.test).images

    def codes(chunk: Tensor) -> Tensor:
        found: dict[str, Tensor] = model["encoder"](data.scaling.to_network(chunk))
        own = code or ("style" if "style" in found else "label")
        if own not in found:
            raise UserError(f"{variant.name} has no code {own}", f"its code is {', '.join(found)}")
        return found[own]

    store(torch.cat([codes(chunk) for chunk in images.split(CHUNK)]).numpy(), output)


def store(array: np.ndarray, output: Path, columns: int = COLUMNS) -> None:
    """``array`` as .npy, or images [N, C, H, W] as one .png; a UserError for another ending."""
    buffer = io.BytesIO()
    if output.suffix == ".npy":
        np.save(buffer, array, allow_pickle=False)
    elif output.suffix == ".png" and array.ndim == 4:
        from PIL import Image

        missing = -len(array) % columns
        padded = np.concatenate([array, np.zeros((missing, *array.shape[1:]), np.uint8)])
        _, channels, height, width = padded.shape
        sheet = padded.reshape(-1, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
        sheet = sheet.reshape(-1, columns * width, channels)
        Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(buffer, "png")
    else:
        raise UserError(f"cannot write {output}", "name a .npy file, or a .png for images")
    write_atomically(output, buffer.getvalue())
