"""Precision of hashes: known cases, and a plain count beside the fast one."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replication.measures.hashing import bits, precision_of_bits, precision_of_pixels


def test_a_number_is_a_bit_by_its_median_over_the_training_codes() -> None:
    train = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0]], dtype=np.float32)
    test = np.array([[1.5, 5.5]], dtype=np.float32)
    hashed = bits(train, test)
    assert hashed[0].tolist() == [[-1, -1], [-1, -1], [1, 1]]
    assert hashed[1].tolist() == [[1, -1]]


def test_classes_of_their_own_bits_are_found_without_a_fault() -> None:
    labels = np.arange(40) % 2
    codes = np.where(labels[:, None] == 1, 1.0, -1.0).astype(np.float32).repeat(4, 1)
    assert precision_of_bits((codes, codes), labels, labels, 20) == 100
    assert precision_of_bits((codes, codes), labels, labels, 40) == 50
    assert precision_of_pixels((codes, codes), labels, labels, 20) == 100


def test_equal_bits_are_worth_the_share_of_the_class() -> None:
    labels = np.array([0, 0, 0, 1])
    codes = np.ones((4, 3), dtype=np.float32)
    asked = np.ones((1, 3), dtype=np.float32)
    assert precision_of_bits((codes, asked), labels, np.array([0]), 2) == pytest.approx(75)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_it_is_the_mean_over_all_orders_of_equal_distance(seed: int, found: int) -> None:
    numbers = np.random.default_rng(seed)
    known = numbers.choice([-1.0, 1.0], (6, 2)).astype(np.float32)
    asked = numbers.choice([-1.0, 1.0], (2, 2)).astype(np.float32)
    labels, expected = numbers.integers(0, 2, 6), numbers.integers(0, 2, 2)
    shares = []
    for query, own in zip(asked, expected, strict=True):
        distances = (known != query).sum(1)
        for order in itertools.permutations(range(6)):
            first = sorted(order, key=lambda i: distances[i])[:found]
            shares.append(np.mean(labels[first] == own))
    computed = precision_of_bits((known, asked), labels, expected, found)
    assert computed == pytest.approx(100 * float(np.mean(shares)))
