"""Files of strangers, damaged or meaning harm: refused in one sentence, and nothing of theirs is run."""

import os
import pickle
import random
import shutil
import zipfile

import pytest
from checks import assert_one_sentence, contents
from PIL import Image
from tiny import TINY


class Poison:
    """Unpickling this makes a folder."""

    def __reduce__(self):
        return os.mkdir, ("poisoned",)


def poison(checkpoint):
    """The same archive with another pickle in it."""
    with zipfile.ZipFile(checkpoint) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(checkpoint, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, pickle.dumps(Poison()) if name.endswith("data.pkl") else content)


def flip_a_bit_in_a_weight(checkpoint):
    # torch compares no checksum, and would take it for another weight.
    with zipfile.ZipFile(checkpoint) as archive:
        name = max(archive.namelist(), key=lambda name: archive.getinfo(name).file_size)
        weight = archive.read(name)
    content = bytearray(checkpoint.read_bytes())
    content[content.index(weight) + len(weight) // 2] ^= 1
    checkpoint.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "poisoned": poison,
    "cut": cut,
    "a flipped bit in a weight": flip_a_bit_in_a_weight,
    "empty": lambda checkpoint: checkpoint.write_bytes(b""),
    "a bare pickle": lambda checkpoint: checkpoint.write_bytes(pickle.dumps(Poison())),
    "a text": lambda checkpoint: checkpoint.write_text("no checkpoint"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("name", ["test", "fit", "predict"])
def test_a_bad_checkpoint_is_refused_and_runs_nothing(command, run, tmp_path, damage, name):
    damage(run / "checkpoints/last.ckpt")
    before = contents(tmp_path)
    more = {"fit": [*TINY, "--trainer.max_epochs=3"], "predict": ["--images=run/mistakes.png"]}
    assert_one_sentence(command(name, *more.get(name, []), "--ckpt_path", "run"), 2, "checkpoint", "run/checkpoints/")
    assert contents(tmp_path) == before
    assert not (tmp_path / "poisoned").exists()


def test_a_damaged_last_checkpoint_names_the_best_one(command, run):
    flip_a_bit_in_a_weight(run / "checkpoints/last.ckpt")
    outcome = command("test", "--ckpt_path", "run")
    assert_one_sentence(outcome, 2, "run/checkpoints/last.ckpt", "try run/checkpoints/best.ckpt")


def test_a_checkpoint_of_another_run_of_the_same_net_is_refused(command, run, tmp_path):
    assert command("fit", *TINY, "--seed_everything=1").code == 0
    shutil.copy(tmp_path / "lightning_logs/quickstart/version_0/checkpoints/last.ckpt", run / "checkpoints/last.ckpt")
    for name, settings in (("test", []), ("fit", ["--config", "run/config.yaml"])):
        assert_one_sentence(command(name, *settings, "--ckpt_path", "run"), 2, "run/checkpoints/last.ckpt")


@pytest.mark.parametrize("damage", [cut, lambda path: path.write_bytes(b""), lambda path: path.write_text("a text")])
@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_damaged_image_is_named(command, run, tmp_path, kind, damage):
    pixels = random.Random(0).randbytes(48 * 40 * 3)
    image = tmp_path / f"photo.{kind}"
    Image.frombytes("RGB", (48, 40), pixels).save(image)
    assert command("predict", "--ckpt_path=run", f"--images={image.name}", "--output=whole.csv").code == 0
    damage(image)
    assert_one_sentence(command("predict", "--ckpt_path=run", f"--images={image.name}"), 2, image.name)
    assert not (tmp_path / "predictions.csv").exists()


@pytest.mark.parametrize("name", ["train", "test", "archive"])
@pytest.mark.parametrize("damage", ["cut", "poisoned"])
def test_damaged_data_are_named_and_kept_and_run_nothing(command, tmp_path, small_cifar, name, damage):
    if name == "archive":
        path = tmp_path / "cifar-100-python.tar.gz"
        path.write_bytes(small_cifar.archive())
    else:
        path = small_cifar.put_folder(tmp_path) / name
    data = ["data", "--data.source.root=.", "--data.classes=[apple,forest]", "--data.val_fraction=0"]
    data += ["--data.source.verify_md5=false", "--data.source.download=false"]
    if damage == "cut":
        cut(path)
    else:
        path.write_bytes(pickle.dumps(Poison()))
    before = contents(tmp_path)
    assert_one_sentence(command(*data), 2, path.name)
    assert contents(tmp_path) == before
    assert not (tmp_path / "poisoned").exists()


@pytest.mark.parametrize("name", ["config.yaml", "curves.csv", "scores.json", "test_predictions.csv", "probes.csv"])
def test_a_torn_file_of_a_run_is_named_by_compare(command, run, tmp_path, name):
    for strategy in ("one", "two"):
        shutil.copytree(run, tmp_path / "runs" / strategy)
    path = tmp_path / "runs/two" / name
    # Within a line, as an editor or a disk leaves it.
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2].rstrip(b"\n") + b"{")
    assert_one_sentence(command("compare", "runs"), 2, "runs/two")
    assert not (tmp_path / "runs/comparison.json").exists()
