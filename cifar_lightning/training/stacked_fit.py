"""Several runs that differ in their seeds alone, fitted as one net."""

import contextlib
import copy
import time
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from torch.func import vmap
from torch.nn import functional

from cifar_lightning.data import LabelledImages
from cifar_lightning.data.data_module import epoch_order, split_by_class
from cifar_lightning.models.metrics import name_values
from cifar_lightning.models.stacking import NetStack, stack_states, unstack_state
from cifar_lightning.runs.signals import signals_held
from cifar_lightning.training.fitting import Fit
from cifar_lightning.training.own_code import OnlyOwnFrames
from cifar_lightning.training.quiet import quiet_framework
from cifar_lightning.training.recorder import set_progress
from cifar_lightning.training.step_graph import Compute, record


def fit_together(arguments: Sequence[Sequence[str]]) -> list[Exception | None]:
    """Fits runs that differ in their seeds alone, and have the same number of epochs so far, as one net.

    Each run folder becomes what a fit with these `arguments` would make it, up to rounding. The seconds of a run are
    its share of the time that all take together. Raises torch.OutOfMemoryError if they do not fit in memory together.
    The finished epochs are on the disk.

    Returns:
        For each run, None where it is fitted, or the ValueError of one that diverged.
    """
    with quiet_framework(), OnlyOwnFrames(), contextlib.ExitStack() as stack:
        members = [_Member(one, place) for place, one in enumerate(arguments)]
        for member in members:
            stack.enter_context(member.fit.recording())
        _StackedFit(members).run()
    return [member.error for member in members]


class _Member:
    """One run of the stack, at this `place`: a fit that is set up, whose trainer is never started.

    Attributes:
        finished: the state of the stack after the run's last epoch; None before its first.
        error: why the run ended before the others; None while it has not.
    """

    def __init__(self, arguments: Sequence[str], place: int) -> None:
        self.place = place
        self.finished: _State | None = None
        self.fit = Fit(arguments, progress=False)
        assert self.fit.recorder is not None, "a study's runs have a run folder"
        self.recorder = self.fit.recorder
        self.error: Exception | None = None
        self._random_state = torch.get_rng_state()
        self.trainer: Any = self.fit.trainer
        self.model = self.fit.model
        self.model.trainer = self.trainer
        self.trainer.state.fn = TrainerFn.FITTING
        self.trainer.strategy.connect(self.model)
        self.trainer.strategy.setup_optimizers(self.trainer)
        self.optimizer = self.trainer.optimizers[0]
        self.scheduler: Any = next((config.scheduler for config in self.trainer.lr_scheduler_configs), None)

    def begin(self) -> None:
        if (checkpoint := self.fit.checkpoint) is not None:
            contents = torch.load(checkpoint.path, map_location="cpu", weights_only=True)
            self.model.load_state_dict(contents["state_dict"])
            self.optimizer.load_state_dict(contents["optimizer_states"][0])
            if self.scheduler:
                self.scheduler.load_state_dict(contents["lr_schedulers"][0])
            self._random_state = checkpoint.resume.random_state.get("cpu", self._random_state)
            set_progress(self.trainer, checkpoint.resume.num_epochs, checkpoint.global_step)
        self.recorder.has_loops = False
        self.recorder.setup(self.trainer, self.model, "fit")
        self.recorder.on_train_start(self.trainer, self.model)

    def hold(self, num_batches: int, is_best: bool = False) -> None:
        """Holds the state after the last epoch, of `num_batches` steps, for the run's checkpoints."""
        assert self.finished is not None
        parameters, optimizer_state, scheduler_state = self.finished
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(parameters[name][self.place])
        self.optimizer.load_state_dict(unstack_state(optimizer_state, self.place))
        if self.scheduler:
            self.scheduler.load_state_dict(scheduler_state)
        # As in a fit of its own, which saves within the last hook of an epoch.
        torch.set_rng_state(self._random_state)
        num_epochs = self.recorder.state.num_epochs
        set_progress(self.trainer, num_epochs - 1, num_epochs * num_batches)
        self.recorder.save(self.trainer, is_best)

    def end(self, num_batches: int) -> None:
        """Lets the fit see that its trainer has all epochs."""
        num_epochs = self.recorder.state.num_epochs
        set_progress(self.trainer, num_epochs, num_epochs * num_batches)
        self.trainer.callback_metrics["train_loss"] = torch.tensor(self.recorder.last_epoch()["train_loss"])
        for logger in self.trainer.loggers:
            logger.finalize("success")


# Parameters of all nets by name, and the states of their optimiser and scheduler.
_State = tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]


class _Images:
    """The images of a split on the device; each net sees those at its own `places`."""

    def __init__(self, pool: LabelledImages, parts: Sequence[LabelledImages], device: torch.device) -> None:
        place_of = torch.zeros(int(pool.indices.max()) + 1, dtype=torch.int64)
        place_of[pool.indices] = torch.arange(len(pool))
        # int64 (S, N).
        self.places = torch.stack([place_of[part.indices] for part in parts]).to(device)
        self._rows = pool.images.permute(0, 2, 3, 1).contiguous().to(device)
        self.labels = pool.labels.to(device)

    def __getitem__(self, places: Tensor) -> Tensor:
        """The images, uint8 (S, N, 3, H, W), at `places`, int64 (S, N), on the device."""
        return self._rows[places].permute(0, 1, 4, 2, 3)


class _StackedFit:
    """The loop over the epochs."""

    def __init__(self, members: Sequence[_Member]) -> None:
        self._members = members
        for member in members:
            member.begin()
        first = members[0]
        self._device = first.trainer.strategy.root_device
        first.trainer.accelerator.setup_device(self._device)
        self._num_epochs = first.recorder.state.num_epochs
        self._stack = NetStack([member.model for member in members], self._device)
        self._optimizer = first.model.optimizer_factory(self._stack.parameters.values())
        factory = first.model.scheduler_factory
        self._scheduler: Any = factory(self._optimizer) if factory else None
        if self._num_epochs:
            self._optimizer.load_state_dict(stack_states([member.optimizer.state_dict() for member in members]))
            if self._scheduler:
                self._scheduler.load_state_dict(first.scheduler.state_dict())
        self._load_images()
        self._num_batches = -(-self._train.places.shape[1] // self._batch_size)
        self._compute: dict[torch.Size, Compute] = {}

    def _load_images(self) -> None:
        data = self._members[0].fit.datamodule
        data.prepare_data()
        data.setup("fit")
        self._batch_size = data.batch_size
        split_seeds = [member.fit.datamodule.split_seed for member in self._members]
        splits = {seed: split_by_class(data.all_training, data.val_fraction, seed) for seed in set(split_seeds)}
        train, val = zip(*[splits[seed] for seed in split_seeds], strict=True)
        self._train = _Images(data.all_training, train, self._device)
        self._val: _Images | None = None
        if data.validate_on_test:
            self._val = _Images(data.test, [data.test] * len(train), self._device)
        elif data.val_fraction:
            self._val = _Images(data.all_training, val, self._device)

    def run(self) -> None:
        """Trains the epochs that are left; whatever ends this, the finished ones are written."""
        self._start = self._last_sync = time.monotonic()
        try:
            while self._num_epochs < self._members[0].trainer.max_epochs and self._alive():
                values = self._run_epoch()
                # The one value in an epoch that the device is asked for.
                rows = values.tolist()
                with signals_held():
                    self._end_epoch(rows)
        finally:
            self._write(self._members)
        for member in self._alive():
            member.end(self._num_batches)

    def _alive(self) -> list[_Member]:
        return [member for member in self._members if member.error is None]

    def _run_epoch(self) -> Tensor:
        """Trains and validates an epoch; a row per net: `_measure` of each split, and whether weights are finite."""
        seeds = [member.fit.config.seed_everything for member in self._members]
        train = self._train.places
        orders = [epoch_order(train.shape[1], seed, self._num_epochs) for seed in seeds]
        order = train.gather(1, torch.stack(orders).to(self._device))
        self._stack.train(True)
        logits = [self._step(places) for places in order.split(self._batch_size, dim=1)]
        if self._scheduler:
            self._scheduler.step()
        num_classes = len(self._members[0].model.class_names)
        measured = [_measure(torch.cat(logits, dim=1), self._train.labels[order], num_classes)]
        if self._val is not None:
            self._stack.train(False)
            places = self._val.places
            with torch.no_grad():
                logits = [self._stack(self._val[some]) for some in places.split(self._batch_size, dim=1)]
            measured.append(_measure(torch.cat(logits, dim=1), self._val.labels[places], num_classes))
        weights = self._stack.parameters.values()
        are_finite = torch.stack([weight.reshape(len(weight), -1).isfinite().all(dim=1) for weight in weights])
        return torch.cat([*measured, are_finite.all(dim=0)[:, None]], dim=1)

    def _step(self, places: Tensor) -> Tensor:
        """One step on the images at `places`, int64 (S, B); returns the logits, (S, B, num_outputs)."""
        if places.shape not in self._compute:
            # The last batch may be smaller.
            self._compute[places.shape] = record(self._compute_gradients, places)
        logits, *gradients = self._compute[places.shape](places)
        for parameter, gradient in zip(self._stack.trainable, gradients, strict=True):
            parameter.grad = gradient
        self._optimizer.step()
        assert logits is not None
        return logits.clone()

    def _compute_gradients(self, places: Tensor) -> tuple[Tensor | None, ...]:
        logits = self._stack(self._train[places])
        labels = self._train.labels[places]
        # The sum over the nets, so that each has the gradient of its own mean.
        loss = vmap(self._members[0].model.loss)(logits, labels).sum()
        return logits.detach(), *torch.autograd.grad(loss, self._stack.trainable, allow_unused=True)

    def _end_epoch(self, rows: list[list[float]]) -> None:
        now = time.monotonic()
        scheduler_state = self._scheduler.state_dict() if self._scheduler else {}
        parameters = {name: parameter.detach() for name, parameter in self._stack.parameters.items()}
        state = copy.deepcopy((parameters, self._optimizer.state_dict(), scheduler_state))
        self._num_epochs += 1
        for member in self._alive():
            row = rows[member.place]
            values = self._name(row)
            for logger in member.trainer.loggers:
                logger.log_metrics({**values, "epoch": self._num_epochs}, step=self._num_epochs)
            seconds = (now - self._start) / len(self._members)
            try:
                is_best = member.recorder.add_epoch(self._num_epochs, values, seconds, has_finite_weights=bool(row[-1]))
            except ValueError as error:
                member.error = error
                continue
            member.finished = state
            if is_best:
                member.hold(self._num_batches, is_best)
        if now - self._last_sync > self._members[0].recorder.sync_seconds:
            self._write(self._alive())

    def _name(self, row: Sequence[float]) -> dict[str, float]:
        names = self._members[0].model.class_names
        values: dict[str, float] = {}
        for number, split in enumerate(("train", "val") if self._val is not None else ("train",)):
            loss, accuracy, *recall = row[number * (2 + len(names)) :][: 2 + len(names)]
            values |= name_values(split, names, loss, accuracy, recall)
        return values

    def _write(self, members: Sequence[_Member]) -> None:
        for member in members:
            if member.finished is not None:
                member.hold(self._num_batches)
                member.recorder.sync(member.trainer)
        self._last_sync = time.monotonic()


def _measure(logits: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """As `EpochMetrics` of each net: (S, 2 + K) of logits (S, N, num_outputs) and labels (S, N)."""
    losses = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view_as(labels)
    # (S, N, K)
    is_of = labels[..., None] == torch.arange(num_classes, device=labels.device)
    hits = (is_of & (logits.argmax(dim=2) == labels)[..., None]).sum(dim=1)
    support = is_of.sum(dim=1)
    accuracy = hits.sum(dim=1) / support.sum(dim=1)
    return torch.cat([losses.mean(dim=1)[:, None], accuracy[:, None], hits / support.clamp(min=1)], dim=1)
