"""The experiment: what a network sees, what it should answer, and when the answer counts."""

from __future__ import annotations

import copy
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from psychrnn import _checks, _html, _plain
from psychrnn._random import generator, global_functions_seeded
from psychrnn.tasks.batch import Batch


class _TaskAlpha(float):
    """``dt / tau`` of a task, as opposed to an ``alpha`` that a user states.

    A script may take the parameters of a task and change ``tau`` for its network. The old
    ``alpha`` in the dict is then out of date, and not a contradiction.
    """

    derived = True


class _TaskAlphas(np.ndarray):
    """The same for one ``tau`` for each unit."""

    derived = True


class _KeepsArguments(ABCMeta):
    """Keeps the arguments of every task, where they are plain data, for files to name it by."""

    def __call__(cls, /, *args: Any, **kwargs: Any) -> Any:
        given = {"args": args, "kwargs": kwargs}
        kept = copy.deepcopy(given) if _plain.is_plain(given) else None
        task = super().__call__(*args, **kwargs)
        task.__dict__["_arguments"] = kept
        return task


class Task(metaclass=_KeepsArguments):
    """Base class of all experiments.

    A new experiment defines ``generate_trial_params`` and either ``trial_function`` (one time
    point at a time) or, faster, ``generate_trial`` (a whole trial at once, which
    :class:`~psychrnn.tasks.trial.Trial` builds from named periods and channels).

    Arguments:
        N_in: number of input channels.
        N_out: number of output channels.
        dt: length of a time step (ms).
        tau: time constant of the network's units (ms), a number or one for each unit.
        T: length of a trial (ms); a trial has ``N_steps = ceil(T / dt)`` steps.
        N_batch: number of trials in a batch.
        seed: integer that fixes every trial. Without it trials follow ``np.random.seed``.

    Attributes:
        input_names: names of the input channels, or None for numbers.
        output_names: names of the output channels, or None for numbers.

    Raises:
        ParameterError: if a size is not a whole number of at least 1, or a time not above 0.

    Example:
        >>> import numpy as np
        >>> class Echo(Task):
        ...     def generate_trial_params(self, batch, trial):
        ...         return {"level": self.rng.choice([-1.0, 1.0])}
        ...     def trial_function(self, time, params):
        ...         return params["level"], params["level"], time > 50
        >>> batch = Echo(1, 1, dt=10, tau=100, T=100, N_batch=4, seed=1).get_trial_batch()
        >>> batch.x.shape, float(batch.mask[0, :, 0].sum())
        ((4, 10, 1), 4.0)

    """

    input_names: tuple[str, ...] | None = None
    output_names: tuple[str, ...] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        whole = "generate_trial" in vars(cls)
        if whole and getattr(cls.trial_function, "__isabstractmethod__", False):
            cls.trial_function = _no_trial_function  # type: ignore[method-assign]

    def __init__(
        self,
        N_in: int,
        N_out: int,
        dt: float,
        tau: Any,
        T: float,
        N_batch: int,
        seed: int | None = None,
    ) -> None:
        where = type(self).__name__
        self.N_batch = _checks.count(f"{where}.N_batch", N_batch)
        self.N_in = _checks.count(f"{where}.N_in", N_in)
        self.N_out = _checks.count(f"{where}.N_out", N_out)
        for key, size in (("input_names", self.N_in), ("output_names", self.N_out)):
            names = getattr(self, key)
            if names is not None and (isinstance(names, str) or len(set(names)) != size):
                if key in vars(type(self)) or key in vars(self):
                    raise _checks.error(f"{where}.{key}", f"{size} different names", names)
                setattr(self, key, None)  # they were those of a base class with other channels
        for key, value in (("dt", dt), ("T", T)):
            _checks.positive(f"{where}.{key}", value)
        times = _checks.numeric(f"{where}.tau", tau, "a number above 0, or one for each unit")
        for value in np.ravel(times) if times.size else [tau]:
            _checks.positive(f"{where}.tau", value)
        self.dt = dt
        self.tau = tau
        self.T = T
        alpha = dt / (tau if np.ndim(tau) == 0 else np.asarray(tau, dtype=float))
        self.alpha = _TaskAlpha(alpha) if np.ndim(alpha) == 0 else alpha.view(_TaskAlphas)
        self.N_steps = int(np.ceil(T / dt))
        self._rng: np.random.Generator | None = None
        self._own_rng = False
        self.seed = seed
        self._streams = 0
        self._stream = 0  # the one that a batch is made for
        self._batch_generator: Iterator[Batch] | None = None

    @property
    def seed(self) -> int | None:
        """The seed of the trials, or None where they follow ``np.random.seed``."""
        return self._seed

    @seed.setter
    def seed(self, seed: int | None) -> None:
        where = f"{type(self).__name__}.seed"
        self._seed = None if seed is None else _checks.seed(where, seed)
        if not self._own_rng:
            self._rng = None if self._seed is None else generator(self._seed)

    @property
    def rng(self) -> np.random.Generator:
        """The random generator to draw trials from, as in ``self.rng.choice(2)``.

        Each batch gets a generator of its own, so a batch depends on its seed and its number
        alone. Outside a batch an unseeded task draws from NumPy's global state.
        """
        if self._rng is None:
            return generator(None)
        return self._rng

    @rng.setter
    def rng(self, own: np.random.Generator) -> None:
        self._rng, self._own_rng = own, True

    @abstractmethod
    def generate_trial_params(self, batch: int, trial: int) -> dict[str, Any]:
        """Draw the parameters of one trial.

        Arguments:
            batch: number of the batch, from 1.
            trial: number of the trial within the batch, from 0.

        Returns:
            A dict that is handed to ``trial_function`` and kept in ``Batch.params``.

        """

    @abstractmethod
    def trial_function(self, time: float, params: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Compute one time point of a trial.

        Arguments:
            time: time since the start of the trial (ms).
            params: what ``generate_trial_params`` returned for this trial.

        Returns:
            Input ``[N_in]``, target output ``[N_out]`` and mask ``[N_out]`` at that time.

        """

    def periods(self, params: dict[str, Any]) -> dict[str, tuple[float, float]]:
        """Return start and end (ms) of each named period of a trial; none unless defined.

        :func:`~psychrnn.tasks.trial.in_sequence` makes the dict from durations.

        Arguments:
            params: what ``generate_trial_params`` returned for this trial.

        """
        return {}

    # A task whose trials depend on what the network did defines observe(batch, outputs), which is
    # called after every update. Batches are then made one after the other.
    observe: Callable[[Batch, np.ndarray], None] | None = None

    def accuracy_function(
        self, correct_output: np.ndarray, test_output: np.ndarray, output_mask: np.ndarray
    ) -> float:
        """Score outputs between 0 and 1; every experiment defines its own.

        Arguments:
            correct_output: target outputs, ``[N_batch, N_steps, N_out]``.
            test_output: outputs of the network, the same shape.
            output_mask: mask of the targets, the same shape.

        Raises:
            ParameterError: if the task does not define it.

        """
        raise _checks.ParameterError(
            f"{type(self).__name__}.accuracy_function: this task does not say what counts as "
            "correct. Define accuracy_function(self, correct_output, test_output, output_mask) "
            "in the class and return a number between 0 and 1; "
            "psychrnn.tasks.accuracy.choice_accuracy scores choices between output channels."
        )

    def get_task_params(self) -> dict[str, Any]:
        """Return the task's parameters as a new dict, to build a network's parameters on."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}

    def generate_trial(self, params: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute a whole trial, by default one ``trial_function`` call for each time step.

        Arguments:
            params: what ``generate_trial_params`` returned for this trial.

        Returns:
            Inputs ``[N_steps, N_in]``, targets and mask ``[N_steps, N_out]``.

        Raises:
            ParameterError: if ``trial_function`` returns a wrong number of values.

        """
        x = np.zeros((self.N_steps, self.N_in))
        y = np.zeros((self.N_steps, self.N_out))
        mask = np.zeros((self.N_steps, self.N_out))
        for step in range(self.N_steps):
            point = self.trial_function(step * self.dt, params)
            if step == 0:  # NumPy would spread a single value of the wrong shape
                self._check_point(point, step)
            try:
                x[step], y[step], mask[step] = point
            except (TypeError, ValueError):
                self._check_point(point, step)
                raise
        return x, y, mask

    def _check_point(self, point: Any, step: int) -> None:
        where = f"{type(self).__name__}.trial_function"
        when = f"at time {step * self.dt} ms"
        if not (isinstance(point, (tuple, list)) and len(point) == 3):
            raise _checks.error(
                where, "three values (x, y, mask)", f"{_checks.shown(point)} {when}"
            )
        sizes = {"x": self.N_in, "y": self.N_out, "mask": self.N_out}
        for (key, size), part in zip(sizes.items(), point):
            expected = f"{'N_in' if key == 'x' else 'N_out'} = {size} numbers"
            values = _checks.numeric(f"{where}, {key} {when}", part, expected)
            if values.shape not in ((), (size,)):
                raise _checks.error(f"{where}, {key} {when}", expected, f"shape {values.shape}")

    def batch_generator(self) -> Iterator[Batch]:
        """Return an endless generator of batches.

        Each generator draws trials of its own: with a seed, the same ones in every run.
        """
        self._streams += 1
        return self._batches(self._streams - 1)

    def get_trial_batch(self) -> Batch:
        """Return the next batch of the task's own generator, apart from those used in training."""
        if self._batch_generator is None:
            self._batch_generator = self.batch_generator()
        return next(self._batch_generator)

    def _batches(self, stream: int) -> Iterator[Batch]:
        number = 1
        while True:
            yield self._generate_batch(number, stream)
            number += 1

    def numbered_batches(self) -> Callable[[int], Batch]:
        """Return a function that makes batch 1, 2, ... of a stream of its own, in any order.

        Without a seed the stream takes one from ``np.random`` now.
        """
        self._streams += 1
        root = None if self._seed is not None or self._own_rng else _drawn_seed()
        return partial(self._generate_batch, stream=self._streams - 1, root=root)

    def _generate_batch(self, number: int, stream: int, root: Any = None) -> Batch:
        with self._drawing(number, stream, root):
            made = self.generate_batch(number)
        if not (isinstance(made, (tuple, list)) and len(made) == 4):
            where = f"{type(self).__name__}.generate_batch"
            raise _checks.error(where, "x, y, mask and params", _checks.shown(made))
        *arrays, params = made
        x, y, mask = self._checked("generate_batch", arrays, ("N_batch", self.N_batch))
        return Batch(x, y, mask, params).of_task(self)

    def generate_batch(self, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Compute a whole batch, by default trial by trial.

        Arguments:
            batch: number of the batch, from 1.

        Returns:
            Inputs ``[N_batch, N_steps, N_in]``, targets and mask ``[N_batch, N_steps, N_out]``,
            and trial parameters, ``[N_batch]`` dicts.

        """
        trials, params = [], np.empty(self.N_batch, dtype=object)
        for trial in range(self.N_batch):
            params[trial] = self.generate_trial_params(batch, trial)
            made = self._padded(self.generate_trial(params[trial]))
            trials.append(self._checked("generate_trial", made))
        x, y, mask = (np.stack(part) for part in zip(*trials))
        return x, y, mask, params

    def copied(self) -> Task:
        """Return a copy that makes batches of its own, unlike those of this task to come.

        Raises:
            ParameterError: if it cannot be copied.

        """
        try:
            other = copy.deepcopy(self)
        except Exception as reason:
            advice = "Keep open files, generators and networks out of the task's attributes."
            got = f"{type(reason).__name__}: {reason}"
            expected = "a task that can be copied, for tests of its own"
            raise _checks.error(type(self).__name__, expected, got, advice) from reason
        self._streams += 1
        return other

    @contextmanager
    def _drawing(self, number: int, stream: int, root: Any) -> Iterator[None]:
        """Let ``self.rng``, and global random functions, draw what belongs to one batch."""
        self._stream = stream
        if self._own_rng:
            yield
            return
        if root is not None:
            seed = np.random.SeedSequence(root, spawn_key=(number,))
        elif self._seed is not None:
            seed = np.random.SeedSequence(self._seed, spawn_key=(stream, number))
        else:
            seed = np.random.SeedSequence(_drawn_seed())
        outside, self._rng = self._rng, np.random.default_rng(seed)
        try:
            with global_functions_seeded(seed):
                yield
        finally:
            self._rng = outside

    def _padded(self, made: Any) -> Any:
        """Append zeros, which do not count, to a trial that is shorter than T."""
        if not (isinstance(made, (tuple, list)) and len(made) == 3):
            return made
        if not all(isinstance(part, np.ndarray) and part.ndim == 2 for part in made):
            return made
        steps, *others = (len(part) for part in made)
        if others != [steps, steps] or not 0 < steps < self.N_steps:
            return made
        more = ((0, self.N_steps - steps), (0, 0))
        return [np.pad(part, more) for part in made]

    def _checked(self, maker: str, made: Any, *leading: tuple[str, int]) -> list[np.ndarray]:
        where = f"{type(self).__name__}.{maker}"
        if not (isinstance(made, (tuple, list)) and len(made) == 3):
            raise _checks.error(where, "three arrays (x, y, mask)", _checks.shown(made))
        arrays = []
        for key, part in zip(("x", "y", "mask"), made):
            channels = ("N_in", self.N_in) if key == "x" else ("N_out", self.N_out)
            names, shape = zip(*leading, ("N_steps", self.N_steps), channels)
            values = _checks.numeric(f"{where}, {key}", part)
            if values.shape != shape:
                axes = f"[{', '.join(names)}]"
                raise _checks.error(f"{where}, {key}", f"{axes} = {shape}", f"{values.shape}")
            if not _checks.finite(values):
                raise _checks.error(f"{where}, {key}", "finite numbers", "NaN or infinity")
            arrays.append(values.astype(float, copy=False))
        return arrays

    def __getstate__(self) -> dict[str, Any]:
        # A running generator cannot be copied; a copy of the task starts one of its own.
        return {**vars(self), "_batch_generator": None}

    def __repr__(self) -> str:
        return _html.task_text(self)

    def _repr_html_(self) -> str:
        return _html.task_table(self)


def _drawn_seed() -> np.ndarray:
    return np.random.randint(2**32, size=4, dtype=np.uint32)


def _no_trial_function(self: Task, time: float, params: dict[str, Any]) -> Any:
    raise _checks.ParameterError(
        f"{type(self).__name__}.trial_function: this task makes whole trials. "
        "Call generate_trial(params) instead."
    )
