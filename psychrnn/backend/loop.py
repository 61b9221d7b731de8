"""What a training run is at a moment: its batches, counts and losses, as callbacks see them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend import forward
from psychrnn.backend.array_checks import checked_batch
from psychrnn.backend.params import TrainParams
from psychrnn.tasks.batches import Batches
from psychrnn.tasks.task import Task


class TrainingError(RuntimeError):
    """Training cannot go on; the model keeps the weights of the last good update."""


@dataclass
class Loop:
    """What callbacks see of a training run.

    Attributes:
        model: the network.
        options: the options of ``train``.
        batches: iterator of training batches; a callback may replace it.
        held_out: iterator of batches for tests between updates.
        optimizer: the optimizer.
        epoch: number of the current update, from 1; 0 before the first.
        trials: trials seen so far.
        batch: the batch of the current update.
        loss: its total loss.
        losses: the recorded losses.
        outputs: outputs of the current update, before its weights changed, where something
            needs them.
        stop: a callback sets it True to end training after the current update.
        say: prints a line, where the run is verbose.

    """

    model: Any
    options: TrainParams
    batches: Iterator[Any]
    held_out: Iterator[Any]
    optimizer: Any
    epoch: int = 0
    trials: int = 0
    batch: Any = None
    loss: float = np.nan
    losses: list[np.float32] = field(default_factory=list)
    outputs: Any = None
    stop: bool = False
    say: Callable[[str], None] = print
    state: Any = None  # what the next trials start from, with carry_state
    held_out_state: Any = None
    first_length: int | None = None  # time steps of the first batch of the run
    ended_by: str | None = None  # what ended it from outside

    def next_batch(self) -> Any:
        """Draw, check and return the next training batch."""
        return self._drawn(self.batches)

    def prepare_next_batch(self, trials: int) -> None:
        """Let the next batch be made beside the update on this one of ``trials`` trials."""
        if self.trials + trials < self.options.training_iters and isinstance(self.batches, Batches):
            self.batches.prepare()

    def wait_for_next_batch(self) -> None:
        """Wait for it, so that callbacks never draw random numbers at the same time."""
        if isinstance(self.batches, Batches):
            self.batches.wait()

    def test(self, trials: int | None = None) -> tuple[np.ndarray, ...]:
        """Run the network on batches that it is not trained on.

        Arguments:
            trials: number of trials, made of whole batches; one batch where None.

        Returns:
            Inputs, targets, mask and outputs of all trials.

        """
        model, count = self.model, 0
        parts: list[tuple[Any, ...]] = []
        while not parts or count < (trials or 0):
            batch = self._drawn(self.held_out)
            if self.options.carry_state:
                start = forward.carried(model, self.held_out_state, len(batch[0]))
                outputs, _, state = forward.in_parts(model, batch[0], start, len(batch[0]))
                self.held_out_state = state
            else:
                outputs = model.test(batch[0]).outputs
            if isinstance(self.held_out, Batches):
                self.held_out.observe(batch, outputs)
            parts.append((*batch[:3], outputs))
            count += len(outputs)
        return tuple(_joined(part) for part in zip(*parts))

    def replace_batches(self, source: Any) -> None:
        """Take training batches, and those of tests, from another task or generator."""
        if isinstance(self.batches, Batches):
            self.batches.close()
        self.batches, self.held_out = iterators(self.model, source, self.options)
        self.state = self.held_out_state = None

    @property
    def whole(self) -> bool:
        """Tell whether anything needs the outputs of updates."""
        seen = isinstance(self.batches, Batches) and self.batches.in_turn
        return seen or self.options.carry_state

    def end_by(self, reason: str) -> None:
        """End training after the current update, for a reason from outside."""
        if self.ended_by != "SIGTERM":  # which is to end the process, too
            self.ended_by = reason

    @contextmanager
    def unless_the_disk_fails(self, what: str) -> Iterator[None]:
        """Go on with training where a file cannot be written, and say so."""
        try:
            yield
        except OSError as reason:
            warnings.warn(
                f"{type(self.model).__name__}.train: the {what} of update {self.epoch} could not "
                f"be written ({reason}). An older file is as it was, and training goes on.",
                UserWarning,
                stacklevel=4,
            )

    def _drawn(self, batches: Iterator[Any]) -> Any:
        where = f"{type(self.model).__name__}.train"
        try:
            batch = next(batches)
        except StopIteration:
            raise TrainingError(
                f"{where}: the generator of batches ended in update {self.epoch + 1}, after "
                f"{self.trials} of {self.options.training_iters:g} trials. Use an endless "
                "generator, or fewer training_iters. The weights reached so far are kept."
            ) from None
        except BrokenExecutor as reason:
            raise TrainingError(
                f"{where}: a worker that makes batches died in update {self.epoch + 1}, perhaps "
                "for lack of memory. Use fewer workers. The weights reached so far are kept."
            ) from reason
        return checked_batch(where, self.model, batch)


def _joined(parts: tuple[np.ndarray, ...]) -> np.ndarray:
    """Join batches; shorter trials get zeros at their end, which a mask of 0 does not count."""
    steps = max(part.shape[1] for part in parts)
    padded = [np.pad(p, ((0, 0), (0, steps - p.shape[1]), (0, 0))) for p in parts]
    return padded[0] if len(padded) == 1 else np.concatenate(padded)


def of_curriculum(model: Any, source: Any, options: TrainParams) -> Any:
    """Check, before training, that every stage can be trained on; return where to begin."""
    curriculum, where = options.curriculum, f"{type(model).__name__}.train"
    if options.held_out is not None:
        advice = "A curriculum tests on the task of its stage: leave held_out out."
        raise _checks.error(f"{where}.held_out", "none beside a curriculum", "one", advice)
    if source is not None and not any(source is task for task in curriculum.tasks):
        warnings.warn(
            f"{where}: {_checks.shown(source)} is not used, for training is on the tasks of the "
            "curriculum. Pass None.",
            UserWarning,
            stacklevel=4,
        )
    if curriculum.stop_training and options.resume:
        return curriculum.tasks[-1]  # a run that was finished, as its checkpoint says
    curriculum.check_for(model)
    for number, task in enumerate(curriculum.tasks):
        if isinstance(task, Task):
            Batches(task, options.workers).close()
            batch = checked_batch(f"{where}, stage {number}", model, next(Batches(task.copied())))
            check_counts(f"{where}, stage {number}", batch)
    return curriculum.current_source


def iterators(
    model: Any, source: Any, options: TrainParams
) -> tuple[Iterator[Any], Iterator[Any]]:  # fmt: skip
    """Return training batches, and batches for tests, from a task or a generator."""
    workers = options.workers
    dt = getattr(source, "dt", model.dt)
    if dt != model.dt:
        warnings.warn(
            f"{type(model).__name__}.train: a time step of {type(source).__name__} is {dt:g} ms "
            f"and one of the network {model.dt:g} ms. Make the network for the task.",
            UserWarning,
            stacklevel=4,
        )
    if options.held_out is not None:
        of_tests = replace(options, held_out=None, workers=0)
        training, _ = iterators(model, source, replace(options, held_out=None))
        held_out = options.held_out
        if isinstance(held_out, Task):  # what does not fit is told before any update
            first = next(Batches(held_out.copied()))
            checked_batch(f"{type(model).__name__}.train.held_out", model, first)
        return training, iterators(model, held_out, of_tests)[1]
    if isinstance(source, Task) and type(source).batch_generator is Task.batch_generator:
        # tests must not mix into what a task observes of training
        other = source if source.observe is None else source.copied()
        return Batches(source, workers), Batches(other)
    if getattr(source, "observe", None) is not None:
        where = f"{type(model).__name__}.train, task {type(source).__name__}"
        expected, got = "a task that makes its own batches", "a batch_generator of its own"
        raise _checks.error(where, expected, got, "A task with observe needs that of Task.")
    if workers:
        expected, advice = "a task", "A generator cannot be divided: use workers=0."
        where = f"{type(model).__name__}.train, with workers"
        raise _checks.error(where, expected, _checks.shown(source), advice)
    if hasattr(source, "batch_generator") and not isinstance(source, type):
        return iter(source.batch_generator()), iter(source.batch_generator())
    if isinstance(source, Iterator):
        return source, source
    raise _checks.error(
        f"{type(model).__name__}.train",
        "a task, or a generator of (x, y, mask, params)",
        _checks.shown(source),
        "For a function that makes a generator, call it first.",
    )


def check_counts(where: str, batch: Any) -> None:
    """Check that some target of a batch counts."""
    if not batch[2].any():
        advice = "Nothing can be learned where no target counts."
        expected, got = "a target that counts", "0 everywhere"
        raise _checks.error(f"{where}, mask of the first batch", expected, got, advice)
