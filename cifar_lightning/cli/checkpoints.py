"""Checkpoints named on the command line: found, checked, and loaded without running anything of theirs."""

import contextlib
import pickle
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from cifar_lightning.cli.checkpoint_archive import NoCheckpointError, check_archive
from cifar_lightning.cli.configs import read_config
from cifar_lightning.cli.saved_settings import LIMITS, find_change
from cifar_lightning.models.classifier import ImageClassifier
from cifar_lightning.runs import folder
from cifar_lightning.runs.recorder import HEADER, RunRecorder
from cifar_lightning.runs.settings import flatten, load_plain_yaml

# Of curves.csv: an epoch, four values or none, seconds.
_ROW = re.compile(r"\d+(,[\d.e+-]*){4},\d+(\.\d+)?")
# Settings of a run that are about how long it is and where it lies.
_FREE = (*LIMITS, "trainer.logger.init_args.save_dir", "trainer.logger.init_args.version")


def find_checkpoint_argument(command: str, arguments: list[str]) -> tuple[list[str], Path | None]:
    """Resolves `--ckpt_path`, and puts the settings of its run folder in front of `arguments`.

    Returns:
        The arguments, and the checkpoint: None where help is asked for.

    Raises:
        ValueError: if it is missing, no checkpoint, or lies in no run folder while no config is given.
    """
    if "--help" in arguments or "-h" in arguments:
        return arguments, None
    place, value = _find_option(arguments, "--ckpt_path")
    if value is None:
        raise ValueError(
            f"expected a checkpoint for {command}: add --ckpt_path RUN_FOLDER, as `fit` prints it at its end"
        )
    has_config = _find_option(arguments, "--config")[1] is not None
    checkpoint = folder.resolve_checkpoint(Path(value))
    arguments = list(arguments)
    arguments[place] = str(checkpoint) if arguments[place] == value else f"--ckpt_path={checkpoint}"
    run = folder.find_run_folder(checkpoint)
    if run is not None:
        read_config(run / folder.CONFIG)
        return ["--config", str(run / folder.CONFIG), *arguments], checkpoint
    if not has_config:
        load_checkpoint(checkpoint)
        raise ValueError(
            f"expected the settings of {checkpoint}, but it lies in no run folder (no {folder.CONFIG} above it);"
            " add --config"
        )
    return arguments, checkpoint


def _find_option(arguments: list[str], option: str) -> tuple[int, str | None]:
    """Place and value of the last `option VALUE` or `option=VALUE`."""
    found: tuple[int, str | None] = (-1, None)
    for place, argument in enumerate(arguments):
        if argument == option and place + 1 < len(arguments):
            found = place + 1, arguments[place + 1]
        elif argument.startswith(option + "="):
            found = place, argument.removeprefix(option + "=")
    return found


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The contents of a checkpoint; nothing in it can run.

    Raises:
        ValueError: if the file is damaged, no checkpoint of this package, or holds more than tensors and plain values.
    """
    try:
        check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except NoCheckpointError as error:
        raise ValueError(f"expected a checkpoint, but {path} {error}; it is not loaded") from error
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
    ) as error:
        raise ValueError(f"expected a whole checkpoint, but {path} is damaged; {_find_other(path)}") from error
    if not _is_ours(checkpoint):
        raise ValueError(f"expected a checkpoint of `cifar-lightning fit`, but {path} is none; name a run folder")
    return checkpoint


def _find_other(damaged: Path) -> str:
    """What can be gone on from instead of a damaged checkpoint: `best.ckpt` beside it, if that one is whole."""
    best = damaged.with_name(folder.BEST_CHECKPOINT)
    if damaged.name == folder.LAST_CHECKPOINT and best.is_file():
        with contextlib.suppress(ValueError):
            load_checkpoint(best)
            return f"name {best}, the epoch of the lowest validation loss"
    return "go on from another one"


def _is_ours(checkpoint: Any) -> bool:
    """Whether it has what is read below, of the types that `fit` gives."""
    if not isinstance(checkpoint, dict):
        return False
    weights, settings = checkpoint.get("state_dict"), checkpoint.get("hyper_parameters")
    if not isinstance(weights, dict) or not isinstance(settings, dict):
        return False
    names = settings.get("class_names")
    return (
        all(isinstance(key, str) for key in weights)
        # A module may keep more than tensors (`get_extra_state`).
        and all(isinstance(weight, torch.Tensor) or key.endswith("_extra_state") for key, weight in weights.items())
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and isinstance(settings.get("image_size"), int)
        and isinstance(checkpoint.get("epoch"), int)
        and checkpoint["epoch"] >= 0
        and _count_epochs(checkpoint.get("loops")) in (checkpoint["epoch"], checkpoint["epoch"] + 1)
        and all(isinstance(checkpoint.get(name), list) for name in ("optimizer_states", "lr_schedulers"))
        and len(checkpoint["optimizer_states"]) == 1
        and isinstance(checkpoint.get("callbacks"), dict)
        and _is_state_of_recorder(checkpoint["callbacks"].get(RunRecorder.__name__))
    )


def _count_epochs(loops: Any) -> Any:
    """The finished epochs by the trainer's loops, as a checkpoint has them; None if they do not say."""
    for key in ("fit_loop", "epoch_progress", "current", "processed"):
        if not isinstance(loops, dict):
            return None
        loops = loops.get(key)
    return loops


def _is_state_of_recorder(state: Any) -> bool:
    """Whether it is None, since some other callback made the checkpoint, or has what `RunRecorder` keeps."""
    return state is None or (
        isinstance(state, dict)
        and isinstance(state.get("curves"), str)
        and state["curves"].startswith(HEADER)
        and all(_ROW.fullmatch(row) for row in state["curves"].splitlines()[1:])
        and isinstance(state.get("best_loss"), float)
        and isinstance(state.get("random_state"), dict)
        and state["random_state"].keys() <= {"cpu", "cuda", "python", "numpy"}
        and all(isinstance(of_device, torch.ByteTensor) for of_device in state["random_state"].values())
        and state["random_state"].get("cpu", torch.empty(0)).shape == torch.get_rng_state().shape
        and isinstance(state.get("config"), str)
        and isinstance(state.get("stopped_early", False), bool)
    )


class Trained(NamedTuple):
    """What a checkpoint says of the fit that it is of.

    Attributes:
        num_epochs: how many epochs.
        is_finished: whether the last of them is over; other callbacks than ours may save before.
        seconds: they took; None where nobody took the time.
    """

    num_epochs: int
    is_finished: bool
    seconds: float | None


def check_checkpoint(path: Path, model: ImageClassifier) -> Trained:
    """Makes sure that a checkpoint belongs to `model`, as the trainer's precision has it, and to its run folder.

    Raises:
        ValueError: if it was trained on other classes, for another net, is of another run, or has diverged.
    """
    checkpoint = load_checkpoint(path)
    trained, settings = checkpoint["hyper_parameters"], model.hparams
    if trained.get("class_names") != model.class_names:
        raise ValueError(
            f"expected the classes that {path} was trained on, {trained.get('class_names')}, got {model.class_names};"
            " leave out --data.classes"
        )
    groups = ("backbone", "num_outputs", "image_size")
    before, after = (flatten({group: values.get(group) for group in groups}) for values in (trained, settings))
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            # As the option is called on the command line.
            option = key.replace(".class_path", "").replace(".init_args", "")
            raise ValueError(
                f"expected {option} {before.get(key)!r}, as {path} was trained with, got {after.get(key)!r};"
                f" leave out --model.{option}"
            )
    expected, found = model.state_dict(), checkpoint["state_dict"]
    if _describe_weights(expected) != _describe_weights(found):
        raise ValueError(
            f"expected the weights of {type(model.backbone).__name__}, but {path} holds those of another net"
        )
    if not all(bool(found[name].isfinite().all()) for name, _ in model.named_parameters()):
        raise ValueError(
            f"expected weights that are numbers, but {path} holds some that are infinite or none: its training has"
            " diverged; fit anew with a lower learning rate"
        )
    state = checkpoint["callbacks"].get(RunRecorder.__name__)
    curves = state["curves"].splitlines() if state is not None else []
    _check_curves(path, curves)
    run = folder.find_run_folder(path)
    if state is not None and run is not None:
        _check_config(path, state["config"], run)
    seconds = float(curves[-1].rpartition(",")[2]) if len(curves) > 1 else None
    num_epochs = checkpoint["epoch"] + 1
    return Trained(num_epochs, _count_epochs(checkpoint["loops"]) == num_epochs, seconds)


def was_stopped_early(path: Path) -> bool:
    """Whether a callback of that fit, as EarlyStopping, found its epochs to be enough.

    Raises:
        ValueError: if the checkpoint is damaged.
    """
    state = load_checkpoint(path)["callbacks"].get(RunRecorder.__name__)
    return state is not None and state.get("stopped_early", False)


def _describe_weights(weights: dict[str, Any]) -> dict[str, Any]:
    return {
        key: (value.shape, value.dtype) if isinstance(value, torch.Tensor) else type(value)
        for key, value in weights.items()
    }


def _check_config(path: Path, made_with: str, run: Path) -> None:
    """Raises a ValueError if the `config.yaml` of a run folder is not the one that its checkpoint was made with."""
    file = run / folder.CONFIG
    try:
        made = load_plain_yaml(made_with)
    except yaml.YAMLError as error:
        raise ValueError(f"expected a whole checkpoint, but {path} is damaged; {_find_other(path)}") from error
    saved = read_config(file)
    change = find_change(made, saved, ("data", "model", "seed_everything", "num_threads", "trainer"), besides=_FREE)
    if change is not None:
        key, old, new = change
        raise ValueError(
            f"expected {key} {old!r} in {file}, as {path} was made with, got {new!r}: one of them is edited or of"
            " another run; put the right one back"
        )


def _check_curves(path: Path, curves: list[str]) -> None:
    """Raises a ValueError if `curves`, the lines that a checkpoint holds, are not those of its run folder."""
    run = folder.find_run_folder(path)
    file = run / folder.CURVES if run is not None else None
    if file is None or not file.is_file() or not curves:
        return
    theirs = file.read_bytes().decode(errors="replace").splitlines()
    # The file is written first, so it is ahead after a kill; and what was run again took other seconds.
    pairs = zip(curves, theirs, strict=False)
    if len(theirs) < len(curves) or any(ours.rpartition(",")[0] != other.rpartition(",")[0] for ours, other in pairs):
        raise ValueError(
            f"expected {path} and {file} of one run, but their lines differ: one of them is damaged or of another run;"
            f" put the right one back, or remove {folder.CURVES} if the checkpoint is right"
        )


@contextlib.contextmanager
def restoring(path: Path | None) -> Iterator[None]:
    """Refuses a checkpoint of which Lightning, in this block, cannot restore a part.

    What it holds of loops, optimisers and schedulers is theirs to know.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, RuntimeError, AssertionError) as error:
        places = [Path(frame.filename).stem + frame.name for frame in traceback.extract_tb(error.__traceback__)]
        if not any(
            place.startswith(("checkpoint_connectorrestore", "checkpoint_connector_restore")) for place in places
        ):
            raise
        raise ValueError(
            f"expected a checkpoint that `cifar-lightning fit` can go on from, but {path} cannot be restored"
            f" ({type(error).__name__}: {' '.join(str(error).split())[:200]}); go on from another one"
        ) from error
