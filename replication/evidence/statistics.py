"""The statistics of verdicts and ablations: intervals, tests and how many seeds they need.

All are over seeds, at the 5 % level. scipy is imported inside: it takes a second.
"""

import math
from collections.abc import Sequence
from functools import cache
from statistics import mean, stdev

from replication.settings.strict import Strict

LEVEL = 0.05
POWER = 0.8
ENOUGH_SEEDS = 3
MOST_SEEDS = 1000  # as far as ``seeds_needed`` looks

Interval = tuple[float, float]


class Summary(Strict):
    """Seeds' values: ``interval`` is of their mean, ``prediction`` of one more run (95 %, by t).

    A single value has neither, nor a standard deviation.
    """

    mean: float
    standard_deviation: float | None
    interval: Interval | None
    prediction: Interval | None
    seeds: int


class MeanDifference(Strict):
    """Our mean minus the published one, signed so that positive means worse, and its tests.

    ``interval`` is two-sided, 95 %; ``bounds`` are one-sided, 95 % each. The p-values: of no
    difference (Welch); of two one-sided tests that it lies within the margin (TOST); that it lies
    beyond the margin, worse or better; and that it is not worse than the margin (non-inferiority).
    """

    value: float
    interval: Interval
    bounds: Interval
    p_different: float
    p_equivalent: float
    p_worse: float
    p_better: float
    p_not_worse: float


def summary(values: Sequence[float]) -> Summary:
    """Mean, standard deviation (n - 1) and the two intervals; a ValueError without values."""
    from scipy.stats import t

    n = len(values)
    if n == 0:
        raise ValueError("without seeds there is no mean")
    middle = math.fsum(values) / n
    if n == 1:
        return Summary(
            mean=middle, standard_deviation=None, interval=None, prediction=None, seeds=1
        )
    deviation = stdev(values, middle)
    quantile = float(t.ppf(1 - LEVEL / 2, n - 1))
    half, wide = (quantile * deviation * math.sqrt(part) for part in (1 / n, 1 + 1 / n))
    return Summary(
        mean=middle,
        standard_deviation=deviation,
        interval=(middle - half, middle + half),
        prediction=(middle - wide, middle + wide),
        seeds=n,
    )


def mean_difference(
    ours: Summary, value: float, standard_error: float, margin: float, lower_is_better: bool
) -> MeanDifference:
    """Our mean beside a published one whose ``standard_error`` counts as known (0: exact).

    Welch's test with the degrees of freedom of Satterthwaite. A ValueError for a single seed.
    """
    from scipy.stats import t

    if ours.standard_deviation is None:
        raise ValueError("one seed has no spread to test with")
    difference = (ours.mean - value) * (1 if lower_is_better else -1)
    own_variance = ours.standard_deviation**2 / ours.seeds
    error = math.sqrt(own_variance + standard_error**2)
    # Where all seeds agree and the published value is exact, everything is certain.
    ratio = min(error**2 / own_variance, 1e6) if own_variance else 1e6
    freedom = (ours.seeds - 1) * ratio**2

    def above(bound: float) -> float:
        """The p-value against a true difference of ``bound`` or less."""
        if error == 0:
            return 0.0 if difference > bound else 1.0
        return float(t.sf((difference - bound) / error, freedom))

    def below(bound: float) -> float:
        if error == 0:
            return 0.0 if difference < bound else 1.0
        return float(t.cdf((difference - bound) / error, freedom))

    one = float(t.ppf(1 - LEVEL, freedom)) * error
    two = float(t.ppf(1 - LEVEL / 2, freedom)) * error
    return MeanDifference(
        value=difference,
        interval=(difference - two, difference + two),
        bounds=(difference - one, difference + one),
        p_different=min(1.0, 2 * min(above(0.0), below(0.0))),
        p_equivalent=max(above(-margin), below(margin)),
        p_worse=above(margin),
        p_better=below(-margin),
        p_not_worse=below(margin),
    )


def paired_difference(own: Sequence[float], other: Sequence[float]) -> tuple[float, float | None]:
    """The mean of ``own`` - ``other`` seed by seed, and half its 95 % interval (paired t).

    What a seed alone makes of both, by its label draw and initialisation, is not in it. A single
    seed has no interval; a ValueError where the numbers of seeds differ, or are zero.
    """
    from scipy.stats import t

    differences = [a - b for a, b in zip(own, other, strict=True)]
    if not differences:
        raise ValueError("without seeds there is no difference")
    count = len(differences)
    if count == 1:
        return differences[0], None
    quantile = float(t.ppf(1 - LEVEL / 2, count - 1))
    return mean(differences), quantile * stdev(differences) / math.sqrt(count)


def deviation_factors(count: int) -> Interval:
    """By what a standard deviation of ``count`` values is multiplied for its 95 % interval.

    Of normal values, by chi-square; a ValueError for fewer than two.
    """
    from scipy.stats import chi2

    if count < 2:
        raise ValueError("one value has no standard deviation")
    freedom = count - 1
    tails = chi2.ppf(1 - LEVEL / 2, freedom), chi2.ppf(LEVEL / 2, freedom)
    low, high = (math.sqrt(freedom / tail) for tail in tails)
    return low, high


@cache
def can_be_met(margin: float, standard_error: float) -> bool:
    """Endless seeds that agree with the published mean would show it, whose error stays."""
    from scipy.stats import norm

    return margin > float(norm.ppf(1 - LEVEL)) * standard_error


def power(
    seeds: int, spread: float, margin: float, standard_error: float, one_sided: bool
) -> float:
    """How probable it is that ``seeds`` runs show a mean within the margin, if it is the same.

    That is, the chance that TOST succeeds (``one_sided``: non-inferiority) where the true
    difference is 0 and the runs' standard deviation is ``spread``. Integrated over the sample's
    variance, which has a chi-square distribution.
    """
    import numpy as np
    from scipy.stats import chi2, norm, t

    true_error = spread / math.sqrt(seeds)
    if true_error == 0:
        return float(can_be_met(margin, standard_error))
    shares = (np.arange(1000) + 0.5) / 1000
    own = chi2.ppf(shares, seeds - 1) / (seeds - 1) * true_error**2
    error = np.sqrt(own + standard_error**2)
    freedom = (seeds - 1) * np.minimum((error**2 / own), 1e6) ** 2
    room = (margin - t.ppf(1 - LEVEL, freedom) * error) / true_error
    within = norm.cdf(room) if one_sided else np.maximum(2 * norm.cdf(room) - 1, 0)
    return float(within.mean())


@cache
def seeds_needed(
    spread: float, margin: float, standard_error: float = 0.0, one_sided: bool = False
) -> int | None:
    """The least number of seeds, 3 or more, whose ``power`` is 80 %; None above ``MOST_SEEDS``."""

    def enough(seeds: int) -> bool:
        return power(seeds, spread, margin, standard_error, one_sided) >= POWER

    low, high = ENOUGH_SEEDS, MOST_SEEDS
    if not enough(high):
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def discoveries(p_values: Sequence[float]) -> list[bool]:
    """Which of many differences stay with the false discovery rate held at 5 %.

    By the procedure of Benjamini and Hochberg (1995).
    """
    from scipy.stats import false_discovery_control

    if not p_values:
        return []
    return [bool(p <= LEVEL) for p in false_discovery_control(p_values)]
