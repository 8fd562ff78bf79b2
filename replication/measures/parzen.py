"""The Parzen-window log-likelihood of held-out images, in nats (Table 1, section 3, appendix A.1).

Samples of the decoder are the centres of Gaussian kernels; the kernels' bandwidth is the one
under which held-out images, apart from the test images, are likeliest. In as many dimensions as
an image has pixels the estimate is far from the true likelihood and depends on the number of
samples and on the bandwidth: it compares models that were measured alike, and says no more.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from replication.base.errors import UserError
from replication.base.products import full_precision
from replication.models.priors import Prior

# Products computed at a time: 16 MB in float32, twice. On a CPU 2^18 to 2^24 are equally fast.
TILE = 2**22
GPU_TILE = 2**26  # 256 MB, twice: a GPU waits less for a sixteenth of the calls
# exp of a lower exponent underflows, which is slow on a CPU (13 to 40 ns, not 1); e^-80 instead of
# 0 is too little to be seen beside the nearest sample's 1.
LOWEST = -80.0
# How often the grid of bandwidths is widened: 3 times 20 steps of 10 % are a factor of 300.
WIDENINGS = 3


@dataclass(frozen=True)
class Estimate:
    """One cell of Table 1.

    ``mean`` log-likelihood of ``points`` test images in nats, and its ``standard_error`` over
    those images: the standard deviation of their log-likelihoods / sqrt(points), which is how the
    published ± is read. It says nothing of the spread over seeds or over samples. ``bandwidth``
    is that of the kernels, in the images' unit, and ``samples`` their number. ``curve`` is the mean
    log-likelihood of the held-out images under each bandwidth of the grid.
    """

    mean: float
    standard_error: float
    bandwidth: float
    samples: int
    points: int
    curve: list[float]


def estimate(
    samples: Callable[[], Iterable[Tensor]],
    held_out: Tensor,
    test: Tensor,
    candidates: Sequence[float],
) -> Estimate:
    """The log-likelihood of ``test`` [N, D] with the bandwidth chosen on ``held_out`` [M, D].

    ``samples`` is called for each pass and has to give the same blocks [B, D] every time: make its
    generator anew from the seed inside of it. Errors are those of ``choose_bandwidth`` and
    ``log_likelihood``; fewer than two test images, or passes over different numbers of samples,
    are a ValueError.
    """
    if len(test) < 2:
        raise ValueError(f"a standard error needs two test images or more, not {len(test)}")
    counts: list[int] = []

    def counted() -> Iterator[Tensor]:
        counts.append(0)
        for block in samples():
            counts[-1] += len(block)
            yield block

    bandwidth, curve = choose_bandwidth(counted, held_out, candidates)
    logs = log_likelihood(counted(), test, bandwidth)
    if len({*counts}) > 1:
        raise ValueError(f"the passes had {' and '.join(map(str, counts))} samples")
    standard_error = logs.std().item() / math.sqrt(len(test))
    return Estimate(logs.mean().item(), standard_error, bandwidth, counts[0], len(test), curve)


def choose_bandwidth(
    samples: Callable[[], Iterable[Tensor]], held_out: Tensor, candidates: Sequence[float]
) -> tuple[float, list[float]]:
    """The bandwidth under which ``held_out`` [M, D] has the highest mean log-likelihood.

    Beside it, that mean for each candidate. The optimum is that of the parabola, in the logarithm
    of the bandwidth, through the best candidate and its two neighbours.

    ``samples`` gives blocks [B, D], all candidates' in one pass. Three or more ``candidates``,
    positive and ascending, are wanted, a ValueError otherwise. Where the best one is at an end of
    the grid, another pass looks further, in as many steps again, and one line on standard error
    says so; a UserError where that did not help ``WIDENINGS`` times.
    """
    grid = torch.tensor(list(candidates), dtype=torch.float64)
    if len(grid) < 3 or not (grid[1:] > grid[:-1]).all():
        raise ValueError(f"want three ascending bandwidths or more, not {list(candidates)}")
    means = curve = log_likelihood(samples(), held_out, grid).mean(1)
    steps = torch.arange(1, len(grid) + 1, dtype=torch.float64)
    for widened in range(WIDENINGS + 1):
        best = int(means.argmax())
        if 0 < best < len(grid) - 1:
            around = slice(best - 1, best + 2)
            return _peak(grid[around].log(), means[around]), curve.tolist()
        if widened == WIDENINGS:
            break
        text = f"the best bandwidth {grid[best]:g} is at the end of {_ends(grid)}; looking further"
        print(f"note: {text}", file=sys.stderr)
        if best:
            more = grid[-1] * (grid[-1] / grid[-2]) ** steps
        else:
            more = (grid[0] * (grid[0] / grid[1]) ** steps).flip(0)
        further = log_likelihood(samples(), held_out, more).mean(1)
        grid = torch.cat([grid, more] if best else [more, grid])
        means = torch.cat([means, further] if best else [further, means])
    problem = f"widened {WIDENINGS} times, {_ends(grid)} still has its best bandwidth at the end"
    raise UserError(problem, "look whether the samples are copies of the held-out images")


def _ends(grid: Tensor) -> str:
    return f"the grid [{grid[0]:g}, {grid[-1]:g}]"


def _peak(places: Tensor, heights: Tensor) -> float:
    """exp of the place of the top of the parabola through three points, the middle one highest."""
    before, after = places[1] - places[0], places[2] - places[1]
    left, right = (heights[1] - heights[0]) * after, (heights[1] - heights[2]) * before
    if left + right == 0:  # all three are equally high
        return places[1].exp().item()
    return (places[1] + (left * after - right * before) / (2 * (left + right))).exp().item()


@torch.no_grad()
def log_likelihood(samples: Iterable[Tensor], points: Tensor, bandwidth: float | Tensor) -> Tensor:
    """log p(x) of ``points`` [N, D], in nats, float64 [N], under the kernels around ``samples``.

    p is the equal mixture of N(s, bandwidth^2 I) over all samples s, which come in blocks [B, D]
    of any sizes and are read once. With a tensor of K bandwidths the result is [K, N]; the
    distances, which are the cost, are computed once for all of them.

    Memory: a few copies of one block and of ``points``, 2 max(tile, B) products and 3 K N sums,
    whatever the number of blocks; the tile is TILE or, on a GPU, GPU_TILE. Works where ``points``
    lie, on any device with float64.

    Precision: products are in the type of ``points``. In float32 the error of a log-likelihood is
    below 4e-7 max(|x - c|, |s - c|)^2 / bandwidth^2 nats, c the mean point: less than 0.001 for
    28x28 images at bandwidth 0.15, whatever precision of products is set for training.

    A ValueError says which argument has a wrong shape, type or value; a UserError, that samples
    are not finite.
    """
    points, bandwidths = points.detach(), _bandwidths(bandwidth, points)
    centre = points.mean(0, dtype=torch.float64)
    # |x|^2 - 2 x.s + |s|^2 cancels: the less, the nearer the origin is to the points and samples.
    centred = (points - centre).to(points.dtype)
    variances = bandwidths.square().unsqueeze(1)
    peak = centre.new_full((len(points),), -math.inf)
    sums = centre.new_zeros((len(bandwidths), len(points)))
    count = 0
    for number, block in enumerate(samples):
        if block.ndim != 2 or block.shape[1] != points.shape[1]:
            shapes = f"{tuple(block.shape)}, points of {tuple(points.shape)}"
            raise ValueError(f"samples have shape {shapes}")
        if not len(block):
            continue
        kernels = (block.to(points.device) - centre).to(points.dtype)
        half_squares = _half_squares(kernels).to(points.dtype)
        if not half_squares.isfinite().all():
            problem = f"samples of block {number} are not finite, or too large to be squared"
            raise UserError(problem, "look for a diverged decoder")
        count += len(block)
        highest, totals = _block_sums(centred, kernels, half_squares, variances)
        raised = torch.maximum(peak, highest)
        sums *= ((peak - raised) / variances).exp_()
        sums += totals * ((highest - raised) / variances).exp_()
        peak = raised
    if not count:
        raise ValueError("there are no samples")
    logs = (peak - _half_squares(centred)) / variances + sums.log()
    logs -= math.log(count) + 0.5 * points.shape[1] * (2 * math.pi * variances).log()
    return logs if isinstance(bandwidth, Tensor) and bandwidth.ndim else logs[0]


def decoder_samples(
    decode: Callable[[Tensor], Tensor],
    prior: Prior,
    count: int,
    block: int,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    """``count`` decoded draws from ``prior`` in blocks [block, D], the last one shorter.

    ``decode`` maps codes [B, size], on the generator's device, to images [B, D]; put the decoder
    into evaluation mode before. The images depend on the state of ``generator`` and on ``block``.
    A count or block below one is a ValueError.
    """
    if count < 1 or block < 1:
        raise ValueError(f"count {count} and block {block} have to be positive")
    return _decoded(decode, prior, count, block, generator)


def _decoded(
    decode: Callable[[Tensor], Tensor],
    prior: Prior,
    count: int,
    block: int,
    generator: torch.Generator,
) -> Iterator[Tensor]:
    for start in range(0, count, block):
        with torch.no_grad():  # not around the yield: it would reach into the caller
            images = decode(prior.sample(min(block, count - start), generator))
        yield images


def _bandwidths(bandwidth: float | Tensor, points: Tensor) -> Tensor:
    """The bandwidths, float64 [K], once they and ``points`` are known to be usable."""
    if points.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"points are {points.dtype}, not float32 or float64")
    if points.ndim != 2 or not points.numel():
        raise ValueError(f"points have shape {tuple(points.shape)}, not [N, D]")
    if not _half_squares(points).to(points.dtype).isfinite().all():
        raise ValueError("points are not finite, or too large to be squared")
    bandwidths = torch.as_tensor(bandwidth, dtype=torch.float64, device=points.device)
    if bandwidths.ndim > 1 or not bandwidths.numel():
        raise ValueError(f"bandwidths have shape {tuple(bandwidths.shape)}, not [K]")
    # The square's reciprocal has to be finite in float32, too.
    if not ((bandwidths > 1e-15) & (bandwidths < 1e15)).all():
        raise ValueError(f"bandwidths have to be positive and finite: {bandwidths.tolist()}")
    return bandwidths.reshape(-1)


def _half_squares(rows: Tensor) -> Tensor:
    """|row|^2 / 2 of ``rows`` [N, D], summed in float64, [N]."""
    return torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).square_().div_(2)


def _block_sums(
    points: Tensor, kernels: Tensor, half_squares: Tensor, variances: Tensor
) -> tuple[Tensor, Tensor]:
    """Of e = x.s - |s|^2/2 over one block: the highest [N], sum of exp((e - highest)/v) [K, N].

    e is the exponent -|x - s|^2/2 without a term that all samples share, so that the highest e is
    the nearest sample's under each variance v [K, 1].
    """
    scales = (1 / variances).flatten().tolist()
    rows = max(1, (TILE if points.device.type == "cpu" else GPU_TILE) // len(kernels))
    highest, totals = [], []
    for tile in points.split(rows):
        with full_precision():
            exponents = torch.addmm(half_squares, tile, kernels.T, beta=-1)
        top = exponents.amax(1)
        exponents -= top.unsqueeze(1)
        scaled = torch.empty_like(exponents)
        own = [torch.mul(exponents, s, out=scaled).clamp_(min=LOWEST).exp_().sum(1) for s in scales]
        highest.append(top)
        totals.append(torch.stack(own))
    return torch.cat(highest).double(), torch.cat(totals, 1).double()
