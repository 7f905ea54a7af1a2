"""Test images that have a near-duplicate, among the training images or among one another.

A tenth of CIFAR-100's test images is the photograph of a training image, cropped, scaled, mirrored or recoloured (Barz
and Denzler 2020, arXiv:1902.00423, the ciFAIR test sets).

The measure: an image is cut into cells of 2x2 pixels, and each cell gives its distance from the mean of the 5x5 cells
around it, in units of their standard deviation (local contrast normalisation, Jarrett et al. 2009, ICCV), so brightness
and contrast drop out. The central 12x12 cells of the training image, mirrored or not, are moved by up to 4 pixels each
way over the test image, which is scaled to 7/8, 1 and 9/8. The similarity is the greatest correlation, -1..1. To save
hours, only the 20 training images most alike at 8x8 pixels are compared.

The threshold, chosen by eye, finds 735 of the 10 000 test images (ciFAIR: 891), and all 39 exact duplicates of their
list. Larger moves and scales are missed, and so are copies that are turned or squeezed.
"""

import contextlib
import hashlib
import itertools
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cifar_lightning.data.images import LabelledImages
from cifar_lightning.runs.disk import write_whole

THRESHOLD = 0.77
NUM_CANDIDATES = 20
# The canvas has room for the moves and the surroundings of the outermost cells.
_TRAINING_SIDE = 32
_TEST_SIDES = (28, 32, 36)
_CANVAS_SIDE = 40
_NEIGHBOURHOOD = 5
_WINDOW = 12
# Added to the variance, in squared grey levels: what varies less is noise.
_FAINT = 25.0
_LEAST_SPREAD = 1e-3
# Images at a time, so that memory does not grow with their number.
_TEST_CHUNK, _TRAINING_CHUNK = 64, 256


@dataclass(frozen=True)
class NearestPairs:
    """N test images, each with the training image most like it; `similarity`, float32 (N,), -1..1, falls."""

    test: LabelledImages
    training: LabelledImages
    similarity: Tensor

    def duplicates(self) -> "NearestPairs":
        return self.first(int((self.similarity >= THRESHOLD).sum()))

    def first(self, count: int) -> "NearestPairs":
        """The `count` closest pairs."""
        places = torch.arange(min(count, len(self.similarity)))
        return NearestPairs(self.test.subset(places), self.training.subset(places), self.similarity[places])


def find_nearest_pairs(test: LabelledImages, training: LabelledImages, cache: Path | None = None) -> NearestPairs:
    """Finds the training image that resembles each test image most; the folder `cache`, if any, keeps the result."""
    positions, similarity = _find_or_read(find_nearest, (test.images, training.images), cache)
    similarity, order = similarity.sort(descending=True, stable=True)
    return NearestPairs(test.subset(order), training.subset(positions[order]), similarity)


def find_groups(test: LabelledImages, cache: Path | None = None) -> Tensor:
    """The group of each test image, int64 (N,): the place of the first image in it.

    A chain of near-duplicates is one group. `cache` is that of `find_nearest_pairs`.
    """
    first, second = _find_or_read(find_similar, (test.images,), cache)
    groups = torch.arange(len(test))
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        both = groups[[one, other]]
        groups[groups == both.max()] = both.min()
    return groups


def _find_or_read(
    find: Callable[..., tuple[Tensor, Tensor]], images: Sequence[Tensor], cache: Path | None
) -> tuple[Tensor, Tensor]:
    """`find(*images)`, unless `cache` keeps the result for the same images."""
    if cache is None:
        return find(*images)
    content = b"".join(each.contiguous().numpy().tobytes() for each in images)
    path = cache / f"near_duplicates_{hashlib.sha256(content).hexdigest()[:16]}.npz"
    with contextlib.suppress(OSError, EOFError, ValueError, LookupError, zipfile.BadZipFile), np.load(path) as found:
        return torch.from_numpy(found["places"]), torch.from_numpy(found["found"])
    places, found = find(*images)
    # A folder that cannot be written costs the next call its time.
    with contextlib.suppress(OSError):
        write_whole(path, lambda file: np.savez(file, places=places, found=found))
    return places, found


@torch.inference_mode()
def find_nearest(test: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """The place of the training image most like each test image, int64 (N,), and the similarity, float32 (N,), -1..1.

    `test`, N at least 1, and `training` are uint8, (N, 3, S, S) and (M, 3, S, S).
    """
    positions, similarities = (torch.cat(chunks) for chunks in zip(*_compare(test, training), strict=True))
    similarity, best = similarities.max(dim=1)
    return positions.gather(1, best[:, None])[:, 0], similarity


@torch.inference_mode()
def find_similar(images: Tensor) -> tuple[Tensor, Tensor]:
    """Finds the pairs of near-duplicates among some images, uint8 (N, 3, S, S): both places, int64 (P,) each."""
    positions, similarities = (torch.cat(chunks) for chunks in zip(*_compare(images, images), strict=True))
    places = torch.arange(len(images))[:, None].expand_as(positions)
    # An image is always similar to itself.
    found = (similarities >= THRESHOLD) & (positions != places)
    return places[found], positions[found]


def _compare(test: Tensor, training: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The places of the training images most alike, int64 (n, K), and their similarities; n test images at a time."""
    # A mirrored training image competes as one more image.
    chunks = training.split(_TRAINING_CHUNK)
    thumbnails = torch.cat([_thumbnails(chunk) for chunk in chunks] + [_thumbnails(chunk.flip(-1)) for chunk in chunks])
    templates = torch.cat([_templates(chunk) for chunk in chunks] + [_templates(chunk.flip(-1)) for chunk in chunks])
    for chunk in test.split(_TEST_CHUNK):
        likeness = _thumbnails(chunk) @ thumbnails.T
        candidates = likeness.topk(min(NUM_CANDIDATES, len(thumbnails)), dim=1).indices
        yield candidates % len(training), _correlate(chunk, templates[candidates])


def _thumbnails(images: Tensor) -> Tensor:
    """Images at 8x8 pixels as vectors of mean 0 and length 1, float32 (N, 192)."""
    pixels = functional.adaptive_avg_pool2d(images.float(), 8).flatten(1)
    return functional.normalize(pixels - pixels.mean(dim=1, keepdim=True), eps=_LEAST_SPREAD)


def _templates(images: Tensor) -> Tensor:
    """The central 12x12 cells of training images as vectors of mean 0 and length 1, float32 (N, 432)."""
    contrast = _local_contrast(_canvas(images, _TRAINING_SIDE))
    margin = (contrast.shape[-1] - _WINDOW) // 2
    window = contrast[..., margin:-margin, margin:-margin].flatten(1)
    return functional.normalize(window - window.mean(dim=1, keepdim=True), eps=_LEAST_SPREAD)


def _correlate(test: Tensor, templates: Tensor) -> Tensor:
    """The greatest correlation of N test images with K templates each, (N, K, 432): float32 (N, K), -1..1."""
    best = torch.full(templates.shape[:2], -1.0)
    for windows in _windows(test):
        # A template has mean 0, so the mean of a window makes no difference to their product.
        products = windows @ templates.transpose(1, 2)
        square = torch.linalg.vector_norm(windows, dim=2).square() - windows.shape[2] * windows.mean(dim=2).square()
        length = square.clamp(min=_LEAST_SPREAD**2).sqrt()
        best = torch.maximum(best, (products / length[..., None]).amax(dim=1))
    return best.clamp(max=1)


def _windows(test: Tensor) -> Iterator[Tensor]:
    """All places of a window in the test images, float32 (N, P, 432), some at a time.

    Moves by an even number of pixels are moves by whole cells; for odd ones the cells are cut a pixel further on.
    """
    for side in _TEST_SIDES:
        canvas = _canvas(test, side)
        for top, left in itertools.product((0, 1), repeat=2):
            contrast = _local_contrast(canvas[..., top : _CANVAS_SIDE - top, left : _CANVAS_SIDE - left])
            places = contrast.unfold(2, _WINDOW, 1).unfold(3, _WINDOW, 1)
            yield places.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def _canvas(images: Tensor, side: int) -> Tensor:
    """Images at `side` pixels in the middle of a canvas that their reflection fills, float32 (N, 3, 40, 40)."""
    pixels = images.to(torch.float32, memory_format=torch.contiguous_format)
    if pixels.shape[-1] != side:
        pixels = functional.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
    return functional.pad(pixels, [(_CANVAS_SIDE - side) // 2] * 4, mode="reflect")


def _local_contrast(canvas: Tensor) -> Tensor:
    """Cells against their surroundings: (N, 3, 2 A, 2 B) -> float32 (N, 3, A - 4, B - 4), about -2..2."""
    cells = functional.avg_pool2d(canvas, 2)
    mean = _box_mean(cells)
    variance = (_box_mean(cells.square()) - mean.square()).mean(dim=1, keepdim=True).clamp(min=0)
    margin = _NEIGHBOURHOOD // 2
    return (cells[..., margin:-margin, margin:-margin] - mean) / (variance + _FAINT).sqrt()


def _box_mean(cells: Tensor) -> Tensor:
    """Means of all squares of 5x5 cells: (..., A, B) -> (..., A - 4, B - 4)."""
    # Several times as fast as `avg_pool2d` with a stride of 1.
    for dim in (-2, -1):
        size = cells.shape[dim] - _NEIGHBOURHOOD + 1
        first, *others = (cells.narrow(dim, offset, size) for offset in range(_NEIGHBOURHOOD))
        cells = sum(others, start=first)
    return cells / _NEIGHBOURHOOD**2
