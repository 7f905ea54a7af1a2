"""Labelled images in memory, and images read from files."""

import struct
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image, ImageOps, features
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

# Pillow may have been built without WebP.
_FORMATS = ("PNG", "JPEG", *(("WEBP",) if features.check("webp") else ()))
_KINDS = f"{', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}"

# What Pillow raises on damaged or very large files.
_DAMAGED = (
    *(OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, struct.error),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)


@dataclass(frozen=True)
class LabelledImages:
    """The images of one split.

    Attributes:
        images: uint8 (N, 3, S, S), 0..255, RGB.
        labels: int64 (N,), 0..K-1.
        class_names: K names, in the order of the labels.
        indices: int64 (N,): place of each image in the source's split as published.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    indices: Tensor

    def __post_init__(self) -> None:
        shapes = [tuple(tensor.shape) for tensor in (self.images, self.labels, self.indices)]
        count, *sides = shapes[0]
        if self.images.dtype != torch.uint8 or len(sides) != 3 or sides[0] != 3 or shapes[1:] != [(count,)] * 2:
            raise ValueError(
                f"expected images, uint8 (N, 3, S, S), with labels (N,) and indices (N,), got {self.images.dtype} of"
                f" shapes {shapes}; bring them to those"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        counts = torch.bincount(self.labels, minlength=len(self.class_names)).tolist()
        return dict(zip(self.class_names, counts, strict=True))

    def subset(self, positions: Tensor) -> "LabelledImages":
        """The images at `positions`, int64 (M,)."""
        # In channels_last, the memory format that loaders and nets work on.
        images = self.images.permute(0, 2, 3, 1).index_select(0, positions).permute(0, 3, 1, 2)
        return LabelledImages(images, self.labels[positions], self.class_names, self.indices[positions])

    def keep_classes(self, names: tuple[str, ...]) -> "LabelledImages":
        """The images of the classes `names`, in their present order; labels follow the order of `names`."""
        new_labels = torch.full((len(self.class_names),), -1)
        for label, name in enumerate(names):
            new_labels[self.class_names.index(name)] = label
        kept = self.subset(torch.nonzero(new_labels[self.labels] >= 0).flatten())
        return replace(kept, labels=new_labels[kept.labels], class_names=names)


def find_images(*paths: Path) -> list[Path]:
    """The image files directly in each of the folders `paths`, sorted by name; a path may be a file itself.

    One warning names the other files, but for hidden ones.

    Raises:
        ValueError: if there is no such path, or a folder has no image.
    """
    suffixes = {suffix for suffix, kind in Image.registered_extensions().items() if kind in _FORMATS}
    found: list[Path] = []
    skipped: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
            continue
        if not path.is_dir():
            raise ValueError(f"expected an image or a folder of images, but there is no {path}; check the path")
        count = len(found)
        for file in sorted(path.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                (found if file.suffix.lower() in suffixes else skipped).append(file)
        if len(found) == count:
            raise ValueError(f"expected {_KINDS} images in {path}, but it has none; add some, or name another folder")
    if skipped:
        named = ", ".join(map(str, skipped[:3])) + (", ..." if len(skipped) > 3 else "")
        total = len(skipped) + len(found)
        warnings.warn(f"skipped {len(skipped)} of {total} files, not {_KINDS}: {named}", stacklevel=2)
    return found


def read_image(path: Path, size: int = 32) -> Tensor:
    """Reads an image of any size and mode as RGB, uint8 (3, `size`, `size`).

    The camera's orientation is applied, transparency is laid on white, 16-bit grey is scaled to 8 bits, an animation
    gives its first frame, and other shapes are squeezed into the square.

    Raises:
        ValueError: if the file is no PNG, JPEG or WebP image, is broken, or has more than 89 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                return to_pixels(ImageOps.exif_transpose(image), size)
    except _DAMAGED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"expected a whole {_KINDS} image, but {path} is none ({error}); remove or replace it"
        ) from error


def to_pixels(image: Image.Image, size: int) -> Tensor:
    """An image of any mode and shape as RGB, uint8 (3, `size`, `size`); see `read_image`."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value / 257 + 0.5).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    scaled = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return pil_to_tensor(scaled)
