"""Small files of trained weights, for the bundle: parts of a model in float16."""

import hashlib
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import qr
from torch import Tensor, nn

from replication.base.errors import UserError
from replication.base.streams import generator
from replication.data.dataset import Dataset
from replication.data.loaders import load
from replication.evidence.bundle import BUNDLE, SHOWN, Bundled, add, pack, unpacked
from replication.models.networks import Decoder
from replication.models.priors import style_prior
from replication.settings.experiments import experiments
from replication.settings.schema import Settings
from replication.settings.scripts import script_of
from replication.training.jobs.executions import Asked, chosen
from replication.training.jobs.trained import bundled_modules, kept_modules
from replication.training.jobs.variant import Variant
from replication.training.jobs.weights import told_of
from replication.training.second_stage import representation

# A lone decoder of 1000 units is small enough without the units that it can do without.
BUNDLED = {
    ("table1_log_likelihood", "mnist"): ("decoder",),
    ("figure2_prior_matching", "aae_gaussian"): ("decoder",),
    ("figure11_dimensionality_reduction", "labels_1000"): ("decoder",),
    ("ours_clustering", "clusters_16"): ("encoder", "decoder"),
    ("ours_dimensionality_reduction", "labels_100"): ("plane.decoder",),
    ("ours_semi_supervised", "mnist_100"): ("encoder", "decoder"),
}
COMPARED = 4000  # codes
MOST_UNITS = 860  # in a layer of a lone decoder: 1.4 MB in int8
FITTED = 20000  # codes that the units left out are made up for over
RIDGE = 1e-7  # of the mean square of a unit
PLACES = 2500  # test images at most whose places are stored
AROUND = 4.0  # standard deviations of the style, about cluster heads


def bundle(item: str, variant_name: str, preset: str, folder: Path = BUNDLE) -> Path:
    """Add the first seed of a variant to the bundle; a UserError where its weights are not kept."""
    settings = experiments().settings_of(preset, item, variant_name)
    seed = settings.runs[0]
    variant = Variant(script_of(item), preset, variant_name)
    variant = chosen(variant, [seed], Asked(), None)
    data = load(settings)
    kept = variant.weights(seed)
    model = kept_modules(variant, seed, data.pixels)
    parts = BUNDLED[item, variant_name]
    named = next(part for part in parts if part.endswith("decoder"))
    decoder = model.get_submodule(named)
    assert isinstance(decoder, Decoder)
    codes = codes_to_compare(settings, decoder.cluster_heads)
    exact = decoded(decoder, codes)
    inputs = {}
    if parts == ("decoder",):
        others = codes_to_compare(settings, decoder.cluster_heads, "codes to fit by", FITTED)
        thin(decoder, others)
        inputs = {f"{named}.{name}": value for name, value in layer_inputs(decoder, others).items()}
    arrays = {
        f"{part}.{name}": value.half().numpy() if value.is_floating_point() else value.numpy()
        for part in parts
        for name, value in model.get_submodule(part).state_dict().items()
    }
    if decoder.cluster_heads is not None:
        arrays |= places(model, data)
    content, stored = pack(arrays, inputs)
    again = bundled_modules(settings, unpacked(content))
    apart = np.abs(decoded(again.get_submodule(named), codes) - exact)
    own = Bundled(
        item=item,
        variant=variant_name,
        preset=preset,
        seed=seed.seed,
        label_seed=seed.label_seed,
        parts=list(parts),
        stored=stored,
        hidden_sizes=hidden_sizes(decoder),
        training_hash=settings.training_hash(),
        code_hash=told_of(kept, seed)["code"],
        data_sha256=data.sha256,
        precision=variant.execution.precision,
        difference=float(apart.max()),
        mean_difference=float(apart.mean()),
        codes_compared=len(codes),
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    return add(own, content, folder)


@torch.no_grad()
def places(model: nn.ModuleDict, data: Dataset) -> dict[str, np.ndarray]:
    """Of some test images, what a decoder of a style and a cluster head sees, and the classes."""
    some = slice(None, None, math.ceil(len(data.test) / PLACES))
    seen = data.scaling.to_network(data.test.images[some])
    if "plane" in model:
        codes = representation(model, seen)
    else:
        found, decoder = model["encoder"](seen), model["decoder"]
        assert isinstance(decoder, Decoder)
        codes = decoder.code(found["style"], found["label"].softmax(-1))
    labels = data.test.labels[some].byte()
    arrays = {"codes": codes.half().flatten().numpy(), "labels": labels.numpy()}
    return {f"{SHOWN}{name}": array for name, array in arrays.items()}


def codes_to_compare(
    settings: Settings,
    heads: nn.Linear | None = None,
    name: str = "codes of the bundle",
    count: int = COMPARED,
) -> Tensor:
    """Decoder inputs [count, label + style]: each class in turn, samples of the prior.

    Every other one is twice as far from the prior's middle, where a slider may lead, too. With
    cluster ``heads`` inputs [count, style] anywhere between these, and around them.
    """
    stream = generator(0, name)
    if heads is not None:
        places = heads.weight.detach().T
        low, high = places.amin(0) - AROUND, places.amax(0) + AROUND
        return low + torch.rand(count, len(low), generator=stream) * (high - low)
    styles = style_prior(settings).sample(count, stream)
    styles[1::2] *= 2
    labels = settings.label_dim if settings.label_at != "discriminator" else 0
    if not labels:
        return styles
    turns = torch.eye(labels)[torch.arange(count) // 2 % labels]
    return torch.cat([turns, styles], 1)


@torch.no_grad()
def decoded(decoder: nn.Module, codes: Tensor) -> np.ndarray:
    """Pixels in [0, 1], [N, pixels]."""
    assert isinstance(decoder, Decoder)
    pixels = decoder.activate(decoder.output(decoder.trunk(codes)))
    return pixels.clamp(0, 1).numpy()


def hidden_sizes(decoder: Decoder) -> list[int]:
    return [layer.out_features for layer in linears(decoder)[:-1]]


def linears(decoder: Decoder) -> list[nn.Linear]:
    """The layers; a UserError where there is more than linear layers and ReLUs."""
    if any(isinstance(m, nn.BatchNorm1d) for m in decoder.modules()):
        raise UserError("a decoder with batch-norm cannot be bundled", "choose another variant")
    return [m for m in (*decoder.trunk, decoder.output) if isinstance(m, nn.Linear)]


@torch.no_grad()
def thin(decoder: Decoder, codes: Tensor, most: int = MOST_UNITS) -> None:
    """Drop, in place, the hidden units that ``codes`` [N, inputs] can do without.

    Those that are zero for all of them; of the rest at most ``most`` in a layer stay, from which
    the next layer makes up for the others by least squares over the codes.
    """
    values = codes
    for own, following in pairwise(linears(decoder)):
        values = torch.relu(own(values))
        used = (values > 0).any(0).nonzero()[:, 0]
        kept, weights = fewer(values[:, used].double().numpy(), most)
        used, others = used[kept], following.weight[:, used].double() @ torch.from_numpy(weights).T
        own.weight, own.bias = nn.Parameter(own.weight[used]), nn.Parameter(own.bias[used])
        own.out_features = following.in_features = len(used)
        following.weight = nn.Parameter(others.float())
        values = values[:, used]


def fewer(outputs: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Which ``most`` of the columns of ``outputs`` [N, C] stay, in order, [K].

    And the weights [K, C] with which these make all of them, as nearly as a sum can.
    """
    count = outputs.shape[1]
    if count <= most:
        return np.arange(count), np.eye(count)
    # Each column that it takes next is the one that those before it explain least.
    _, _, order = qr(outputs, mode="economic", pivoting=True)
    kept, lost = np.sort(order[:most]), order[most:]
    own = outputs[:, kept]
    squares = own.T @ own
    squares += RIDGE * squares.diagonal().mean() * np.eye(most)
    weights = np.zeros((most, count))
    weights[np.arange(most), kept] = 1
    weights[:, lost] = np.linalg.solve(squares, own.T @ outputs[:, lost])
    return kept, weights


@torch.no_grad()
def layer_inputs(decoder: Decoder, codes: Tensor) -> dict[str, np.ndarray]:
    """What each matrix is multiplied by, [N, C], for ``codes`` [N, inputs]; by its name."""
    names = {module: f"{name}.weight" for name, module in decoder.named_modules()}
    found, values = {}, codes
    for layer in linears(decoder):
        found[names[layer]] = values.numpy()
        values = torch.relu(layer(values))
    return found
