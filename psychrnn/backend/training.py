"""Training: next batch -> compiled update -> callbacks, until enough trials were seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn.backend import callbacks, engine, optimizers
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.params import AXES, TrainParams
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
    stop: bool = False
    say: Callable[[str], None] = print

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

    def next_held_out_batch(self) -> Any:
        """Draw, check and return the next batch for a test."""
        return self._drawn(self.held_out)

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
    loop = Loop(model, options, *_iterators(model, source, options.workers))
    updates: dict[Any, Any] = {}
    first_length: list[int] = []

    def update_for(batch: Any) -> Any:
        trials, steps, _ = batch[0].shape
        if not first_length:
            first_length.append(steps)
        shape = trials, steps
        if steps != first_length[0] and engine.passes_data(model):
            shape = trials, None
        if shape not in updates:
            updates[shape] = make_update(model, shape, optimizer, options, fixed)
        return updates[shape]

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
    made = loop.batches
    try:
        yield
    finally:
        if isinstance(made, Batches):
            made.close()


def _first_batch(loop: Loop) -> Any:
    batch = loop.next_batch()
    if not batch[2].any():
        where = f"{type(loop.model).__name__}.train, mask of the first batch"
        advice = "Nothing can be learned where no target counts."
        raise _checks.error(where, "a target that counts", "0 everywhere", advice)
    return batch


def _step(loop: Loop, update: Any) -> None:
    x, y, mask, *_ = loop.batch
    loop.prepare_next_batch(len(x))
    loss, largest, finite = update(tf.constant(x), tf.constant(y), tf.constant(mask))
    loop.loss = float(loss)
    loop.wait_for_next_batch()
    if not finite:
        raise TrainingError(
            f"{type(loop.model).__name__}.train: update {loop.epoch} gave a loss of {loop.loss:g} "
            f"and a largest gradient of {float(largest):g}. The weights of the update before it "
            "are kept. A smaller learning_rate, clip_grads=True or a smaller dt usually helps."
        )
    loop.trials += len(x)


def _iterators(model: Any, source: Any, workers: int) -> tuple[Iterator[Any], Iterator[Any]]:
    """Return training batches, and batches for tests, from a task or a generator."""
    if isinstance(source, Task) and type(source).batch_generator is Task.batch_generator:
        return Batches(source, workers), Batches(source)
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
    model: Any, shape: Any, optimizer: Any, options: TrainParams, fixed: dict[str, np.ndarray]
) -> Any:
    """Compile one update for batches of a shape ``(trials, steps)``, None for any.

    The update is: loss and penalties, gradient x (1 - fixed), clip, apply, and put back what
    must not change. It returns the loss, the largest absolute gradient and whether both were
    finite; if not, all weights are as before.
    """
    named = {k: v for k, v in model.named_variables().items() if v.trainable}
    optimizers.prepare(model, optimizer, list(named.values()))

    def update(x: Any, y: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = _total_loss(model, x, y, mask)
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
        return loss, largest, finite

    if model.engine == "eager":
        return update
    signature = _signature(model, *shape)
    return tf.function(update, autograph=False).get_concrete_function(*signature)


def forward_for(model: Any, steps: int) -> Any:
    """Return the model's forward pass for ``steps`` time steps, made at its first use."""
    if steps not in model._compiled:

        def forward(x: Any) -> Any:
            with model.presented(x):
                return model.predictions, model.states

        if model.engine != "eager":
            x, *_ = _signature(model, None, steps)
            forward = tf.function(forward, autograph=False).get_concrete_function(x)
        model._compiled[steps] = forward
    return model._compiled[steps]


def _signature(model: Any, trials: int | None, steps: int | None) -> list[Any]:
    channels = (model.N_in, model.N_out, model.N_out)
    return [tf.TensorSpec([trials, steps, n], tf.float32) for n in channels]


def _total_loss(model: Any, x: Any, y: Any, mask: Any) -> Any:
    with model.presented(x, y, mask):
        loss = model.loss_function.set_model_loss(model)
        return loss + model.regularizer.set_model_regularization(model)


def checked_inputs(where: str, model: Any, x: Any) -> np.ndarray:
    """Return inputs as float32, or say what is wrong with them."""
    expected = f"inputs [N_batch, N_steps, N_in = {model.N_in}]"
    array = _checks.numeric(where, x, expected).astype(np.float32)
    if array.ndim != 3 or array.shape[2] != model.N_in or 0 in array.shape:
        raise _checks.error(
            where,
            expected,
            f"{array.shape}",
            "For a single trial pass x[np.newaxis]." if array.ndim == 2 else "",
        )
    if not _checks.finite(array):
        raise _checks.error(where, "finite inputs", "NaN or infinity")
    return array


def checked_batch(where: str, model: Any, batch: Any) -> tuple[np.ndarray, ...]:
    """Return ``(x, y, mask, ...)`` of a batch as float32, or say what is wrong with it."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 3:
        got = f"{len(batch)} values" if isinstance(batch, (tuple, list)) else _checks.shown(batch)
        raise _checks.error(f"{where}, batch", "(x, y, mask, params)", got)
    x = checked_inputs(f"{where}, x of a batch", model, batch[0])
    shape = (*x.shape[:2], model.N_out)
    arrays = [x]
    for key, value in zip(("y", "mask"), batch[1:3]):
        of_batch = f"{where}, {key} of a batch"
        array = _checks.numeric(of_batch, value).astype(np.float32)
        if array.shape != shape:
            axes = "[N_batch, N_steps, N_out]"
            raise _checks.error(of_batch, f"{axes} = {shape}", f"{array.shape}")
        if not _checks.finite(array):
            raise _checks.error(of_batch, "finite numbers", "NaN or infinity")
        arrays.append(array)
    return (*arrays, *batch[3:])


def checked_values(where: str, key: str, value: Any, variable: Any) -> np.ndarray:
    """Return values for a variable, or say what is wrong with their shape or type."""
    values = _checks.numeric(where, value)
    if key == "init_state" and values.ndim == 1:
        values = values[np.newaxis]
    names = AXES.get(key, [f"axis {i}" for i in range(len(variable.shape))])
    return _checks.array(where, values, list(zip(names, variable.shape)))


def checked_fixed(model: Any, fixed: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the frozen entries of each weight as booleans, or say what is wrong with them."""
    where = f"{type(model).__name__}.train.fixed_weights"
    variables = model.named_variables()
    own_names = {model.own_name(variable): key for key, variable in variables.items()}
    result = {}
    for name, value in fixed.items():
        key = name if name in variables else own_names.get(name, name)
        if key not in variables:
            raise _checks.error(where, "names among " + ", ".join(variables), key)
        if key in model._idle_keys:
            advice = "Freeze the weights of its gates instead."
            raise _checks.error(where, "weights that this network uses", key, advice)
        entries = _checks.numeric(f"{where}, {key}", value)
        if entries.ndim == 0:  # True freezes the whole weight
            entries = np.full(variables[key].shape, entries)
        array = checked_values(f"{where}, {key}", key, entries, variables[key])
        if not np.isin(array, (0, 1)).all():
            raise _checks.error(f"{where}, {key}", "1 (frozen) or 0 in every entry", "others")
        result[key] = array.astype(bool)
    return result
