"""`fit`: trains a net and writes its run folder."""

import shlex

import torch

from cifar_lightning.cli.errors import CTRL_C
from cifar_lightning.printing import count, plain_console, print_prose
from cifar_lightning.runs import folder
from cifar_lightning.runs.curves import Curves
from cifar_lightning.runs.overfitting import describe_overfitting, validation_name
from cifar_lightning.training.fitting import Ending, Fit
from cifar_lightning.training.quiet import quiet_framework


def run(arguments: list[str]) -> int:
    fit: Fit | None = None
    try:
        with quiet_framework():
            fit = Fit(arguments)
            if fit.checkpoint is not None and fit.resumed is None:
                print(f"{fit.checkpoint.path} is in no run folder; resuming from it as a new run: {fit.folder}")
            fit.run()
    except (KeyboardInterrupt, SystemExit) as stop:
        if fit is None:
            raise
        _print_how_to_resume(fit)
        raise SystemExit(CTRL_C if isinstance(stop, KeyboardInterrupt) else stop.code) from None
    except (OSError, MemoryError, torch.OutOfMemoryError):
        # Not where the data could not be fetched, for one.
        if fit is not None and fit.num_new_epochs:
            _print_how_to_resume(fit)
        raise
    if fit.trainer.is_global_zero:
        _print_end(fit)
    return 0


def _print_how_to_resume(fit: Fit) -> None:
    if fit.is_kept:
        print(f"stopped; resume with: {_resume_command(fit)}")
    else:
        print(f"stopped; there is nothing to resume, since {fit.why_not_kept}")


def _resume_command(fit: Fit, *limits: str) -> str:
    arguments = ["fit", "--config", str(fit.folder / folder.CONFIG), "--ckpt_path", str(fit.folder)]
    return f"cifar-lightning {shlex.join([*arguments, *fit.new_limits, *limits])}"


def _print_end(fit: Fit) -> None:
    if fit.ending is Ending.TIME_UP:
        print("the run has used up its time; raise trainer.max_time to resume it")
    elif fit.ending is Ending.STOPPED_EARLY:
        assert fit.recorder is not None
        who = "EarlyStopping" if fit.trainer.early_stopping_callback else "a callback"
        num_epochs = fit.recorder.state.num_epochs
        further = max(fit.trainer.max_epochs or 0, num_epochs + 1)
        how = _resume_command(fit, "--trainer.min_epochs", str(further))
        print(f"{who} ended the run after {count(num_epochs, 'epoch')}; resume with: {how}")
    elif fit.ending is Ending.NOTHING_LEFT:
        assert fit.checkpoint is not None
        epochs = count(fit.checkpoint.resume.num_epochs, "epoch")
        print(f"nothing was left to train after {epochs}; raise trainer.max_epochs to resume it")
    print_fit_summary(fit)


def print_fit_summary(fit: Fit) -> None:
    """Prints the end of a fit: the run folder, the last epoch, over-fitting, what is next."""
    validation, scores = validation_name(fit.datamodule.validate_on_test), fit.final_scores()
    console = plain_console()
    if fit.why_not_kept is None:
        console.print(f"run folder: {fit.folder}", soft_wrap=True)
    elif fit.logger and fit.folder.is_dir():
        print_prose(console, f"no checkpoint was kept, since {fit.why_not_kept}, but curves: {fit.folder}")
    else:
        print_prose(console, f"no run folder was kept, since {fit.why_not_kept}")
    # `test` measures the training accuracy anew, and so another one.
    for split, name, when in ("train", "train", " (mean over the epoch, as it learnt)"), ("val", validation, ""):
        if f"{split}/loss" in scores:
            loss, accuracy = scores[f"{split}/loss"], scores[f"{split}/accuracy"]
            print_prose(console, f"{name}: loss {loss:.4f}, accuracy {accuracy:.4f}{when}")
    if fit.recorder and scores:
        print_prose(console, describe_overfitting(Curves.parse(fit.recorder.state.curves), validation))
    if fit.why_not_kept is None:
        console.print(f"next: cifar-lightning test --ckpt_path {shlex.quote(str(fit.folder))}", soft_wrap=True)
