"""Training: next batch -> compiled update -> callbacks, until enough trials were seen."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn.backend import callbacks, engine, forward, optimizers
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.array_checks import checked_batch, checked_fixed
from psychrnn.backend.params import TrainParams
from psychrnn.tasks.batches import Batches
from psychrnn.tasks.task import Task


class TrainResult(NamedTuple):
    """What ``train`` returns.

    Attributes:
        losses: total loss (with penalties) of every ``loss_epoch``-th update, float32.
        training_time: seconds spent in updates and between them.
        initialization_time: seconds spent before the first update.

    """

    losses: list[np.float32]
    training_time: float
    initialization_time: float


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

    def _drawn(self, batches: Iterator[Any]) -> Any:
        where = f"{type(self.model).__name__}.train"
        try:
            batch = next(batches)
        except StopIteration:
            raise TrainingError(
                f"{where}: the generator of batches ended in update {max(self.epoch, 1)}, after "
                f"{self.trials} of {self.options.training_iters:g} trials. Use an endless "
                "generator, or fewer training_iters. The weights reached so far are kept."
            ) from None
        except BrokenExecutor as reason:
            raise TrainingError(
                f"{where}: a worker that makes batches died in update {self.epoch}, perhaps for "
                "lack of memory. Use fewer workers. The weights reached so far are kept."
            ) from reason
        return checked_batch(where, self.model, batch)


def train(model: Any, source: Any, options: TrainParams) -> TrainResult:
    """Train ``model`` on batches from ``source``; see ``RNN.train``, which checks the options."""
    start = time.perf_counter()
    optimizer = optimizers.optimizer_for(model, options)
    fixed = checked_fixed(model, options.fixed_weights or {})
    if options.curriculum is not None:
        source = _of_curriculum(model, source, options)
    if options.carry_state:
        forward.check_starts(f"{type(model).__name__}.train.carry_state", model)
    loop = Loop(model, options, *iterators(model, source, options))
    updates: dict[Any, Any] = {}
    first_length: list[int] = []

    def update_for(batch: Any) -> Any:
        trials, steps, _ = batch[0].shape
        if not first_length:
            first_length.append(steps)
        shape = trials, steps
        if steps != first_length[0] and engine.passes_data(model):
            shape = trials, None
        key = shape, whole(loop)
        if key not in updates:
            updates[key] = make_update(model, shape, optimizer, options, fixed, whole(loop))
        return updates[key]

    if options.training_iters > 0:  # the first batch tells the shape to compile for
        loop.batch = _first_batch(loop)
        update_for(loop.batch)
    begin = time.perf_counter()
    with callbacks.output(loop) as progress, _closed_at_end(loop):
        actions = [*progress, *callbacks.standard(options)]
        for action in actions:
            action.on_train_begin(loop)
        while loop.trials < options.training_iters and not loop.stop:
            loop.epoch += 1
            if loop.epoch > 1:
                loop.batch = loop.next_batch()
            _step(loop, update_for(loop.batch))
            for action in actions:
                action.on_step_end(loop)
                if loop.stop:
                    break
        for action in actions:
            action.on_train_end(loop)
    return TrainResult(loop.losses, time.perf_counter() - begin, begin - start)


@contextmanager
def _closed_at_end(loop: Loop) -> Iterator[None]:
    """End threads that make batches, however training ends."""
    first = loop.batches
    try:
        yield
    finally:
        for batches in (first, loop.batches):
            if isinstance(batches, Batches):
                batches.close()


def _first_batch(loop: Loop) -> Any:
    batch = loop.next_batch()
    _check_counts(f"{type(loop.model).__name__}.train", batch)
    return batch


def _check_counts(where: str, batch: Any) -> None:
    if not batch[2].any():
        advice = "Nothing can be learned where no target counts."
        expected, got = "a target that counts", "0 everywhere"
        raise _checks.error(f"{where}, mask of the first batch", expected, got, advice)


def _step(loop: Loop, update: Any) -> None:
    x, y, mask, *_ = loop.batch
    loop.prepare_next_batch(len(x))
    start = forward.carried(loop.model, loop.state, len(x)) if loop.options.carry_state else ()
    loss, largest, finite, *more = update(*(tf.constant(part) for part in (x, y, mask, *start)))
    loop.loss = float(loss)
    loop.wait_for_next_batch()
    if not finite:
        raise TrainingError(
            f"{type(loop.model).__name__}.train: update {loop.epoch} gave a loss of {loop.loss:g} "
            f"and a largest gradient of {float(largest):g}. The weights of the update before it "
            "are kept. A smaller learning_rate, clip_grads=True or a smaller dt usually helps."
        )
    loop.trials += len(x)
    if more:
        loop.outputs, *loop.state = (part.numpy() for part in more)
        if isinstance(loop.batches, Batches):
            loop.batches.observe(loop.batch, loop.outputs)


def whole(loop: Loop) -> bool:
    """Tell whether anything needs the outputs of updates."""
    seen = isinstance(loop.batches, Batches) and loop.batches.in_turn
    return seen or loop.options.carry_state


def _joined(parts: tuple[np.ndarray, ...]) -> np.ndarray:
    """Join batches; shorter trials get zeros at their end, which a mask of 0 does not count."""
    steps = max(part.shape[1] for part in parts)
    padded = [np.pad(p, ((0, 0), (0, steps - p.shape[1]), (0, 0))) for p in parts]
    return padded[0] if len(padded) == 1 else np.concatenate(padded)


def _of_curriculum(model: Any, source: Any, options: TrainParams) -> Any:
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
    curriculum.check_for(model)
    for number, task in enumerate(curriculum.tasks):
        if isinstance(task, Task):
            Batches(task, options.workers).close()
            batch = checked_batch(f"{where}, stage {number}", model, next(Batches(task.copied())))
            _check_counts(f"{where}, stage {number}", batch)
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
        return training, iterators(model, options.held_out, of_tests)[1]
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


def make_update(
    model: Any,
    shape: Any,
    optimizer: Any,
    options: TrainParams,
    fixed: dict[str, np.ndarray],
    whole: bool = False,
) -> Any:
    """Compile one update for batches of a shape ``(trials, steps)``, None for any.

    The update is: loss and penalties, gradient x (1 - fixed), clip, apply, and put back what
    must not change. It returns the loss, the largest absolute gradient and whether both were
    finite; if not, all weights are as before. With ``whole`` it returns the outputs and each part
    of the last state too, and with ``carry_state`` it takes what the trials start from.
    """
    named = {k: v for k, v in model.named_variables().items() if v.trainable}
    optimizers.prepare(model, optimizer, list(named.values()))

    def update(x: Any, y: Any, mask: Any, *start: Any) -> Any:
        with tf.GradientTape() as tape, model.presented(x, y, mask, start or None):
            loss = model.loss_function.set_model_loss(model)
            loss += model.regularizer.set_model_regularization(model)
            more = (model.predictions, *vars(model).get("_last_state", ())) if whole else ()
        found = zip(named, tape.gradient(loss, list(named.values())))
        gradients = {k: tf.convert_to_tensor(g) for k, g in found if g is not None}
        if not gradients:
            expected = "a loss that depends on the trainable weights"
            raise _checks.error(f"{type(model).__name__}.train", expected, "one that does not")
        largest = tf.reduce_max([tf.reduce_max(tf.abs(g)) for g in gradients.values()])
        finite = tf.math.is_finite(loss) & tf.math.is_finite(largest)
        for key in gradients:  # zeros keep a bad update out of the optimizer's memory
            gradients[key] = tf.where(finite, gradients[key], 0.0)
            if key in fixed:
                gradients[key] *= 1.0 - fixed[key].astype(np.float32)
        clipped = optimizers.clip(gradients, options)
        before = {key: tf.identity(variable) for key, variable in named.items()}
        optimizer.apply_gradients([(g, named[key]) for key, g in clipped.items()])
        for variable in named.values():
            finite &= tf.reduce_all(tf.math.is_finite(variable))
        for key, variable in named.items():
            keep = ~finite | fixed[key] if key in fixed else ~finite
            variable.assign(tf.where(keep, before[key], variable))
        return loss, largest, finite, *more

    if model.engine == "eager":
        return update
    channels = (model.N_in, model.N_out, model.N_out)
    signature = [tf.TensorSpec([*shape, n], tf.float32) for n in channels]
    if options.carry_state:
        parts = [tf.TensorSpec([None, 1], tf.bool), *model.state_spec()]
        signature += [tf.TensorSpec([shape[0], *p.shape[1:]], p.dtype) for p in parts]
    return tf.function(update, autograph=False).get_concrete_function(*signature)
