"""Training: next batch -> compiled update -> callbacks, until enough trials were seen."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks, _html
from psychrnn.backend import (
    callbacks,
    checkpoints,
    engine,
    forward,
    interruptions,
    optimizers,
)
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.array_checks import checked_fixed
from psychrnn.backend.constraints import ConstraintError
from psychrnn.backend.loop import Loop, TrainingError, check_counts, iterators, of_curriculum
from psychrnn.backend.params import TrainParams
from psychrnn.tasks.batches import Batches


class _Times(NamedTuple):
    losses: list[np.float32]
    training_time: float
    initialization_time: float


class TrainResult(_Times):
    """What ``train`` returns: ``losses, training_time, initialization_time = result``.

    Attributes:
        losses: total loss (with penalties) of every ``loss_epoch``-th update, float32.
        training_time: seconds spent in updates and between them.
        initialization_time: seconds spent before the first update.
        interrupted: what ended training early: 'SIGINT' (Ctrl-C, a notebook's stop button),
            'nan' (with ``on_nan='stop'``), or None.

    """

    interrupted: str | None = None

    def __repr__(self) -> str:
        return _html.training_text(self)

    def _repr_html_(self) -> str:
        return _html.training_table(self)


def train(model: Any, source: Any, options: TrainParams) -> TrainResult:
    """Train ``model`` on batches from ``source``; see ``RNN.train``, which checks the options."""
    start = time.perf_counter()
    where = f"{type(model).__name__}.train"
    optimizer = optimizers.optimizer_for(model, options)
    fixed = checked_fixed(model, options.fixed_weights or {})
    model.check_constraints()
    stored = _checkpoint(where, options)
    if options.curriculum is not None:
        if stored is not None and stored["run"]["curriculum"] is not None:
            options.curriculum.set_state(stored["run"]["curriculum"])
        source = of_curriculum(model, source, options)
    if options.carry_state:
        forward.check_starts(f"{where}.carry_state", model)
    loop = Loop(model, options, *iterators(model, source, options), optimizer)
    if stored is not None:
        checkpoints.restore_loop(loop, stored)
    updates = _Updates(loop, fixed)
    variables = model.named_variables()
    frozen = {key: variables[key].numpy()[entries] for key, entries in fixed.items()}
    batch = None
    if loop.trials < options.training_iters and not loop.stop:
        batch = loop.next_batch()  # it tells the shape to compile for
        check_counts(where, batch)
        updates.get(batch)
    if stored is not None:
        checkpoints.restore_optimizer(loop, stored)
    begin = time.perf_counter()
    with (
        callbacks.output(loop) as progress,
        _closed_at_end(loop),
        interruptions.heeded(loop.end_by, with_sigterm=options.checkpoint_path is not None),
    ):
        actions = [*progress, *callbacks.standard(options)]
        if options.checkpoint_path is not None:
            actions.append(checkpoints.SaveCheckpoints())
        for action in actions:
            action.on_train_begin(loop)
        while batch is not None and not (loop.stop or loop.ended_by):
            loop.epoch, loop.batch = loop.epoch + 1, batch
            if not _step(loop, updates.get(batch)):
                break
            for action in actions:
                action.on_step_end(loop)
                if loop.stop:
                    break
            more = loop.trials < options.training_iters and not (loop.stop or loop.ended_by)
            batch = loop.next_batch() if more else None
        for action in actions:
            action.on_train_end(loop)
    if options.curriculum is not None:
        options.curriculum.end(loop.epoch)
    model.check_constraints()
    for key, entries in fixed.items():
        if not np.array_equal(variables[key].numpy()[entries], frozen[key]):
            raise ConstraintError(f"{where}: entries of {key} that are frozen have changed.")
    if loop.ended_by == "SIGTERM":  # the checkpoint is written, so the process may go
        raise SystemExit(143)
    result = TrainResult(loop.losses, time.perf_counter() - begin, begin - start)
    if loop.trials < options.training_iters and not loop.stop:
        result.interrupted = loop.ended_by
    return result


def _checkpoint(where: str, options: TrainParams) -> dict[str, Any] | None:
    """Return what a run is to go on from, or None where it begins."""
    if options.checkpoint_path is None:
        return None
    if options.resume:
        return checkpoints.newest(where, options.checkpoint_path)
    checkpoints.check_unused(where, options.checkpoint_path)
    return None


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


class _Updates:
    """The compiled updates of a run, one for each shape of batches."""

    def __init__(self, loop: Loop, fixed: dict[str, np.ndarray]) -> None:
        self._loop, self._fixed = loop, fixed
        self._made: dict[Any, Any] = {}
        trained = [v for v in loop.model.named_variables().values() if v.trainable]
        optimizers.prepare(loop.model, loop.optimizer, trained)

    def get(self, batch: Any) -> Any:
        """Return the update for a batch, made at its first use."""
        loop = self._loop
        trials, steps, _ = batch[0].shape
        if loop.first_length is None:
            loop.first_length = steps
        shape = trials, steps
        if steps != loop.first_length and engine.passes_data(loop.model):
            shape = trials, None  # lengths share a program
        if (shape, loop.whole) not in self._made:
            self._made[shape, loop.whole] = make_update(loop, shape, self._fixed)
        return self._made[shape, loop.whole]


def _step(loop: Loop, update: Any) -> bool:
    """Make an update; return False where it was not finite and training is to stop."""
    x, y, mask, *_ = loop.batch
    loop.prepare_next_batch(len(x))
    start = forward.carried(loop.model, loop.state, len(x)) if loop.options.carry_state else ()
    loss, largest, finite, *more = update(*(tf.constant(part) for part in (x, y, mask, *start)))
    loop.loss = float(loss)
    loop.wait_for_next_batch()
    if not finite:
        sentence = (
            f"{type(loop.model).__name__}.train: update {loop.epoch} gave a loss of {loop.loss:g} "
            f"and a largest gradient of {float(largest):g}. The weights of the update before it "
            "are kept. A smaller learning_rate, clip_grads=True or a smaller dt usually helps."
        )
        if loop.options.on_nan == "raise":
            raise TrainingError(sentence)
        warnings.warn(sentence, UserWarning, stacklevel=4)
        loop.epoch -= 1
        loop.end_by("nan")
        return False
    loop.trials += len(x)
    loop.model.__dict__["updates"] += 1
    if more:
        loop.outputs, *loop.state = (part.numpy() for part in more)
        if isinstance(loop.batches, Batches):
            loop.batches.observe(loop.batch, loop.outputs)
    return True


def make_update(loop: Loop, shape: Any, fixed: dict[str, np.ndarray]) -> Any:
    """Compile one update for batches of a shape ``(trials, steps)``, None for any.

    The update is: loss and penalties, gradient x (1 - fixed), clip, apply, and put back what
    must not change. It returns the loss, the largest absolute gradient and whether both were
    finite; if not, all weights are as before. Where something needs them it returns the outputs
    and each part of the last state too, and with ``carry_state`` it takes what trials start from.
    """
    model, options, optimizer, whole = loop.model, loop.options, loop.optimizer, loop.whole
    named = {k: v for k, v in model.named_variables().items() if v.trainable}

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
