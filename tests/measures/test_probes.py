"""The measures of style and content have their known values on known decoders and codes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from replication.data.dataset import Dataset, Split
from replication.data.digits import load_digits
from replication.data.loaders import load
from replication.figure7_style_and_content import sheet
from replication.measures.evaluate import mean_image_error
from replication.measures.probes import (
    Reader,
    asked_label_read,
    class_mean_error,
    largest_class,
    linear_probe,
    pixel_probe,
    style_of,
    style_probes,
    train_reader,
)
from replication.models.build import build
from replication.models.stack import Stack
from replication.pages.image_grids import side_by_side, tiled
from replication.settings.experiments import experiments

CPU = torch.device("cpu")
ITEM = "figure7_style_and_content"


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_digits()


@pytest.fixture(scope="module")
def reader(digits: Dataset) -> Reader:
    return train_reader(digits)


class Answer(nn.Module):
    """A decoder that answers ``images[label]`` [10, pixels] whatever the style."""

    def __init__(self, images: Tensor):
        super().__init__()
        self.register_buffer("images", images)

    def forward(self, style: Tensor, label: Tensor) -> Tensor:
        return label @ self.images


class FirstPixels(nn.Module):
    """An encoder whose style is the first pixels of the image."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"style": images[:, :10]}


def class_means(split: Split) -> Tensor:
    return torch.stack([split.images[split.labels == k].float().mean(0) / 255 for k in range(10)])


def read_of(answers: list[Tensor], digits: Dataset, reader: Reader) -> list[float]:
    """How often the asked label is read in what decoders answer to 20 styles."""
    models = [nn.ModuleDict({"encoder": FirstPixels(), "decoder": Answer(a)}) for a in answers]
    stack = Stack(lambda k: models[k], range(len(models)), CPU)
    images = digits.test.images[:20]
    return asked_label_read(stack, digits, reader, 10, images, style_of(digits)).tolist()


def test_the_reader_reads_digits_that_it_has_not_seen(digits: Dataset, reader: Reader) -> None:
    assert reader.error_percent(digits.test) < 6
    shuffled = digits.test.labels[torch.randperm(397, generator=torch.Generator().manual_seed(0))]
    wrong = reader.error_percent(replace(digits.test, labels=shuffled))
    assert wrong == pytest.approx(90, abs=6)


def test_house_numbers_are_read_through_their_own_scaling() -> None:
    dataset = load(experiments().settings_of("smoke", ITEM, "svhn"))
    assert dataset.scaling.mean is not None
    assert train_reader(dataset).error_percent(dataset.test) < 25


def test_the_reader_is_the_same_whatever_was_drawn_before(digits: Dataset, reader: Reader) -> None:
    torch.manual_seed(17)
    again = train_reader(digits)
    assert torch.equal(again.logits(digits.test.images), reader.logits(digits.test.images))


def test_class_means_are_read_and_one_image_for_all_labels_is_at_chance(
    digits: Dataset, reader: Reader
) -> None:
    means = class_means(digits.train)
    permuted = means.roll(1, 0)
    everywhere = means[3].expand(10, -1).clone()
    assert read_of([means, everywhere, permuted], digits, reader) == [100, 10, 0]
    assert read_of([everywhere], digits, reader) == [10], "alone as in the stack"


def test_style_is_what_the_decoder_gets(digits: Dataset, reader: Reader) -> None:
    """Samples go in as they are; a label longer than the classes leaves the others unasked."""
    means = torch.cat([class_means(digits.train), torch.zeros(2, 64)])
    model = nn.ModuleDict({"encoder": FirstPixels(), "decoder": Answer(means)})
    stack = Stack(lambda _: model, [0], CPU)
    seen = []

    def style(model: object, styles: Tensor) -> Tensor:
        seen.append(styles)
        return styles

    drawn = torch.randn(5, 3)
    assert asked_label_read(stack, digits, reader, 12, drawn, style).item() == 100
    assert torch.equal(seen[0], drawn)


def test_a_probe_reads_all_from_one_hot_codes_and_nothing_from_noise() -> None:
    draws = np.random.default_rng(0)
    labels, held_out = np.tile(np.arange(10), 100), np.tile(np.arange(10), 50)
    one_hot = np.eye(10)
    assert (linear_probe(one_hot[labels], labels, one_hot[held_out]) == held_out).all()
    noise, other = draws.standard_normal((1000, 15)), draws.standard_normal((500, 15))
    share = (linear_probe(noise, labels, other) == held_out).mean()
    assert share == pytest.approx(0.1, abs=0.05)


def test_probes_of_stacked_encoders_are_those_of_each_alone(digits: Dataset) -> None:
    settings = experiments().settings_of("smoke", ITEM, "mnist")
    small = replace(digits, train=digits.train[:300])

    def of(seeds: list[int]) -> Tensor:
        stack = Stack(lambda seed: build(settings, 64, seed), seeds, CPU)
        return style_probes(stack, small, [True] * len(seeds))

    together = of([0, 1])
    assert together[0] != together[1]
    for k in (0, 1):
        assert of([k]).item() == pytest.approx(together[k].item(), abs=0.6)  # two images of 397


def test_a_seed_that_diverged_is_not_probed(digits: Dataset) -> None:
    settings = experiments().settings_of("smoke", ITEM, "mnist")
    stack = Stack(lambda seed: build(settings, 64, seed), [0, 1], CPU)
    shares = style_probes(stack, replace(digits, train=digits.train[:100]), [False, True])
    assert shares[0].isnan()
    assert shares[1] > 20


def test_pixels_tell_the_digit_and_more_components_tell_more(digits: Dataset) -> None:
    assert largest_class(digits.test) < 15 < pixel_probe(digits, 2) < pixel_probe(digits, 15)
    assert pixel_probe(digits, 15) > 85


def test_the_mean_of_the_class_lies_between_the_image_and_the_mean_of_all(digits: Dataset) -> None:
    train, test = digits.train, digits.test
    expected = sum(
        (image / 255 - class_means(train)[label]).square().mean().item()
        for image, label in zip(test.images, test.labels, strict=True)
    ) / len(test)
    error = class_mean_error(train, test)
    assert error == pytest.approx(expected, rel=1e-4)
    assert 0 < error < mean_image_error(train, test)
    one = replace(digits.test, labels=torch.zeros_like(test.labels))
    same = replace(digits.train, labels=torch.zeros_like(train.labels))
    assert class_mean_error(same, one) == pytest.approx(mean_image_error(train, test))


# The sheet


def test_every_image_of_the_sheet_is_in_its_row_and_column() -> None:
    """Rows of 3 images and 2 samples, 4 labels, images of 6x6; gaps of 2, lines of 1, all white."""
    draws = np.random.default_rng(0)
    sources = draws.integers(0, 200, (3, 3, 6, 6), dtype=np.uint8)
    decoded, sampled = (draws.integers(0, 200, (n, 4, 3, 6, 6), dtype=np.uint8) for n in (3, 2))
    picture = sheet(sources, decoded, sampled)
    assert picture.shape == (5 * 7 + 2, 5 * 7 + 2, 3)

    def at(row: int, column: int) -> np.ndarray:
        top, left = 7 * row + 2 * (row >= 3), 7 * column + 2 * (column >= 1)
        return picture[top : top + 6, left : left + 6].transpose(2, 0, 1)

    for row in range(5):
        source = sources[row] if row < 3 else np.full((3, 6, 6), 255)
        assert (at(row, 0) == source).all()
        for label in range(4):
            tiles = decoded[row] if row < 3 else sampled[row - 3]
            assert (at(row, label + 1) == tiles[label]).all()
    assert (picture[3 * 7 : 3 * 7 + 2] == 255).all()
    assert (picture[:, 7:9] == 255).all()


def test_grey_images_make_a_grey_sheet() -> None:
    images = np.zeros((2, 10, 1, 8, 8), dtype=np.uint8)
    assert sheet(images[:, 0], images, images).shape == (4 * 9 + 2, 11 * 9 + 2)
    assert tiled(images, 255).shape == (18, 90, 1)
    assert side_by_side(images[:, :1], images, 255).shape == (18, 9 + 2 + 90, 1)
