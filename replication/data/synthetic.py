"""Small pictures for smoke runs, made with a fixed seed: house numbers and faces of 16x16."""

import torch
from torch import Tensor

from replication.base.streams import generator

from .dataset import Dataset, Split, fingerprint, scaled
from .digits import load_digits

SIZE = 16


def load_street_digits() -> Dataset:
    """Digits as on a house: 16x16 colour, 1,400 to train and 397 to test.

    scikit-learn's digits, split as ``load_digits`` does, each in one colour on another, with parts
    of its neighbours' digits at the sides. A stand-in for SVHN.
    """
    digits = load_digits()
    stream = generator(0, "street digits")
    train, test = (street_digits(split, stream) for split in (digits.train, digits.test))
    return Dataset("street_digits", (3, SIZE, SIZE), 10, train, test, fingerprint(train, test))


def street_digits(digits: Split, stream: torch.Generator) -> Split:
    """Colour images, uint8 [N, 3 * 16 * 16], with the labels of the digits in the middle."""
    count = len(digits)
    # Doubles: rounded to bytes they are the same on every processor.
    small = scaled(digits.images).double().view(count, 1, 8, 8)
    ink = torch.nn.functional.interpolate(small, size=(SIZE, SIZE), mode="bilinear").squeeze(1)

    across = torch.randint(-1, 2, (count,), generator=stream)
    down = torch.randint(-1, 2, (count,), generator=stream)
    drawn = shifted(ink, across, down)
    for side in (-1, 1):
        neighbours = ink[torch.randperm(count, generator=stream)]
        distance = torch.randint(10, 13, (count,), generator=stream)
        rise = torch.randint(-1, 2, (count,), generator=stream)
        there = torch.rand(count, 1, 1, generator=stream, dtype=torch.double) < 0.7
        beside = shifted(neighbours, across + side * distance, down + rise)
        drawn = torch.maximum(drawn, beside * there)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(stream, low, high, count, *shape)

    wall = draw(0.15, 0.85, 1, 1, 1) + draw(-0.2, 0.2, 3, 1, 1)
    # Away from the nearer of black and white, so that the contrast is there to be seen.
    darker = wall.mean(1, keepdim=True) > 0.5
    contrast = draw(0.35, 0.8, 1, 1, 1) * draw(0.6, 1.0, 3, 1, 1)
    paint = torch.where(darker, wall - contrast, wall + contrast).clamp(0, 1)
    image = wall + drawn.unsqueeze(1) * (paint - wall)
    x = torch.linspace(-1, 1, SIZE, dtype=torch.double)
    light = draw(-0.1, 0.1, 1, 1, 1) * x + draw(-0.1, 0.1, 1, 1, 1) * x.unsqueeze(1)
    grain = draw(-0.03, 0.03, 3, SIZE, SIZE)
    return Split(as_bytes(image + light + grain), digits.labels)


def shifted(images: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """[N, S, S] moved by whole pixels, [N] each way; what comes in from outside is zero."""
    size = images.shape[1]
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    places = torch.arange(size) + 1
    rows = (places - down.unsqueeze(1)).clamp(0, size + 1)
    columns = (places - across.unsqueeze(1)).clamp(0, size + 1)
    every = torch.arange(len(images)).view(-1, 1, 1)
    return padded[every, rows.unsqueeze(2), columns.unsqueeze(1)]


def load_drawn_faces() -> Dataset:
    """Faces of ten drawn people (the labels): 16x16 grey, 1,200 to train and 300 to test.

    A stand-in for TFD.
    """
    stream = generator(0, "drawn faces")
    faces = drawn_faces(1500, stream)
    train, test = faces[:1200], faces[1200:]
    return Dataset("drawn_faces", (1, SIZE, SIZE), 10, train, test, fingerprint(train, test))


def drawn_faces(count: int, stream: torch.Generator) -> Split:
    """Grey images, uint8 [N, 16 * 16], of people as often as each other, in any order.

    A person is the measures of a head and its shades; what differs between the pictures of one is
    where it looks, how it smiles and where the light comes from.
    """
    people = 10
    labels = (torch.arange(count) % people)[torch.randperm(count, generator=stream)]

    def of_person(low: float, high: float) -> Tensor:
        return uniform(stream, low, high, people, 1, 1)[labels]

    def of_picture(low: float, high: float) -> Tensor:
        return uniform(stream, low, high, count, 1, 1)

    axis = torch.linspace(-1, 1, SIZE, dtype=torch.double)
    x = axis - of_picture(-0.1, 0.1)
    y = axis.unsqueeze(1) - of_picture(-0.1, 0.1)
    turn = of_picture(-0.15, 0.15)  # of the features, sideways within the head

    width, height = of_person(0.55, 0.8), of_person(0.75, 0.95)
    head = inside((x / width) ** 2 + (y / height) ** 2, 0.25)
    hair = head * inside((y - of_person(-0.65, -0.35)) / 0.2 + 1, 1.0)
    spacing, level = of_person(0.22, 0.36), of_person(-0.25, -0.05)
    breadth, openness = of_person(0.11, 0.18), of_picture(0.06, 0.13)
    eyes = torch.zeros(count, SIZE, SIZE, dtype=torch.double)
    for side in (-1, 1):
        middle = turn + side * spacing
        eye = ((x - middle) / breadth) ** 2 + ((y - level) / openness) ** 2
        eyes = torch.maximum(eyes, inside(eye, 0.8))
    nose = inside(((x - turn) / 0.07) ** 2 + ((y - level - 0.3) / 0.2) ** 2, 0.8)
    smile = of_picture(-0.8, 0.8)
    lips = y - of_person(0.4, 0.55) + smile * ((x - turn) ** 2 - 0.04)
    mouth = ((x - turn) / of_person(0.2, 0.35)) ** 2 + (lips / of_picture(0.06, 0.14)) ** 2
    mouth = inside(mouth, 0.6)

    skin, shade = of_person(0.5, 0.85), of_person(0.05, 0.4)
    image = of_picture(0.1, 0.35).expand(count, SIZE, SIZE)
    for mask, grey in (
        (head, skin),
        (hair, shade),
        (nose, 0.85 * skin),
        (eyes, 0.3 * skin),
        (mouth, 0.45 * skin),
    ):
        image = image + mask * (grey - image)
    light = 1 + of_picture(-0.35, 0.35) * x + of_picture(-0.2, 0.2) * y
    grain = uniform(stream, -0.02, 0.02, count, SIZE, SIZE)
    return Split(as_bytes(image * light + grain), labels)


def inside(squared: Tensor, softness: float) -> Tensor:
    """One where ``squared`` is well below one, zero well above, a slope of that width between."""
    return (0.5 - (squared - 1) / (2 * softness)).clamp(0, 1)


def uniform(stream: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=stream, dtype=torch.double)


def as_bytes(images: Tensor) -> Tensor:
    """Floats in [0, 1] as uint8, one row an image."""
    return (images.clamp(0, 1) * 255).round().to(torch.uint8).flatten(1)
