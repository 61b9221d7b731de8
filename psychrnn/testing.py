"""Contracts of tasks and networks, to be run on your own: ``check_task(MyTask(...))``."""

from __future__ import annotations

import copy
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.tasks.task import Task, _no_trial_function


class ContractError(AssertionError):
    """A task or a network does not keep what all of them promise."""


def check_task(task: Task, batches: int = 10) -> None:
    """Check that a task keeps what training, tests and analyses count on.

    Promises that are broken raise. What is allowed, and yet cannot mean what an experimenter
    wants, is a warning: trials without an answer, targets that do not count, a period of trials
    after the end, an accuracy that random outputs reach, a choice that one of several stimulus
    periods gives away.

    Arguments:
        task: the task; it is copied and not changed.
        batches: number of batches to look at.

    Raises:
        ContractError: if a promise is broken, in one sentence.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> check_task(PerceptualDiscrimination(dt=10, tau=100, T=2000, N_batch=32))

    """
    if not isinstance(task, Task):
        raise _checks.error("check_task", "a task", _checks.shown(task))
    if _checks.count("check_task.batches", batches) < 2:
        raise _checks.error("check_task.batches", "at least 2", "1")
    with _global_state_kept():
        _check_copy(_copied(type(task).__name__, task), batches)


@contextmanager
def _global_state_kept() -> Iterator[None]:
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)


def _check_copy(task: Task, batches: int) -> None:
    name = type(task).__name__
    make = task.numbered_batches()
    seen = [make(number) for number in range(1, batches + 1)]
    _check_repeats(name, make, seen)
    _check_both_ways(name, task, seen[0].params[0])
    x, y, mask = (np.concatenate([batch[k] for batch in seen]) for k in range(3))
    periods = [named for batch in seen for named in batch.periods]
    _warn_of_masks(name, y, mask)
    _warn_of_late_periods(name, task, periods)
    if type(task).accuracy_function is Task.accuracy_function:
        return
    _check_accuracy(name, task, y, mask)
    _warn_of_easy_accuracy(name, task, y, mask)
    _warn_of_giveaway(name, task, x, y, mask, periods)


def _copied(name: str, task: Task) -> Task:
    import cloudpickle  # here, for it takes classes of a notebook too, and few need it

    try:
        return cloudpickle.loads(cloudpickle.dumps(task))
    except Exception as reason:
        raise ContractError(
            f"{name}: it cannot be copied to another process ({type(reason).__name__}: {reason}). "
            "Keep open files, generators and other live objects out of its attributes."
        ) from reason


def _check_repeats(name: str, make: Any, seen: list[Any]) -> None:
    """Check that batches depend on seed and number alone, in whatever order they are made."""
    again = [make(number) for number in (2, 1)]
    for batch, other in zip((seen[1], seen[0]), again):
        for key in ("x", "y", "mask"):
            if not np.array_equal(getattr(batch, key), getattr(other, key)):
                raise ContractError(
                    f"{name}: batch 1 made after batch 2 is another one ({key} differs), so "
                    "results cannot be repeated. Draw from self.rng, and keep nothing from one "
                    "trial to the next outside of observe()."
                )


def _check_both_ways(name: str, task: Task, params: dict[str, Any]) -> None:
    """Check that a whole trial equals the trial made point by point, where a task has both."""
    kept, task = copy.deepcopy(params), copy.deepcopy(task)
    ways = [type(task).generate_trial]
    own_points = type(task).trial_function is not _no_trial_function
    if own_points and task.trial_function(0.0, params) is not None:  # None: it is only a stub
        ways.append(Task.generate_trial)
    made = []
    for generate in ways:
        task.rng = np.random.default_rng(0)
        np.random.seed(0)
        made.append(generate(task, params))
    if len(made) == 2:
        for key, whole, points in zip(("x", "y", "mask"), *made):
            if np.shape(whole) != np.shape(points) or not np.allclose(whole, points, atol=1e-9):
                raise ContractError(
                    f"{name}.generate_trial: {key} of a whole trial is not what trial_function "
                    "gives at its times, for the same random numbers."
                )
    if not _same(kept, params):
        raise ContractError(
            f"{name}: making a trial changed its params, which belong to the batch. Copy them."
        )


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)


def _equal(one: Any, other: Any) -> bool:
    try:
        return np.array_equal(one, other, equal_nan=True)
    except TypeError:  # no numbers: compare what can be compared
        plain = (str, bytes, tuple, list, dict, set)
        return not isinstance(one, plain) or one == other


def _warn(sentence: str) -> None:
    warnings.warn(sentence, UserWarning, stacklevel=5)


def _warn_of_masks(name: str, y: np.ndarray, mask: np.ndarray) -> None:
    empty = ~mask.any(axis=(1, 2))
    if empty.any():
        _warn(
            f"{name}: in {empty.mean():.1%} of the trials the mask is 0 throughout. They teach "
            "nothing and no accuracy counts them."
        )
    resting = np.median(y[mask == 0]) if (mask == 0).any() else 0
    outside = (np.abs(y - resting) > 1e-9) & (mask == 0)
    if outside.any():
        _warn(
            f"{name}: {outside.sum() / max((y != resting).sum(), 1):.1%} of the target values lie "
            "where the mask is 0, so the network never learns them."
        )


def _warn_of_late_periods(name: str, task: Task, periods: list[Any]) -> None:
    late = {key for named in periods for key, (_, end) in named.items() if end > task.T + 1e-9}
    if late:
        _warn(
            f"{name}: {', '.join(sorted(late))} end{'s' if len(late) == 1 else ''} after T = "
            f"{task.T:g} ms in some trials, which are cut there. Make T longer."
        )


def _score(name: str, task: Task, y: np.ndarray, outputs: np.ndarray, mask: np.ndarray) -> float:
    score = task.accuracy_function(y, outputs, mask)
    try:
        score = _checks.number(f"{name}.accuracy_function, its result", score)
    except _checks.ParameterError as reason:
        raise ContractError(str(reason)) from None
    if not -1e-9 <= score <= 1 + 1e-9:
        raise ContractError(
            f"{name}.accuracy_function: expected a number between 0 and 1, got {score:g}."
        )
    return score


def _check_accuracy(name: str, task: Task, y: np.ndarray, mask: np.ndarray) -> None:
    perfect = _score(name, task, y, y, mask)
    rng = np.random.default_rng(0)
    noisy = _score(name, task, y, y + 3 * rng.standard_normal(y.shape), mask)
    if perfect < noisy - 1e-9:
        raise ContractError(
            f"{name}.accuracy_function: the target outputs score {perfect:.3g} and noisy ones "
            f"{noisy:.3g}. Its arguments are (correct_output, test_output, output_mask)."
        )
    if perfect < 0.9:
        _warn(f"{name}.accuracy_function: even the target outputs score no more than {perfect:.3g}")


def _warn_of_easy_accuracy(name: str, task: Task, y: np.ndarray, mask: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    outputs = {
        "random outputs": rng.standard_normal(y.shape),
        "outputs of 0": np.zeros_like(y),
        "one and the same output in every trial": np.broadcast_to(y[:1], y.shape),
    }
    for what, values in outputs.items():
        score = _score(name, task, y, values, mask)
        if score >= 0.75:
            _warn(
                f"{name}.accuracy_function: {what} score {score:.2f}, so a high accuracy does not "
                "show that anything was learned. Balance the answers, or score them otherwise."
            )


def _warn_of_giveaway(
    name: str, task: Task, x: np.ndarray, y: np.ndarray, mask: np.ndarray, periods: list[Any]
) -> None:
    """Warn where one of several stimulus periods tells the choice by itself."""
    counted = mask.any(axis=(1, 2))
    wanted = np.argmax((y * mask).mean(axis=1), axis=1)
    if y.shape[2] == 1:
        wanted = ((y * mask).mean(axis=(1, 2)) > 0).astype(int)
    choices, wanted = np.unique(wanted, return_inverse=True)
    if len(choices) < 2 or counted.sum() < 40:
        return
    times = np.arange(task.N_steps) * task.dt
    found: dict[str, float] = {}
    informative = 0
    for key in {key for named in periods for key in named}:
        means = np.full((len(x), x.shape[2]), np.nan)
        for trial, named in enumerate(periods):
            start, end = named.get(key, (0, 0))
            steps = (start <= times) & (times < end)
            answered = mask[trial].any(axis=1) & steps
            if steps.any() and not answered.any():
                means[trial] = x[trial, steps].mean(axis=0)
        usable = counted & np.isfinite(means).all(axis=1)
        if usable.sum() < 40:
            continue
        informative += bool(_varies(means[usable], x[usable], times.size))
        found[key] = _decoded(means[usable], wanted[usable])
    chance = np.bincount(wanted[counted]).max() / counted.sum()
    margin = 4 * np.sqrt(chance * (1 - chance) / counted.sum())
    for key, score in found.items():
        if informative > 1 and score > chance + max(margin, 0.1):
            _warn(
                f"{name}: the inputs of period {key!r} alone tell the choice in {score:.0%} of "
                f"the trials (chance {chance:.0%}), so a network that does better than chance "
                "need not use the other periods."
            )


def _varies(means: np.ndarray, x: np.ndarray, steps: int) -> bool:
    """Tell whether a period shows different stimuli in different trials, beyond noise."""
    noise = np.abs(np.diff(x, axis=1)).mean() + 1e-12
    return bool(means.std(axis=0).max() > noise)


def _decoded(features: np.ndarray, wanted: np.ndarray) -> float:
    """Return the held-out accuracy of a linear classifier (least squares, two folds)."""
    scale = features.std(axis=0)
    z = (features - features.mean(axis=0)) / np.where(scale > 0, scale, 1)
    z = np.concatenate([z, np.ones((len(z), 1))], axis=1)
    targets = np.eye(wanted.max() + 1)[wanted]
    right = np.zeros(len(z), bool)
    half = np.arange(len(z)) % 2 == 0
    for learned in (half, ~half):
        weights, *_ = np.linalg.lstsq(z[learned], targets[learned], rcond=None)
        right[~learned] = (z[~learned] @ weights).argmax(axis=1) == wanted[~learned]
    return float(right.mean())


def check_model(model: Any, updates: int = 3) -> None:
    """Check that a network keeps what training, files and analyses count on.

    It is trained for a few updates on random trials and gets its weights back.

    Arguments:
        model: a network, such as one of a class of your own.
        updates: number of updates.

    Raises:
        ContractError: if a promise is broken, in one sentence.

    Example:
        >>> from psychrnn import Basic, PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=8)
        >>> check_model(Basic.for_task(task, N_rec=10, dale_ratio=0.8))

    """
    from psychrnn.backend.constraints import ConstraintError
    from psychrnn.backend.rnn import RNN

    if not isinstance(model, RNN):
        raise _checks.error("check_model", "a network", _checks.shown(model))
    model.build()
    _checks.count("check_model.updates", updates)
    name = type(model).__name__
    rng = np.random.default_rng(0)
    x = rng.standard_normal((model.N_batch, model.N_steps, model.N_in))
    raw = {key: variable.numpy() for key, variable in model.named_variables().items()}
    optimizer, model.__dict__["_optimizer"] = model._optimizer, None
    noise = {key: source.state.numpy() for key, source in model._noise.items()}
    try:
        with _global_state_kept():
            _check_test(name, model, x)
            _check_training(name, model, x, rng, updates)
            _check_file(name, model, x)
    except ConstraintError as reason:
        raise ContractError(str(reason)) from None
    finally:
        for key, variable in model.named_variables().items():
            variable.assign(raw[key])
        model.__dict__["_optimizer"] = optimizer
        for key, source in model._noise.items():
            source.reset(noise[key])


def _check_test(name: str, model: Any, x: np.ndarray) -> None:
    if model.rec_noise:
        return
    outputs, states = model.test(x)
    if not (np.isfinite(outputs).all() and np.isfinite(states).all()):
        raise ContractError(f"{name}.test: outputs or states are not finite for random inputs.")
    if not np.array_equal(model.test(x).outputs, outputs):
        raise ContractError(
            f"{name}.test: the same trials give other outputs when run again, and rec_noise is 0."
        )
    own_start = "_own_init_state" in vars(model)
    if len(x) > 1 and not own_start:
        alone = model.test(x[1:2]).outputs
        if not np.allclose(alone, outputs[1:2], rtol=1e-4, atol=1e-5):
            raise ContractError(
                f"{name}: a trial gives other outputs when it is run alone, so trials of a batch "
                "see each other. Keep operations within a row of the state."
            )
    later = x.copy()
    later[:, -1] += 1
    if x.shape[1] > 1 and not np.allclose(
        model.test(later).outputs[:, :-1], outputs[:, :-1], rtol=1e-4, atol=1e-5
    ):
        raise ContractError(f"{name}: an output depends on an input that comes after it.")


def _check_training(
    name: str, model: Any, x: np.ndarray, rng: np.random.Generator, updates: int
) -> None:
    y = rng.standard_normal((*x.shape[:2], model.N_out))

    def trials() -> Any:
        while True:
            yield x, y, np.ones_like(y), None

    before = {k: v.numpy() for k, v in model.named_variables().items()}
    model.train(trials(), training_iters=updates * len(x), verbosity=False)
    for key, variable in model.named_variables().items():
        moved = not np.array_equal(variable.numpy(), before[key])
        if moved and not variable.trainable:
            raise ContractError(f"{name}: training changed {key}, which is not trainable.")
        if variable.trainable and not moved:
            warnings.warn(
                f"{name}: training did not change {key}, though it is trainable. Does the network "
                "use it?",
                UserWarning,
                stacklevel=3,
            )


def _check_file(name: str, model: Any, x: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.npz")
        model.save(path)
        from psychrnn.backend import names

        in_file = {*model.get_weights(), "initializer"}
        params = {key: value for key, value in model.params.items() if key not in in_file}
        settings = {
            "seed": 0,
            "name": names.unused(f"{name.lower()}_check"),
            "load_weights_path": path,
        }
        settings["transfer_function"] = model.transfer_function
        try:
            other = type(model)({**params, **settings})
        except Exception as reason:
            raise ContractError(
                f"{name}: it cannot be made again from its params and a weight file "
                f"({type(reason).__name__}: {reason})."
            ) from reason
        try:
            one, two = model.get_weights(), other.get_weights()
            for key, value in one.items():
                if isinstance(value, np.ndarray) and not np.allclose(value, two[key], atol=1e-6):
                    raise ContractError(
                        f"{name}: {key} is another one after the weights were saved and loaded. "
                        "Effective weights must stay the same when they are formed again."
                    )
            if not model.rec_noise and not np.allclose(
                other.test(x).outputs, model.test(x).outputs, rtol=1e-4, atol=1e-5
            ):
                raise ContractError(
                    f"{name}: the network loaded from its file gives other outputs. Keep all that "
                    "it needs in tf.Variable attributes or params."
                )
        finally:
            other.destruct()
