"""What networks with gates share: where their weights come from, and what does not act on them."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from psychrnn import _checks
from psychrnn._random import generator
from psychrnn.backend import constraints
from psychrnn.backend import params as options
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.rnn import RNN


class Gated(RNN):
    """Base class of LSTM and GRU.

    Gates read the column ``[hidden, input]``. Their weights start at :math:`N(0, 0.1^2)`, from
    ``seed``, or are given by their names in params or in a weight file.
    """

    has_drive = False
    _idle_keys = ("W_in", "W_rec", "b_rec", "init_state")
    _record: ClassVar[Any]  # the options of the class
    _starts: ClassVar[tuple[str, ...]]  # start states
    _gates: ClassVar[tuple[str, ...]]  # weights of the gates
    _biases: ClassVar[tuple[str, ...]]
    _start_of_biases: ClassVar[float]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._own_keys = (*cls._starts, *cls._gates, *cls._biases)

    def _create_variables(self, initial: dict[str, Any]) -> None:
        for key in self._idle_keys:
            setattr(self, f"{key}_train", False)
        super()._create_variables(initial)
        self.has_dale = False
        self._warn_of_idle_options(initial)
        self.N_concat = self.N_rec + self.N_in
        own = self._read_own()
        rng = generator(self._options.seed, 2)
        sizes = dict.fromkeys(self._starts, (1, self.N_rec))
        sizes |= dict.fromkeys(self._gates, (self.N_concat, self.N_rec))
        for key, size in sizes.items():
            drawn, given = 0.1 * rng.standard_normal(size), getattr(own, key)
            trainable = key in self._gates or self._options.init_state_train
            values = drawn if given is None else self._first_row(key, given)
            setattr(self, key, tf.Variable(values, trainable, name=key, dtype=tf.float32))
        for key in self._biases:
            given = getattr(own, key)
            values = np.full(self.N_rec, self._start_of_biases) if given is None else given
            setattr(self, key, tf.Variable(values, name=key, dtype=tf.float32))

    def _read_own(self) -> Any:
        """Return the options of the class, of params and of a weight file together."""
        where, known = type(self).__name__, set(self._record.__dataclass_fields__)
        stored = {k: v for k, v in self.initializer.initializations.items() if k in known}
        source = self.load_weights_path or self.initializer.load_weights_path
        if source is not None and not stored.keys() >= set(self._own_keys):
            missing = next(key for key in self._own_keys if key not in stored)
            advice = "Was it saved by another kind of network?"
            raise _checks.error(f"{where}, file {source}", f"an entry {missing!r}", "none", advice)
        sizes = {key: getattr(self, key) for key in ("N_in", "N_rec", "N_out")}
        asked = options.read(self._record, where, {**self.params, **sizes})
        held = options.read(self._record, f"{where}, file {source}", {**stored, **sizes})
        for key in known:
            one, other = getattr(asked, key), getattr(held, key)
            if one is not None and other is not None and not np.array_equal(one, other):
                advice, got = f"Give {key} in one place.", f"one {key} in params, another in a file"
                raise _checks.error(f"{where}.{key}", "agreement", got, advice)
        together = {k: v for k, v in {**self.params, **stored}.items() if v is not None}
        return options.read(self._record, where, {**together, **sizes})

    def _first_row(self, key: str, values: np.ndarray) -> np.ndarray:
        if key in self._starts and len(values) > 1:
            if (values != values[0]).any():
                warnings.warn(
                    f"{type(self).__name__}.{key} has {len(values)} rows, one for each trial, as "
                    "PsychRNN 1.0 had it. All trials start from one state here: row 0 is used.",
                    UserWarning,
                    stacklevel=2,
                )
            return values[:1]
        return values

    def _warn_of_idle_options(self, initial: dict[str, Any]) -> None:
        """Warn once of all options that were given and do not act on gates."""
        where = type(self).__name__
        asked = options.read(options.InitializerParams, where, self.params)
        penalties = options.read(options.RegularizerParams, where, self.params)
        unmasked = np.eye(self.N_rec) if not asked.autapses else np.zeros(1)
        masks = {
            "input_connectivity": initial["input_connectivity"],
            "rec_connectivity": np.maximum(initial["rec_connectivity"], unmasked),
        }
        found = [key for key, mask in masks.items() if not mask.all()]
        found += [] if asked.autapses else ["autapses"]
        if constraints.has_dale(initial["dale_ratio"], initial["Dale_rec"]):
            found.append("dale_ratio" if asked.Dale_rec is None else "Dale_rec")
        weights = {key: getattr(asked, key) for key in options.WEIGHT_KEYS}
        if any(value is None for value in weights.values()):  # not those of a whole model
            found += [key for key in self._idle_keys if weights[key] is not None]
        found += [
            f"{k}_train" for k in self._idle_keys[:3] if not getattr(self._options, f"{k}_train")
        ]
        found += [key for key in ("L1_in", "L1_rec", "L2_in", "L2_rec") if getattr(penalties, key)]
        if (
            asked.transfer_function not in (None, "relu", tf.nn.relu)
            and not penalties.L2_firing_rate
        ):
            found.append("transfer_function")
        found += ["rec_noise"] if self.rec_noise else []
        if found:
            warnings.warn(
                f"{where}: {', '.join(found)} cannot apply to a network with gates and will have "
                "no effect on what it computes. Basic honours them.",
                UserWarning,
                stacklevel=2,
            )

    @contextmanager
    def weights_scaled(self, factors: dict[str, Any]) -> Iterator[set[str]]:
        """Let the weights of all gates be multiplied, and those of the output.

        Raises:
            ParameterError: if a class computes the weights of a gate itself.

        """
        rows = tf.concat([tf.transpose(factors["W_rec"]), tf.transpose(factors["W_in"])], axis=0)
        gates = {key: getattr(self, key) for key in self._gates}
        for key in self._gates:
            if hasattr(type(self), key):
                where, expected = f"{type(self).__name__}.{key}", "a variable"
                raise _checks.error(where, expected, "a property, which no perturbation changes")
        self.__dict__.update({key: W * rows for key, W in gates.items()})
        try:
            with super().weights_scaled({"W_out": factors["W_out"]}) as asked:
                asked |= {"W_rec", "W_in"}
                yield asked
        finally:
            self.__dict__.update(gates)

    @property
    def init_state(self) -> Any:
        """The start state that files hold and this network does not use."""
        return super().init_state

    @init_state.setter
    def init_state(self, own: Any) -> None:
        names = " and ".join(self._starts)
        advice = f"This network starts from {names}: give them in its params."
        raise _checks.error(f"{type(self).__name__}.init_state", names, "init_state", advice)

    def initial_state(self) -> tuple[Any, ...]:
        """Return the start state of every trial of the batch at hand, a tuple of tensors."""
        trials = tf.shape(self.x)[0]
        return tuple(tf.tile(getattr(self, key), [trials, 1]) for key in self._starts)

    def output_timestep(self, hidden: Any) -> Any:
        """Return the outputs ``[rows, N_out]`` of hidden states ``[rows, N_rec]``."""
        return tf.matmul(hidden, self.get_effective_W_out(), transpose_b=True) + self.b_out

    def forward_pass(self) -> tuple[Any, Any]:
        """Run the batch ``self.x``; return outputs and hidden states, batch first."""
        return self._unrolled(self.recurrent_timestep, self.output_timestep)

    @abstractmethod
    def recurrent_timestep(self, rnn_in: Any, *state: Any) -> Any:
        """Return the state after one time step."""

    def why_no_fused_step(self) -> str | None:
        """Return what keeps this network from the fused engine: nothing."""
        return None

    def _matrix(self, *blocks: tuple[Any, Any]) -> Any:
        """Return the matrix of the fused engine from weights ``[N_concat, N_rec]`` and biases."""
        rows = [tf.concat([tf.transpose(W), b[:, tf.newaxis]], axis=1) for W, b in blocks]
        b_out = tf.broadcast_to(self.b_out, [self.N_out])[:, tf.newaxis]
        silent = tf.zeros([self.N_out, self.N_in])
        return tf.concat([*rows, tf.concat([self.get_effective_W_out(), silent, b_out], 1)], axis=0)


def sigmoid(values: Any) -> Any:
    """Return the logistic function by a hyperbolic tangent, which XLA computes faster."""
    return 0.5 + 0.5 * tf.tanh(0.5 * values)
