"""The base of all networks: options, one batch, and thin calls to train and test."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from psychrnn import _checks
from psychrnn.backend import (
    array_checks,
    engine,
    forward,
    initializations,
    model_files,
    names,
    perturbed,
    summary,
    training,
)
from psychrnn.backend import params as options
from psychrnn.backend._tensorflow import ensure_eager
from psychrnn.backend.forward import TestResult
from psychrnn.backend.loss_functions import LossFunction
from psychrnn.backend.noise import RecurrentNoise
from psychrnn.backend.regularizations import Regularizer
from psychrnn.backend.schedule import schedule
from psychrnn.backend.step_map import StepMap
from psychrnn.backend.weights import Weights

_ONLY_WHILE_RUNNING = ("x", "y", "output_mask", "predictions", "states", "_last_state")


class RNN(RecurrentNoise, Weights):
    """Base class of recurrent networks: a subclass defines ``forward_pass``.

    Most new networks are a new step and derive from
    :class:`~psychrnn.backend.models.basic.Basic`.

    Arguments:
        params: dict of options; ``task.get_task_params()`` gives the task's part.
            Required are ``name, N_in, N_rec, N_out, N_steps, dt`` (ms), ``tau`` (ms, a number
            or ``[N_rec]``) and ``N_batch``. Optional are ``rec_noise`` (standard deviation of
            the recurrent noise, 0), ``rec_noise_generator`` ('hash', fast and bounded at 4.3
            standard deviations, or 'philox'), ``seed`` (fixes weights and noise), ``W_in_train,
            W_rec_train, W_out_train, b_rec_train, b_out_train, init_state_train`` (True),
            ``engine`` ('auto', or 'fused', 'generic', 'eager': how training runs over time),
            ``shards`` (parts of a batch that run side by side; by default one for each core),
            ``unit_groups`` (dict of names and unit numbers, for perturbations and plots),
            ``initializer`` or ``load_weights_path``, and the options of
            :class:`~psychrnn.backend.initializations.WeightInitializer`,
            :class:`~psychrnn.backend.loss_functions.LossFunction` and
            :class:`~psychrnn.backend.regularizations.Regularizer`.

    Raises:
        ParameterError: on any wrong option, in one sentence.

    """

    has_drive = True  # currents add to a drive that alpha scales
    simulator: str | None = None  # name of the class that has its equations in NumPy
    _own_keys: tuple[str, ...] = ()  # weights of a class that it gives start values itself
    _idle_keys: tuple[str, ...] = ()  # weights that a class holds for its files and does not use

    def __init__(self, params: dict[str, Any]) -> None:
        ensure_eager()
        super().__init__(name=None)
        where = type(self).__name__
        self.__dict__["params"] = params  # past tf.Module, which would wrap the dict
        self._options = options.read(options.NetworkParams, where, params)
        _checks.warn_near_misses(where, params, options.NETWORK_KEYS)
        for key in (
            "N_in",
            "N_rec",
            "N_out",
            "N_steps",
            "N_batch",
            "dt",
            "tau",
            "rec_noise",
            "engine",
            "shards",
            "unit_groups",
        ):
            setattr(self, key, getattr(self._options, key))
        for key in options.WEIGHT_KEYS:
            setattr(self, f"{key}_train", getattr(self._options, f"{key}_train"))
        self.alpha = self._options.dt / self._options.tau
        self.load_weights_path = self._options.load_weights_path
        self.loss_function = LossFunction(params)
        self.regularizer = Regularizer(params)
        self.initializer, initial = initializations.choose(where, self._options, params)
        self.dale_ratio = initial["dale_ratio"]
        self.transfer_function = initial["transfer_function"]
        self._create_variables(initial)
        self.is_initialized = self.is_built = self._destructed = False
        self.__dict__["_compiled"] = {}
        self._optimizer: Any = None
        self._formed: dict[str, Any] | None = None
        self.__dict__.update(_moment=None, _start=None, loop_notes={}, task=None, updates=0)
        self._create_noise()
        engine.check(self)
        names.register(self)

    # -- names ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name of the model, unlike that of any other living one."""
        return self._options.name

    @classmethod
    def for_task(cls, task: Any, **keywords: Any) -> Any:
        """Return a network for a task: ``Basic.for_task(task, N_rec=50, dale_ratio=0.8)``.

        Arguments:
            task: a :class:`~psychrnn.tasks.task.Task`.
            keywords: keys of ``params``; ``name`` is made up where it is not given.

        """
        name = names.unused(cls.__name__.lower())
        model = cls({**task.get_task_params(), "name": name, **keywords})
        model.__dict__["task"] = task
        return model

    # -- one batch -----------------------------------------------------------------------------

    def replaced_part(self) -> str | None:
        """Return a part of the library's equations that this network replaced, or None."""
        return engine.replaced(self)

    def why_no_fused_step(self) -> str | None:
        """Return what keeps this network from the fused engine, or None."""
        return "a step that has no fused form"

    def fused_step(self) -> Any:
        """Return the equations of a time step for the fused engine."""
        raise NotImplementedError

    @abstractmethod
    def forward_pass(self) -> tuple[Any, Any]:
        """Run the batch ``self.x``; return outputs and states, ``[N_batch, N_steps, ...]``."""
        raise _checks.ParameterError(
            f"{type(self).__name__}.forward_pass: this network does not say how it runs. Define "
            "forward_pass(self) in the class and return predictions and states."
        )

    def _unrolled(self, step: Any, readout: Any) -> tuple[Any, Any]:
        with self.weights_formed_once():
            outputs, states = engine.run(self, step, readout)
        self.__dict__["_last_state"] = tuple(part[:, -1] for part in states)
        return outputs, states[0]

    @contextmanager
    def presented(
        self, x: Any, y: Any = None, output_mask: Any = None, start: Any = None
    ) -> Iterator[None]:
        """Run the network on a batch; within, ``self.predictions`` and ``self.states`` exist.

        Arguments:
            x: inputs, ``[N_batch, N_steps, N_in]``.
            y: target outputs; None in a test.
            output_mask: mask of the targets.
            start: which trials start anew, ``[N_batch, 1]`` booleans, and each part of the state
                that the others start from; None where all start anew.

        """
        self.__dict__.update(x=x, y=y, output_mask=output_mask, _start=start)
        try:
            self.__dict__.update(forward.checked_result(self, self.forward_pass(), x.shape[:2]))
            yield
        finally:
            self.__dict__["_start"] = None
            for key in _ONLY_WHILE_RUNNING:
                self.__dict__.pop(key, None)

    def __setattr__(self, attribute: str, value: Any) -> None:
        made = "_compiled" in self.__dict__
        if made and attribute in {f"{key}_train" for key in options.WEIGHT_KEYS}:
            where = f"{type(self).__name__}.{attribute}"
            advice = f"Make a new model with params[{attribute!r}]."
            raise _checks.error(where, "to be set when a model is made", "a change", advice)
        if made and attribute in ("engine", "shards", "unit_groups"):
            changed = {**self.params, attribute: value}
            options.read(options.NetworkParams, type(self).__name__, changed)
        before = vars(self).get(attribute)
        super().__setattr__(attribute, value)
        if made:
            self._compiled.clear()  # what was compiled knows the old value
        if made and attribute == "rec_noise":
            self._create_noise()
        if made and attribute in ("engine", "shards"):
            try:
                engine.check(self)
            except _checks.ParameterError:
                super().__setattr__(attribute, before)
                raise

    def __getattr__(self, attribute: str) -> Any:
        if attribute in _ONLY_WHILE_RUNNING:
            raise AttributeError(
                f"{type(self).__name__}.{attribute} exists only while the network runs on a "
                "batch, for use in losses and penalties. Use model.test(x) to get arrays."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {attribute!r}")

    # -- calls ---------------------------------------------------------------------------------

    def build(self) -> None:
        """Make the model ready; ``train``, ``test`` and ``get_weights`` call it themselves.

        Raises:
            RuntimeError: if the model was destructed.

        """
        if self._destructed:
            raise RuntimeError(
                f"{type(self).__name__} {self.name!r} was destructed. Make a new model; "
                "get_weights() before destruct() keeps what it learned."
            )
        ensure_eager()
        if self.is_built:
            return
        variables = self.named_variables()
        self._restore_own(variables)
        self.__dict__["_initial"] = {key: v.numpy() for key, v in variables.items()}
        self.is_initialized = self.is_built = True

    def train(
        self,
        trial_batch_generator: Any = None,
        train_params: Mapping[str, Any] | None = None,
        **keywords: Any,
    ) -> training.TrainResult:
        """Train on batches of trials; further calls go on from the weights reached.

        Arguments:
            trial_batch_generator: a task, or a generator of ``(x, y, mask, params)``.
            train_params: dict of options, see below.
                ``training_iters`` (50000) counts trials; ``learning_rate`` (0.001) may be a Keras
                schedule; ``optimizer`` is a Keras or TensorFlow 1 optimizer object, or the name
                of a Keras one (Adam with epsilon 1e-8); ``clip_grads`` (True: norm 1; a number;
                False), ``clip_grads_by`` ('tensor', or 'global'); ``fixed_weights``, a dict of
                weight names and arrays, 1 where an entry is frozen; ``loss_epoch`` (10), updates
                between recorded losses; ``verbosity`` (True);
                ``performance_measure(x, y, mask, output, epoch, losses, verbosity)`` and
                ``performance_cutoff``: stop when the measure reaches the cutoff, tried every
                ``performance_epoch`` (1) updates; ``save_weights_path``,
                ``training_weights_path`` (a prefix), ``save_training_weights_epoch`` (100);
                ``callbacks``, a list of :class:`~psychrnn.backend.callbacks.Callback`;
                ``workers`` (0), processes that make batches; ``curriculum``, a
                :class:`~psychrnn.backend.curriculum.Curriculum`, instead of the first argument;
                ``checkpoint_path`` (a prefix) and ``checkpoint_epoch`` (100), to write all that a
                run needs to go on, and ``resume`` (False), True to go on from the newest one there
                is; ``on_nan`` ('raise', or 'stop' with a warning), where loss or gradient is not
                finite; ``held_out``, a task for tests during training, by default the same one,
                with other trials;
                ``carry_state`` (False), True to start each trial in the last state of the one
                before it in its row of the batch.
            **keywords: the same options, shorter: ``train(task, learning_rate=1e-3)``.

        Returns:
            ``(losses, training_time, initialization_time)``, the times in seconds.

        Raises:
            ParameterError: on a wrong option or first batch, before any update; on a wrong batch
                that comes later, with the weights reached so far.
            TrainingError: if loss or gradient is not finite, or the generator ends too early;
                the model keeps the weights of the last good update.

        """
        self.build()
        where = f"{type(self).__name__}.train"
        if train_params is not None and not isinstance(train_params, Mapping):
            raise _checks.error(where, "a dict of options", train_params)
        unknown = sorted(keywords.keys() - options.TRAIN_KEYS)
        if unknown:
            known = ", ".join(sorted(options.TRAIN_KEYS))
            raise _checks.error(where, f"keywords among {known}", unknown[0])
        chosen = options.read_train(where, {**(train_params or {}), **keywords})
        if hasattr(trial_batch_generator, "get_task_params"):
            self.__dict__["task"] = trial_batch_generator
        return training.train(self, trial_batch_generator, chosen)

    def train_curric(self, train_params: Mapping[str, Any]) -> training.TrainResult:
        """Train on a curriculum; the same as ``train(None, train_params)``.

        Arguments:
            train_params: dict of options of ``train``, with a
                :class:`~psychrnn.backend.curriculum.Curriculum` under ``curriculum``.

        Raises:
            ParameterError: if there is no curriculum.

        """
        where = f"{type(self).__name__}.train_curric"
        if not options.has_curriculum(where, train_params):
            raise _checks.error(where, "a curriculum in train_params", "none")
        return self.train(None, train_params)

    def test(
        self,
        trial_batch: Any,
        batch_size: int | None = None,
        initial_state: Any = None,
        perturbations: Any = None,
    ) -> TestResult:
        """Run the network on trials.

        Arguments:
            trial_batch: inputs, ``[N_batch, N_steps, N_in]``; any number of trials and steps.
            batch_size: number of trials to run at once, which bounds the memory that is needed
                beside that of the result. By default as many as have 256 MB of states.
            initial_state: state to start from, ``[N_rec]`` or one for each trial,
                ``[N_batch, N_rec]``; of an LSTM a tuple of hidden and cell state. By default
                that of the network.
            perturbations: list of what is done to units in windows of time, objects of ``Silence,
                Clamp, Current, Gain, Cut, Noise`` from :mod:`psychrnn.backend.perturbations`. In
                a network with a step of its own, changes of weights act on the effective
                weights that it reads.

        Returns:
            ``(outputs, states)``, ``[N_batch, N_steps, N_out]`` and ``[N_batch, N_steps, N_rec]``.

        Raises:
            ParameterError: if the input has another shape or is not finite, or a perturbation has
                units or times that do not exist.

        """
        self.build()
        where = f"{type(self).__name__}.test"
        x = array_checks.checked_inputs(where, self, trial_batch)
        start = None
        if initial_state is not None:
            forward.check_starts(f"{where}.initial_state", self)
            start = array_checks.checked_start(where, self, initial_state, len(x))
        size = forward.size_of_parts(where, self, x, batch_size)
        if perturbations is None:
            return TestResult(*forward.in_parts(self, x, start, size)[:2])
        forward.check_starts(f"{where}.perturbations", self)
        segments = schedule(where, perturbations, perturbed.circuit(self), *x.shape[:2])
        return TestResult(*perturbed.perturbed(self, x, start, size, segments))

    def test_sessions(
        self, task: Any, trials: int = 10, carry_state: bool = False
    ) -> list[tuple[Any, TestResult]]:
        """Run a copy of a task whose trials depend on those before, one after the other.

        Each row of a batch is a session: the task's ``observe`` is called after every trial.

        Arguments:
            task: a :class:`~psychrnn.tasks.task.Task`; the copy begins where the task is now.
            trials: number of trials of each session.
            carry_state: True to start each trial in the last state of the one before it.

        Returns:
            A list of ``(batch, result)`` as ``task`` and ``test`` give them, one for each trial.

        Raises:
            ParameterError: if the task has other numbers of channels.

        """
        self.build()
        where = f"{type(self).__name__}.test_sessions"
        count = _checks.count(f"{where}.trials", trials)
        found = []
        for batch, outputs, states in forward.sessions(self, where, task, count, carry_state):
            found.append((batch, TestResult(outputs, states)))
        return found

    def step_map(self, inputs: Any) -> StepMap:
        """Return the step under a constant input ``[N_in]``, without noise, and its Jacobian."""
        return StepMap(self, inputs)

    def description(self) -> str:
        """Return what is needed beside the weights to rebuild the network, as text."""
        return model_files.description(self)

    def destruct(self) -> None:
        """Free this model and its name; other models are not touched. May be called twice."""
        self._destructed = True
        self._compiled.clear()
        names.free(self)

    def __repr__(self) -> str:
        return summary.as_text(self)

    def _repr_html_(self) -> str:
        return summary.as_html(self)
