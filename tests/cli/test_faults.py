"""Runs that are hit by something, and files that mean harm."""

import contextlib
import os
import pickle
import shutil
import sys
import tracemalloc
import zipfile

import pytest
import torch
from tiny import TINY

from cifar_lightning.cli.checkpoint_archive import check_archive
from cifar_lightning.cli.checkpoints import load_checkpoint
from cifar_lightning.models.classifier import ImageClassifier


def run_folder(tmp_path):
    return tmp_path / "lightning_logs/quickstart/version_0"


def fail_in_epoch(monkeypatch, epoch, error):
    """Lets the first training step of an epoch (0, 1, ...) raise `error`."""
    training_step = ImageClassifier.training_step

    def failing_step(self, batch, batch_idx):
        if self.current_epoch == epoch:
            raise error
        return training_step(self, batch, batch_idx)

    monkeypatch.setattr(ImageClassifier, "training_step", failing_step)


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(("rate", "has_an_epoch"), [(1e4, True), (1e6, True), (1e30, False)])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_epoch_before(command, tmp_path, rate, has_an_epoch):
    outcome = command("fit", *TINY, "--trainer.max_epochs=50", f"--model.optimizer.lr={rate}")
    assert outcome.code == 2
    (line,) = outcome.err.splitlines()
    assert line.endswith("; lower the learning rate (model.optimizer.lr)")
    number = int(line.partition(" in epoch ")[2].partition(",")[0])
    checkpoint = run_folder(tmp_path) / "checkpoints/last.ckpt"
    assert (checkpoint.exists(), number > 1) == (has_an_epoch, has_an_epoch)
    if has_an_epoch:
        assert torch.load(checkpoint, weights_only=True)["epoch"] + 1 == number - 1


def test_a_gpu_out_of_memory_is_one_sentence_and_keeps_the_epoch_before(command, tmp_path, monkeypatch):
    fail_in_epoch(monkeypatch, 1, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."))
    outcome = command("fit", *TINY)
    assert outcome.code == 1
    assert outcome.err == (
        "cifar-lightning: the GPU is out of memory; lower data.batch_size, or use --trainer.accelerator cpu\n"
    )
    assert torch.load(run_folder(tmp_path) / "checkpoints/last.ckpt", weights_only=True)["epoch"] == 0


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_run_that_failed_in_any_epoch_goes_on_to_the_weights_of_one_that_did_not(
    command, tmp_path, monkeypatch, kept
):
    epochs = "--trainer.max_epochs=5"
    assert command("fit", *TINY, epochs, "--trainer.logger.name=whole").code == 0
    with monkeypatch.context() as patch:
        fail_in_epoch(patch, kept + 1, OSError(28, "No space left on device"))
        assert command("fit", *TINY, epochs).code == 1
    assert command("fit", *TINY, epochs, "--ckpt_path=last").code == 0
    whole, resumed = (
        torch.load(tmp_path / f"lightning_logs/{name}/version_0/checkpoints/last.ckpt", weights_only=True)
        for name in ("whole", "quickstart")
    )
    assert all(torch.equal(whole["state_dict"][key], resumed["state_dict"][key]) for key in whole["state_dict"])
    momentum = [state["optimizer_states"][0]["state"][0]["momentum_buffer"] for state in (whole, resumed)]
    assert torch.equal(*momentum)


def test_a_net_with_dropout_goes_on_drawing_where_it_stopped(command, tmp_path):
    (tmp_path / "dropout_net.py").write_text(
        "from torch import nn\n\n\nclass DropoutNet(nn.Sequential):\n    def __init__(self):\n"
        "        super().__init__(nn.AvgPool2d(8), nn.Flatten(), nn.Dropout(0.5))\n"
    )
    net = "--model.backbone=dropout_net.DropoutNet"
    assert command("fit", *TINY, net, "--trainer.max_epochs=4", "--trainer.logger.name=whole").code == 0
    assert command("fit", *TINY, net).code == 0
    assert command("fit", *TINY, net, "--trainer.max_epochs=4", "--ckpt_path=last").code == 0
    whole, resumed = (
        torch.load(tmp_path / f"lightning_logs/{name}/version_0/checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for name in ("whole", "quickstart")
    )
    assert torch.equal(whole["head.weight"], resumed["head.weight"])


@contextlib.contextmanager
def tracing_memory():
    """Gives the most bytes that Python held in the block, beyond those before."""
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def into_a_closed_pipe(monkeypatch):
    """Lets all output of the block go where nobody reads any more, as behind `| head` once it has ended."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with monkeypatch.context() as patch, open(write_end, "w") as pipe:
        patch.setattr(sys, "stdout", pipe)
        yield
        # What could not be written would be tried once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), write_end)


def test_a_closed_pipe_does_not_end_a_training(command, tmp_path, monkeypatch):
    with into_a_closed_pipe(monkeypatch):
        outcome = command("fit", *TINY, "--trainer.max_epochs=4")
    assert (outcome.code, outcome.err) == (0, "")
    assert torch.load(run_folder(tmp_path) / "checkpoints/last.ckpt", weights_only=True)["epoch"] == 3


def test_a_closed_pipe_behind_a_test_is_no_ctrl_c(command, finished_run, tmp_path, monkeypatch):
    shutil.copytree(finished_run, tmp_path / "run")
    (tmp_path / "run/scores.json").unlink()
    with into_a_closed_pipe(monkeypatch):
        outcome = command("test", "--ckpt_path", "run")
    assert (outcome.code, outcome.err) == (1, "")
    assert (tmp_path / "run/scores.json").is_file()


class Poison:
    """Unpickling this makes a folder."""

    def __reduce__(self):
        return os.mkdir, ("poisoned",)


def poisoned_checkpoint(checkpoint):
    """The same archive with another pickle in it."""
    content = zipfile.ZipFile(checkpoint)
    members = {name: content.read(name) for name in content.namelist()}
    content.close()
    with zipfile.ZipFile(checkpoint, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, pickle.dumps(Poison()) if name.endswith("data.pkl") else data)


def cut_checkpoint(checkpoint):
    checkpoint.write_bytes(checkpoint.read_bytes()[:2000])


def rewrite(checkpoint, change, **options):
    """The same archive, each member as `change(name, data)` has it."""
    with zipfile.ZipFile(checkpoint) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(checkpoint, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, change(name, data))


def with_a_flipped_bit_in_a_weight(checkpoint):
    # torch compares no checksum, and would take it for another weight.
    with zipfile.ZipFile(checkpoint) as archive:
        weight = archive.read("archive/data/0")
    content = bytearray(checkpoint.read_bytes())
    content[content.index(weight) + len(weight) // 2] ^= 1
    checkpoint.write_bytes(content)


def packed_bomb(checkpoint):
    """A hundred megabytes of zeros in a hundred kilobytes."""
    rewrite(
        checkpoint,
        lambda name, data: bytes(10**8) if name.endswith("data/0") else data,
        compression=zipfile.ZIP_DEFLATED,
    )


def with_pickle(content):
    def change_pickle(checkpoint):
        rewrite(checkpoint, lambda name, data: content if name.endswith("data.pkl") else data)

    return change_pickle


class MakesBytes:
    """Unpickling this makes ten gigabytes: `bytearray` is a name that torch allows."""

    def __reduce__(self):
        return bytearray, (10**10,)


# A protocol, and a thing that is number 4e9 of the pickle: Python would make room for as many.
MEMO_BOMB = b"\x80\x02}r\xff\xff\xff\xee."
# A tensor's storage of a billion numbers; the file of it has a few.
BEYOND_ITS_END = b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuJ\0\xca\x9a;tQ."
DAMAGES = {
    "poisoned": (poisoned_checkpoint, "more than tensors and plain values"),
    "cut": (cut_checkpoint, "is damaged"),
    "a flipped bit in a weight": (with_a_flipped_bit_in_a_weight, "is damaged"),
    "a packed bomb": (packed_bomb, "is damaged"),
    "a bomb of bytes": (with_pickle(pickle.dumps(MakesBytes(), protocol=2)), "more than tensors and plain values"),
    "a bomb of numbered objects": (with_pickle(MEMO_BOMB), "is damaged"),
    "a storage beyond its end": (with_pickle(BEYOND_ITS_END), "is damaged"),
    "empty": (lambda checkpoint: checkpoint.write_bytes(b""), "is none"),
    "a bare pickle": (lambda checkpoint: checkpoint.write_bytes(pickle.dumps(Poison())), "is none"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("name", ["test", "fit", "validate"])
def test_a_bad_checkpoint_is_refused_and_runs_nothing(command, finished_run, tmp_path, damage, said, name):
    shutil.copytree(finished_run, tmp_path / "run")
    damage(tmp_path / "run/checkpoints/last.ckpt")
    settings = ["--config", "run/config.yaml"] if name == "fit" else []
    outcome = command(name, *settings, "--ckpt_path", "run")
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert not (tmp_path / "poisoned").exists()


def recorder_state(checkpoint):
    return checkpoint["callbacks"]["RunRecorder"]


def as_bytes(checkpoint):
    weights = checkpoint["state_dict"]
    weights.update({key: weight.to(torch.int8) for key, weight in weights.items()})


MADE_UP = {
    "no loops": lambda checkpoint: checkpoint.update(loops={}),
    "loops of text": lambda checkpoint: checkpoint["loops"].update(fit_loop="none"),
    "loops of nothing": lambda checkpoint: checkpoint["loops"]["fit_loop"].clear(),
    "no optimiser": lambda checkpoint: checkpoint.update(optimizer_states=[]),
    "an optimiser of nothing": lambda checkpoint: checkpoint.update(optimizer_states=[{}]),
    "a random state of floats": lambda checkpoint: recorder_state(checkpoint)["random_state"].update(
        cpu=torch.zeros(3)
    ),
    "a short random state": lambda checkpoint: recorder_state(checkpoint)["random_state"].update(
        cpu=torch.zeros(3, dtype=torch.uint8)
    ),
    "seconds of text": lambda checkpoint: recorder_state(checkpoint).update(
        curves=recorder_state(checkpoint)["curves"].rpartition(",")[0] + ",x\n"
    ),
    "an epoch below zero": lambda checkpoint: checkpoint.update(epoch=-7),
    "weights of bytes": as_bytes,
    "a version of Lightning that is none": lambda checkpoint: checkpoint.update({"pytorch-lightning_version": "x.y"}),
}


@pytest.mark.parametrize("change", MADE_UP.values(), ids=list(MADE_UP))
@pytest.mark.parametrize("name", ["test", "fit", "validate"])
def test_a_made_up_checkpoint_is_refused_in_one_sentence_or_its_weights_are_right(
    command, finished_run, tmp_path, change, name
):
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    checkpoint = torch.load(run / "checkpoints/last.ckpt", weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, run / "checkpoints/last.ckpt")
    before = (run / "scores.json").read_bytes()
    settings = ["--config", "run/config.yaml", "--trainer.max_epochs=3"] if name == "fit" else []
    outcome = command(name, *settings, "--ckpt_path", "run")
    if outcome.code == 0:
        # What only training needs.
        assert name != "fit"
    else:
        assert outcome.code == 2
        assert len(outcome.err.splitlines()) == 1
        assert "checkpoint" in outcome.err or "last.ckpt" in outcome.err
    assert (run / "scores.json").read_bytes() == before


@pytest.mark.parametrize("best_is_whole", [True, False])
@pytest.mark.parametrize("name", ["test", "fit"])
def test_a_flipped_bit_in_the_last_checkpoint_names_the_best_one_if_it_is_whole(
    command, finished_run, tmp_path, name, best_is_whole
):
    shutil.copytree(finished_run, tmp_path / "run")
    last, best = (tmp_path / "run/checkpoints" / file for file in ("last.ckpt", "best.ckpt"))
    with_a_flipped_bit_in_a_weight(last)
    if not best_is_whole:
        cut_checkpoint(best)
    settings = ["--config", "run/config.yaml"] if name == "fit" else []
    outcome = command(name, *settings, "--ckpt_path", "run")
    hint = "name run/checkpoints/best.ckpt, the epoch of" if best_is_whole else "go on from another one"
    assert outcome.code == 2
    (line,) = outcome.err.splitlines()
    assert f"run/checkpoints/last.ckpt is damaged; {hint}" in line
    if best_is_whole:
        assert command(name, *settings, "--ckpt_path", str(best)).code == 0


def test_a_run_folder_without_its_config_says_so(command, finished_run, tmp_path):
    shutil.copytree(finished_run, tmp_path / "run")
    (tmp_path / "run/config.yaml").unlink()
    outcome = command("test", "--ckpt_path", "run")
    assert outcome.code == 2
    assert "add --config" in outcome.err


def test_a_checkpoint_of_another_run_of_the_same_net_is_refused(command, finished_run, tmp_path):
    shutil.copytree(finished_run, tmp_path / "run")
    assert command("fit", *TINY, "--seed_everything=1").code == 0
    shutil.copy(run_folder(tmp_path) / "checkpoints/last.ckpt", tmp_path / "run/checkpoints/last.ckpt")
    for name, settings in (("test", []), ("validate", []), ("fit", ["--config", "run/config.yaml"])):
        outcome = command(name, *settings, "--ckpt_path", "run")
        assert outcome.code == 2
        assert "of one run, but their lines differ" in outcome.err
        assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "reason"), [(b"2,x,0.5,0.5,0.5,1", "is no number"), (b"\xe4", "is no text in UTF-8")], ids=["word", "byte"]
)
def test_curves_that_are_damaged_at_their_end_are_named_by_a_test(command, finished_run, tmp_path, line, reason):
    shutil.copytree(finished_run, tmp_path / "run")
    with (tmp_path / "run/curves.csv").open("ab") as file:
        file.write(line + b"\n")
    outcome = command("test", "--ckpt_path", "run")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert reason in outcome.err
    assert "run/curves.csv" in outcome.err
    assert "fit that run anew, or remove the file" in outcome.err


def test_bombs_in_a_checkpoint_take_no_memory(finished_run, tmp_path):
    for place, damage in enumerate([packed_bomb, with_pickle(MEMO_BOMB), DAMAGES["a bomb of bytes"][0]]):
        checkpoint = tmp_path / f"{place}.ckpt"
        shutil.copy(finished_run / "checkpoints/last.ckpt", checkpoint)
        damage(checkpoint)
        with tracing_memory() as peak, pytest.raises(ValueError, match="expected a"):
            load_checkpoint(checkpoint)
        assert peak() < 5_000_000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "dtype",
    [
        *(torch.uint8, torch.int8, torch.bool, torch.float16, torch.bfloat16, torch.int16, torch.float32, torch.int32),
        *(torch.float64, torch.int64, torch.complex64, torch.complex128),
    ],
    ids=str,
)
def test_tensors_of_every_type_are_plain_and_cause_no_warning(tmp_path, dtype):
    torch.save({"weights": torch.zeros(7, dtype=dtype)}, tmp_path / "a.ckpt")
    check_archive(tmp_path / "a.ckpt")
