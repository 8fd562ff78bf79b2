"""Every data set: loaders by name, held-out images, which labels are kept; the small digits."""

from pathlib import Path
from random import Random
from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from replication.base.errors import UserError
from replication.data.dataset import choose_labelled
from replication.data.digits import load_digits
from replication.data.files import data_root
from replication.data.loaders import LOADERS, load
from replication.settings.data import DataName
from tests.tools.builders import make_settings


def test_digits() -> None:
    digits = load_digits()
    assert digits.shape == (1, 8, 8)
    assert digits.pixels == 64
    assert digits.classes == 10
    for split, count in ((digits.train, 1400), (digits.test, 397)):
        assert len(split) == count
        assert split.images.shape == (count, 64)
        assert split.images.dtype == torch.uint8
        assert split.labels.shape == (count,)
        assert split.labels.dtype == torch.int64
        assert split.labels.unique().tolist() == list(range(10))
    assert digits.train.images.min() == 0
    assert digits.train.images.max() == 255
    assert digits.sha256 == load_digits().sha256


# Loaders and their folder


def test_every_data_set_has_a_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(LOADERS) == set(get_args(DataName))
    monkeypatch.setenv("REPLICATION_DATA", str(tmp_path))
    for name in ("digits", "street_digits", "drawn_faces"):
        assert load(make_settings(data=name)).name == name


def test_a_data_folder_that_does_not_exist_is_named_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "nothing"
    monkeypatch.setenv("REPLICATION_DATA", str(given))
    for name in LOADERS.keys() - {"digits", "street_digits", "drawn_faces"}:
        with pytest.raises(UserError, match=f"REPLICATION_DATA names {given}, which is not"):
            load(make_settings(data=name))
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "file"
    given.write_text("a file where the folder should be")
    monkeypatch.setenv("REPLICATION_DATA", str(given))
    with pytest.raises(UserError, match="not a folder"):
        data_root()


@pytest.mark.parametrize("given", [None, ""])
def test_without_the_variable_the_data_lie_here(
    workdir: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.delenv("REPLICATION_DATA", raising=False)
    if given is not None:
        monkeypatch.setenv("REPLICATION_DATA", given)
    assert data_root() == Path("data")


# Images held out


def test_the_last_images_are_held_out() -> None:
    whole, split = load_digits(), load(make_settings(data="digits", validation_images=150))
    assert split.train.images.equal(whole.train.images[:1250])
    assert split.train.labels.equal(whole.train.labels[:1250])
    assert split.validation.images.equal(whole.train.images[1250:])
    assert split.validation.labels.equal(whole.train.labels[1250:])
    assert split.test.images.equal(whole.test.images)
    assert split.sha256 == whole.sha256
    assert len(split.to(torch.device("cpu")).validation) == 150


def test_nothing_is_held_out_unless_asked() -> None:
    digits = load(make_settings(data="digits"))
    assert len(digits.train) == 1400
    assert digits.validation.images.shape == (0, 64)
    assert len(load_digits().validation) == 0


@pytest.mark.parametrize("count", [1400, 1401])
def test_something_must_be_left_to_train_on(count: int) -> None:
    with pytest.raises(UserError, match=f"validation_images: {count} leaves none of the 1400"):
        load(make_settings(data="digits", validation_images=count))


def test_new_settings_leave_old_hashes_alone() -> None:
    explicit = make_settings(validation_images=0, use_extra=False, allow_subset=False)
    assert explicit.training_hash() == make_settings().training_hash()
    assert make_settings(validation_images=1).training_hash() != make_settings().training_hash()
    svhn = make_settings(data="svhn")
    assert make_settings(data="svhn", use_extra=True).training_hash() != svhn.training_hash()


# The choice of labels

BALANCED = torch.arange(10).repeat(30)


@pytest.mark.parametrize(
    ("count", "shares"), [(100, [10] * 10), (10, [1] * 10), (13, [2] * 3 + [1] * 7)]
)
def test_labelled_images_are_spread_evenly(count: int, shares: list[int]) -> None:
    chosen = choose_labelled(BALANCED, count, 0)
    assert BALANCED[chosen].bincount(minlength=10).tolist() == shares


def test_label_seed_decides_the_choice() -> None:
    def choice(label_seed: int) -> Tensor:
        return choose_labelled(BALANCED, 100, label_seed)

    assert choice(1).equal(choice(1))
    assert not choice(1).equal(choice(2))


def test_all_labels() -> None:
    assert choose_labelled(BALANCED, "all", 0).tolist() == list(range(300))


def test_too_many_labels() -> None:
    with pytest.raises(UserError, match="301 labels need 31 images of class 0; it has 30"):
        choose_labelled(BALANCED, 301, 0)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=10),
    share=st.floats(0, 1),
    order=st.randoms(use_true_random=False),
    label_seed=st.integers(0, 2**31),
)
def test_any_choice_is_balanced_and_without_repetition(
    sizes: list[int], share: float, order: Random, label_seed: int
) -> None:
    values = [c for c, size in enumerate(sizes) for _ in range(size)]
    order.shuffle(values)
    count = int(share * min(sizes) * len(sizes))
    labels = torch.tensor(values)
    chosen = choose_labelled(labels, count, label_seed)
    assert len(chosen) == len(chosen.unique()) == count
    shares = labels[chosen].bincount(minlength=len(sizes))
    assert shares.max() - shares.min() <= 1
