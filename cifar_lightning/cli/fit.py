"""`fit`: trains a net and writes its run folder."""

import shlex

import torch

from cifar_lightning.cli.errors import CTRL_C
from cifar_lightning.cli.tables import print_fit_summary
from cifar_lightning.printing import count
from cifar_lightning.runs import folder
from cifar_lightning.runs.curves import Curves
from cifar_lightning.training.fitting import Ending, Fit
from cifar_lightning.training.quiet import quiet_framework


def run(arguments: list[str]) -> int:
    with quiet_framework():
        fit = Fit(arguments)
        if fit.checkpoint is not None and fit.resumed is None:
            print(f"{fit.checkpoint.path} is in no run folder; resuming from it as a new run: {fit.folder}")
        try:
            fit.run()
        except (KeyboardInterrupt, SystemExit) as stop:
            _print_how_to_resume(fit)
            if isinstance(stop, KeyboardInterrupt):
                raise SystemExit(CTRL_C) from None
            raise
        except (OSError, MemoryError, torch.OutOfMemoryError):
            # Not where the data could not be fetched, for one.
            if fit.num_new_epochs:
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
    print_fit_summary(
        fit.folder if fit.logger else None,
        fit.why_not_kept,
        fit.final_scores(),
        Curves.parse(fit.recorder.state.curves) if fit.recorder else None,
        lab_protocol=fit.datamodule.validate_on_test,
    )
