"""Small archives in the layout of CIFAR-100."""

import io
import pickle
import tarfile

import numpy as np

from cifar_lightning.data import cifar100


def add_file(tar, name, content):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


class SmallCifar:
    """Six training and four test images, whose checksums stand in for the published ones."""

    def __init__(self):
        generator = np.random.default_rng(0)
        self.pixels = {
            "train": generator.integers(0, 256, (6, 3072), dtype=np.uint8),
            "test": generator.integers(0, 256, (4, 3072), dtype=np.uint8),
        }
        self.labels = {"train": [0, 33, 41, 99, 0, 33], "test": [41, 0, 33, 7]}
        self.files = {
            # Protocol 2 is that of the published files.
            **{
                split: pickle.dumps({"data": self.pixels[split], "fine_labels": self.labels[split]}, protocol=2)
                for split in ("train", "test")
            },
            "meta": pickle.dumps({"fine_label_names": list(cifar100.FINE_CLASSES)}, protocol=2),
        }

    def archive(self, *others, before=(), without=()):
        """The bytes of a tar.gz: members of `before`, the three files but those of `without`, then `others`."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for member, content in before:
                tar.addfile(member, io.BytesIO(content))
            for name, content in self.files.items():
                if name not in without:
                    add_file(tar, f"cifar-100-python/{name}", content)
            for member, content in others:
                tar.addfile(member, io.BytesIO(content))
        return buffer.getvalue()

    def put_folder(self, root):
        folder = root / "cifar-100-python"
        folder.mkdir(parents=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder
