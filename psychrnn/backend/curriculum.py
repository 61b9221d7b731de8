"""Harder tasks when performance is good enough, as animals are trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks, io
from psychrnn.backend import params as options
from psychrnn.tasks.task import Task

_STATE = ("stage", "stop_training", "metric_values", "_updates", "_losses", "_held", "_before")


class CurriculumLog(NamedTuple):
    """The tests of a curriculum, an array with one value for each.

    Attributes:
        update: number of updates before the test.
        stage: stage that was tested, from 0.
        accuracy: value of the metric.
        loss: the last recorded loss, NaN before the first.

    """

    update: np.ndarray
    stage: np.ndarray
    accuracy: np.ndarray
    loss: np.ndarray


def default_metric(
    curriculum_params: Mapping[str, Any],
    input_data: np.ndarray,
    correct_output: np.ndarray,
    output_mask: np.ndarray,
    output: np.ndarray,
    epoch: int,
    losses: Sequence[float],
    verbosity: bool,
) -> tuple[bool, float]:
    """Compare the accuracy of the current stage with its threshold.

    Arguments:
        curriculum_params: attributes of the curriculum, with ``stage``, ``accuracies`` and
            ``thresholds``.
        input_data: inputs, ``[N_batch, N_steps, N_in]``.
        correct_output: target outputs, ``[N_batch, N_steps, N_out]``.
        output_mask: mask of the targets, the same shape.
        output: outputs of the network, the same shape.
        epoch: number of updates so far.
        losses: recorded losses.
        verbosity: True to print the accuracy.

    Returns:
        Whether the accuracy reaches the threshold, and the accuracy.

    """
    stage = curriculum_params["stage"]
    accuracy = curriculum_params["accuracies"][stage](correct_output, output, output_mask)
    if verbosity:
        print(f"Accuracy: {accuracy}")
    return accuracy >= curriculum_params["thresholds"][stage], accuracy


class Curriculum:
    """A list of tasks; training goes on to the next when a metric says so.

    Give it to ``train`` as ``curriculum``, or to ``train_curric``. Every ``metric_epoch`` updates
    the network is tested on trials that it is not trained on.

    Arguments:
        tasks: list of :class:`~psychrnn.tasks.task.Task`, from easy to hard.
        metric: function with the arguments of :func:`default_metric`, which returns whether the
            criterion holds and a number that is recorded.
        accuracies: one accuracy function for each stage; by default those of the tasks.
        thresholds: one accuracy for each stage that is good enough, or one for all (0.9).
        metric_epoch: number of updates between tests (10).
        output_file: name of an ``.npz`` file for the log, written at every change of stage and at
            the end; ``.npz`` is appended where it is missing.
        n_trials: number of trials of a test, made of whole batches; one batch where None.
        patience: number of tests in a row that must hold the criterion before training goes on.
        demote_below: go back a stage where the metric falls below this number, or below the one
            of the stage where it is a list, and the criterion does not hold; never where None.

    Attributes:
        stage: the current stage, from 0; the number of tasks after the last.
        stop_training: True after the last stage.
        metric_values: list of ``[value, stage]``, one for each test.

    Raises:
        ParameterError: if there are no tasks, they have different numbers of channels, or a list
            does not have one entry for each.

    Example:
        >>> from psychrnn import Basic, PerceptualDiscrimination
        >>> tasks = [PerceptualDiscrimination(20, 100, 400, 32, coherence=c) for c in (0.7, 0.5)]
        >>> curriculum = Curriculum(tasks, thresholds=[0.9, 0.8], n_trials=64, patience=2)
        >>> model = Basic.for_task(tasks[0], N_rec=20, seed=1)
        >>> result = model.train_curric({"curriculum": curriculum, "training_iters": 320,
        ...                              "verbosity": False})
        >>> curriculum.log.update
        array([10])
        >>> model.destruct()

    """

    def __init__(self, tasks: Sequence[Any], **kwargs: Any) -> None:
        where = type(self).__name__
        self.tasks = _listed(where, tasks)
        chosen = options.read_curriculum(where, kwargs, len(self.tasks))
        self.metric = default_metric if chosen.metric is None else chosen.metric
        self.accuracies = chosen.accuracies
        if self.accuracies is None:
            if self.metric is default_metric and max(chosen.thresholds) > 1:
                advice = "An accuracy is a fraction of the trials."
                got = f"{max(chosen.thresholds):g}"
                raise _checks.error(f"{where}.thresholds", "numbers up to 1", got, advice)
            self.accuracies = [getattr(task, "accuracy_function", None) for task in self.tasks]
        self.thresholds = chosen.thresholds
        self.metric_epoch = chosen.metric_epoch
        self.output_file = chosen.output_file
        self.n_trials = chosen.n_trials
        self.patience = chosen.patience
        self.demote_below = chosen.demote_below
        self.reset()

    def reset(self) -> None:
        """Go back to the first stage and forget the log, to be used again."""
        self.stop_training = False
        self.stage = 0
        self.metric_values: list[list[float]] = []
        self._updates: list[int] = []
        self._losses: list[float] = []
        self._held = 0  # tests in a row that held the criterion
        self._before = 0  # updates of former calls of train

    @property
    def log(self) -> CurriculumLog:
        """All tests so far, as arrays."""
        values = np.array(self.metric_values, dtype=float).reshape(-1, 2)
        return CurriculumLog(
            np.array(self._updates, dtype=int), values[:, 1].astype(int), values[:, 0],
            np.array(self._losses, dtype=float),
        )  # fmt: skip

    @property
    def current_task(self) -> Any:
        """The task of the current stage.

        Raises:
            ParameterError: after the last stage.

        """
        self._check_not_finished()
        return self.tasks[self.stage]

    def _check_not_finished(self) -> None:
        if self.stage >= len(self.tasks):
            raise _checks.ParameterError(
                f"{type(self).__name__}: the curriculum is finished, all {len(self.tasks)} stages "
                "are passed. Call its reset() to use it again."
            )

    @property
    def current_source(self) -> Any:
        """What training draws from: the current task, or a subclass's own generator."""
        if type(self).batch_generator is Curriculum.batch_generator:
            return self.current_task
        return self.batch_generator()

    def batch_generator(self) -> Iterator[Any]:
        """Return a generator of batches of the current stage."""
        return self.current_task.batch_generator()

    def get_generator_function(self) -> Iterator[Any]:
        """Return a generator of batches; the old name of ``batch_generator``."""
        message = "get_generator_function is the old name of batch_generator. Use that."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self.batch_generator()

    def metric_test(
        self,
        input_data: np.ndarray,
        correct_output: np.ndarray,
        output_mask: np.ndarray,
        test_output: np.ndarray,
        epoch: int,
        losses: Sequence[float],
        verbosity: bool = False,
    ) -> bool:
        """Record a test of the current stage; return True if the stage changes.

        Arguments:
            input_data: inputs, ``[N_batch, N_steps, N_in]``.
            correct_output: target outputs, ``[N_batch, N_steps, N_out]``.
            output_mask: mask of the targets, the same shape.
            test_output: outputs of the network, the same shape.
            epoch: number of updates so far.
            losses: recorded losses.
            verbosity: True to print.

        Raises:
            ParameterError: if the curriculum is finished, or the metric does not return a
                decision and a number.

        """
        self._check_not_finished()
        found = self.metric(
            self.__dict__, input_data, correct_output, output_mask, test_output, epoch, losses,
            verbosity,
        )  # fmt: skip
        where = f"{type(self).__name__}.metric"
        if not (isinstance(found, (tuple, list)) and len(found) == 2):
            expected = "a metric that returns (advance, value)"
            raise _checks.error(where, expected, _checks.shown(found))
        decision, value = (part.numpy() if hasattr(part, "numpy") else part for part in found)
        holds = _checks.flag(f"{where}, its decision", decision)
        value = _checks.number(f"{where}, its value", value)
        self.metric_values.append([value, self.stage])
        self._updates.append(self._before + epoch)
        self._losses.append(float(losses[-1]) if len(losses) else np.nan)
        self._held = self._held + 1 if holds else 0
        if self._held >= self.patience:
            return self._go_to(self.stage + 1, verbosity)
        floor = None if self.demote_below is None else self.demote_below[self.stage]
        if floor is not None and value < floor and not holds and self.stage > 0:
            return self._go_to(self.stage - 1, verbosity)
        return False

    def _go_to(self, stage: int, verbosity: bool) -> bool:
        self.stage, self._held = stage, 0
        self.stop_training = stage == len(self.tasks)
        path = self.save()
        if verbosity:
            if self.stop_training and path is not None:
                print(f"Metric values saved in file: {path}")
            print(f"Stage {stage}")
        return True

    def get_state(self) -> dict[str, Any]:
        """Return stage and log as plain data."""
        return {key: vars(self)[key] for key in _STATE}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a stage and log."""
        self.__dict__.update({key: state[key] for key in _STATE})

    def end(self, updates: int) -> None:
        """Note that a call of ``train`` has ended after some updates: the log counts on."""
        self._before += updates

    def save(self) -> str | None:
        """Write the log to ``output_file``; return its name, or None where there is none.

        The file has the arrays ``update, stage, accuracy, loss`` and ``metric_values``,
        ``[tests, 2]`` with value and stage.

        Raises:
            OSError: if the file cannot be written; an older one is left whole.

        """
        if self.output_file is None or not self.metric_values:
            return None
        pairs = np.array(self.metric_values, dtype=float).reshape(-1, 2)
        return io.save_weights(self.output_file, {"metric_values": pairs, **self.log._asdict()})

    def check_for(self, model: Any) -> None:
        """Check, before training, that a model can be trained on every stage.

        Raises:
            ParameterError: if the curriculum is finished, or a task has other numbers of channels.

        """
        self._check_not_finished()
        for number, task in enumerate(self.tasks):
            if self.metric is default_metric and self.accuracies[number] is None:
                where = f"{type(self).__name__}.tasks[{number}]"
                expected = "a task with an accuracy_function, which the default metric needs"
                raise _checks.error(where, expected, type(task).__name__)
            if self.metric is default_metric and _lacks(task, self.accuracies[number]):
                task.accuracy_function(None, None, None)  # says what to define
            for key in ("N_in", "N_out"):
                size = getattr(task, key, getattr(model, key))
                if size != getattr(model, key):
                    where = f"{type(self).__name__}.tasks[{number}].{key}"
                    expected = f"{getattr(model, key)}, as {type(model).__name__} has"
                    raise _checks.error(where, expected, f"{size}")


def _listed(where: str, tasks: Any) -> list[Any]:
    if not isinstance(tasks, (list, tuple)) or not len(tasks):
        expected = "a list of at least one task"
        raise _checks.error(f"{where}.tasks", expected, _checks.shown(tasks))
    for number, task in enumerate(tasks):
        if not hasattr(task, "batch_generator") or isinstance(task, type):
            expected = "a task"
            advice = "Make an object of it." if isinstance(task, type) else ""
            raise _checks.error(f"{where}.tasks[{number}]", expected, _checks.shown(task), advice)
    return list(tasks)


def _lacks(task: Any, accuracy: Any) -> bool:
    """Tell whether an accuracy function is that of a task which does not define one."""
    return getattr(accuracy, "__func__", None) is Task.accuracy_function and isinstance(task, Task)
