"""Table 2's update in JAX, as its users write it: one model, ``vmap`` over the seeds, ``jit``.

The same networks, losses, optimisers and order as ours, and as many products: the discriminators'
step and the generator's share one pass of the encoder. Needs the extra "bench".
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import log_softmax, relu, sigmoid, softmax, softplus

from replication.settings.optimisers import Optimiser
from replication.settings.schema import Settings
from replication.training.fit import Training

Tree = dict[str, Array]  # by the name that a parameter has in ours
# The parameters that each phase's optimiser moves, by how their names begin.
PARTS = {
    "reconstruction": ("encoder.", "decoder."),
    "discriminator": ("style_discriminator.", "label_discriminator."),
    "generator": ("encoder.",),
    "classification": ("encoder.trunk.", "encoder.heads.label."),
}


class State(NamedTuple):
    """Parameters, and for each phase the velocity of each parameter that it moves."""

    parameters: Tree
    velocities: dict[str, Tree]


class Draws(NamedTuple):
    """Of one update: noise on the encoder's input, a draw for each pass; samples of the priors."""

    reconstruction: Array  # [B, pixels]
    game: Array  # [B, pixels]
    classification: Array  # [L, pixels]
    style: Array  # [B, style_dim]
    label: Array  # one-hot, [B, label_dim]


class Recipe(NamedTuple):
    """Numbers of the settings: noise, and of each phase the learning rate and the momentum."""

    noise: float
    steps: Mapping[str, tuple[float, float]]


def recipe_of(settings: Settings) -> Recipe:
    """At the first epoch; an AssertionError where an optimiser is not SGD."""
    steps = {}
    for phase in PARTS:
        own = getattr(settings.phases, phase)
        assert isinstance(own, Optimiser)
        assert own.method == "sgd"
        steps[phase] = (own.learning_rate_at(0), own.momentum)
    return Recipe(settings.input_noise_std, steps)


def state_of(training: Training) -> State:
    """The weights of ours, [S, ...] each, at rest."""
    weights = {n: jnp.array(w.numpy()) for n, w in training.stack.state_dict().items()}
    at_rest = {
        phase: {n: jnp.zeros_like(w) for n, w in weights.items() if n.startswith(parts)}
        for phase, parts in PARTS.items()
    }
    return State(weights, at_rest)


def linear(parameters: Tree, name: str, x: Array) -> Array:
    return x @ parameters[f"{name}.weight"].T + parameters[f"{name}.bias"]


def trunk(parameters: Tree, part: str, x: Array) -> Array:
    """Its hidden layers; in ours a ReLU has the number after its layer's."""
    layer = 0
    while f"{part}.trunk.{layer}.weight" in parameters:
        x, layer = relu(linear(parameters, f"{part}.trunk.{layer}", x)), layer + 2
    return x


def encode(parameters: Tree, images: Array) -> tuple[Array, Array]:
    """The logits of q(y|x), and the style."""
    features = trunk(parameters, "encoder", images)
    label, style = (linear(parameters, f"encoder.heads.{n}", features) for n in ("label", "style"))
    return label, style


def decode(parameters: Tree, label: Array, style: Array) -> Array:
    hidden = trunk(parameters, "decoder", jnp.concatenate([label, style], -1))
    return sigmoid(linear(parameters, "decoder.output", hidden))


def judge(parameters: Tree, name: str, codes: Array) -> Array:
    """The logits of "these codes are samples of the prior"."""
    part = f"{name}_discriminator"
    return linear(parameters, f"{part}.logit", trunk(parameters, part, codes))[:, 0]


def update(
    recipe: Recipe, state: State, images: Array, labelled: Array, labels: Array, draws: Draws
) -> tuple[State, Tree]:
    """One update of one model: the phases in the paper's order; the new state, and the losses."""
    parameters, velocities, losses = dict(state.parameters), dict(state.velocities), {}

    def own(phase: str) -> Tree:
        return {n: p for n, p in parameters.items() if n.startswith(PARTS[phase])}

    def move(phase: str, gradients: Tree) -> None:
        rate, momentum = recipe.steps[phase]
        before = velocities[phase]
        velocities[phase] = {n: momentum * before[n] + g for n, g in gradients.items()}
        parameters.update({n: parameters[n] - rate * v for n, v in velocities[phase].items()})

    def descend(phase: str, loss: Callable[[Tree], Array]) -> None:
        losses[phase], gradients = jax.value_and_grad(loss)(own(phase))
        move(phase, gradients)

    def reconstruction(moved: Tree) -> Array:
        label, style = encode(moved, images + recipe.noise * draws.reconstruction)
        output = decode(moved, softmax(label), style)
        return 0.5 * jnp.square(output - images).sum(-1).mean()

    def codes(moved: Tree) -> dict[str, Array]:
        label, style = encode(moved, images + recipe.noise * draws.game)
        return {"style": style, "label": softmax(label)}

    def discriminator(moved: Tree) -> Array:
        loss = jnp.zeros(())
        for name, real in (("style", draws.style), ("label", draws.label)):
            logits = judge(moved, name, jnp.concatenate([real, fake[name]]))
            positive, negative = jnp.split(logits, 2)
            loss += softplus(-positive).mean() + softplus(negative).mean()
        return loss

    def generator(seen: dict[str, Array]) -> Array:
        terms = [softplus(-judge(parameters, name, own)).mean() for name, own in seen.items()]
        return sum(terms, jnp.zeros(()))

    def classification(moved: Tree) -> Array:
        noisy = labelled + recipe.noise * draws.classification
        logits = linear(moved, "encoder.heads.label", trunk(moved, "encoder", noisy))
        return -jnp.take_along_axis(log_softmax(logits), labels[:, None], -1).mean()

    descend("reconstruction", reconstruction)
    fake, back = jax.vjp(codes, own("generator"))
    descend("discriminator", discriminator)
    losses["generator"], of_codes = jax.value_and_grad(generator)(fake)
    move("generator", back(of_codes)[0])
    descend("classification", classification)
    return State(parameters, velocities), losses


def drawn(key: Array, images: Array, labelled: Array, style: int, label: int) -> Draws:
    """As ours draws them, by JAX's own generator."""
    keys = jax.random.split(key, 5)
    count = len(images)
    classes = jax.random.randint(keys[4], (count,), 0, label)
    return Draws(
        jax.random.normal(keys[0], images.shape),
        jax.random.normal(keys[1], images.shape),
        jax.random.normal(keys[2], labelled.shape),
        jax.random.normal(keys[3], (count, style)),
        jax.nn.one_hot(classes, label),
    )


class Peer:
    """A training in JAX from the weights, images and labelled images of one of ours."""

    def __init__(self, training: Training, settings: Settings):
        train = training.batches.train
        self.pixels = jnp.array(train.images.numpy())
        labelled = training.batches.labelled
        assert labelled is not None
        assert labelled.shape[1] <= settings.batch_size  # a batch has them all, each time
        chosen = np.array(labelled)
        # As bytes, scaled in the update: ours does so, too.
        self.labelled = jnp.array(train.images.numpy()[chosen])
        self.labels = jnp.array(train.labels.numpy()[chosen])
        self.state, self.seeds = state_of(training), len(chosen)
        self.batch = settings.batch_size
        # XLA's own generator: the default one takes longer.
        self.key = jax.random.key(0, impl="rbg")
        one = partial(self._one, recipe_of(settings), settings.style_dim, settings.label_dim)
        mapped = jax.vmap(one, in_axes=(0, None, 0, 0, 0, 0))
        self._update = jax.jit(mapped, donate_argnums=0)

    @staticmethod
    def _one(
        recipe: Recipe, style: int, label: int, state: State, pixels: Array, *own: Any
    ) -> tuple[State, Tree]:
        index, labelled, labels, key = own
        images, labelled = pixels[index] / 255.0, labelled / 255.0
        draws = drawn(key, images, labelled, style, label)
        return update(recipe, state, images, labelled, labels, draws)

    def epoch(self) -> Iterator[Tree]:
        """The losses [S] of each update of a pass over the images, in an order of each seed's."""
        self.key, orders, draws = jax.random.split(self.key, 3)
        count = len(self.pixels) // self.batch
        keys = jax.random.split(orders, self.seeds)
        order = jax.vmap(lambda key: jax.random.permutation(key, len(self.pixels)))(keys)
        for step in range(count):
            index = order[:, step * self.batch : (step + 1) * self.batch]
            own = jax.random.split(jax.random.fold_in(draws, step), self.seeds)
            given = (self.pixels, index, self.labelled, self.labels, own)
            self.state, losses = self._update(self.state, *given)
            yield losses
