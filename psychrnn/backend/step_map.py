"""A network's step under a constant input, as a function of NumPy arrays, with its Jacobian."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend import forward
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.array_checks import checked_inputs


class StepMap:
    r"""The map :math:`F` from one state to the next, :math:`s_{t+1} = F(s_t, x)`, without noise.

    States are rows ``[n, D]``. Where a state has several parts, as in an LSTM, they are side by
    side, hidden state first.

    Arguments:
        model: a network whose forward pass is the library's.
        inputs: the constant input, ``[N_in]``.

    Raises:
        ParameterError: if the input has another shape, or the step draws random numbers of its
            own, lets trials of a batch see each other, or has no gradient.

    """

    def __init__(self, model: Any, inputs: Any) -> None:
        model.build()
        where = f"{type(model).__name__}.step_map"
        forward.check_starts(where, model)
        self.model = model
        self.inputs = _checks.array(f"{where}.inputs", inputs, [("N_in", model.N_in)])
        with self._alone():
            self._shapes = [tuple(part.shape[1:]) for part in model.state_spec()]
            self._dtypes = [part.dtype.as_numpy_dtype for part in model.state_spec()]
        self.size = sum(int(np.prod(shape)) for shape in self._shapes)
        self._check(where)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Leave out noise, and start states that belong to trials."""
        own = vars(self.model).pop("_own_init_state", None)
        try:
            with self.model.without_noise():
                yield
        finally:
            if own is not None:
                vars(self.model)["_own_init_state"] = own

    def _check(self, where: str) -> None:
        states = np.random.default_rng(1).standard_normal((3, self.size))
        once, again, alone = self.step(states), self.step(states), self.step(states[:1])
        advice = "Its fixed points depend on what else is drawn or run."
        if not np.array_equal(once, again, equal_nan=True):
            got = "one that draws random numbers of its own"
            raise _checks.error(where, "a step that gives the same twice", got, advice)
        size = np.nanmax(np.abs(once), initial=1.0)
        if not np.allclose(once[:1], alone, rtol=1e-4, atol=1e-5 * size, equal_nan=True):
            got = "a step in which they see each other"
            raise _checks.error(where, "trials that do not depend on each other", got, advice)
        along = 1e-2 * np.random.default_rng(2).standard_normal(states.shape)
        slope = (self.step(states + along) - self.step(states - along)) / 2 - along
        known = np.einsum("nij,nj->ni", self.jacobian(states), along) - along
        off = np.linalg.norm(slope - known, axis=1) / (np.linalg.norm(slope, axis=1) + 1e-6)
        if np.median(off) > 0.3:  # a kink of the transfer function may be in between
            got = "one that is not its slope, as that of tf.numpy_function"
            raise _checks.error(where, "a step with a gradient", got, "Write it in TensorFlow.")

    def start(self) -> np.ndarray:
        """Return the state that trials start from, ``[1, D]``."""
        vars(self.model)["x"] = tf.zeros([1, 1, self.model.N_in])
        try:
            with self._alone():
                parts = self.model.start_state()
        finally:
            del vars(self.model)["x"]
        return self._joined([part[:1].numpy() for part in parts])

    def step(self, states: Any) -> np.ndarray:
        """Return the states after one step, ``[n, D]``."""
        return self._joined([part.numpy() for part in self._compiled("step", states)])

    def jacobian(self, states: Any) -> np.ndarray:
        r"""Return :math:`\partial F_i / \partial s_j`, ``[n, D, D]``."""
        return self._compiled("jacobian", states).numpy()

    def slower(self, states: np.ndarray, damping: np.ndarray) -> np.ndarray:
        r"""Return states after a step of Levenberg and Marquardt towards a lower speed.

        .. math::

            s - (A^T A + \mu \bar a I)^{-1} A^T (F(s) - s), \quad A = \partial F / \partial s - I

        where :math:`\bar a` is the mean of the diagonal of :math:`A^T A`.

        Arguments:
            states: ``[n, D]``.
            damping: :math:`\mu` of each state, ``[n]``.

        """
        moves = tf.constant(self.step(states) - states)[..., tf.newaxis]
        slope = tf.cast(self._compiled("jacobian", states), tf.float64) - np.eye(self.size)
        curvature = tf.matmul(slope, slope, transpose_a=True)
        scale = tf.linalg.trace(curvature) / self.size
        known = tf.math.is_finite(scale) & (scale > 0)
        diagonal = tf.where(known, tf.constant(damping) * scale, 1.0)
        curvature = tf.where(known[:, tf.newaxis, tf.newaxis], curvature, 0.0)
        curvature += diagonal[:, tf.newaxis, tf.newaxis] * np.eye(self.size)
        downhill = tf.matmul(slope, moves, transpose_a=True)
        downhill = tf.where(tf.math.is_finite(downhill), downhill, 0.0)
        return states - tf.linalg.solve(curvature, downhill)[..., 0].numpy()

    def visited(self, x: np.ndarray) -> np.ndarray:
        """Return the states ``[n, N_steps, D]`` in trials with inputs ``[n, N_steps, N_in]``."""
        x = checked_inputs(f"{type(self.model).__name__}.step_map.visited", self.model, x)
        state, found = np.repeat(self.start(), len(x), axis=0), []
        for step in range(x.shape[1]):
            given = (tf.constant(x[:, step : step + 1]), *self._parts(state))
            state = self._joined([part.numpy() for part in self._run("step", given)])
            found.append(state)
        return np.stack(found, axis=1)

    def _compiled(self, kind: str, states: Any) -> Any:
        x = np.broadcast_to(self.inputs, (len(states), 1, self.model.N_in))
        return self._run(kind, (tf.constant(x, tf.float32), *self._parts(states)))

    def _run(self, kind: str, given: tuple[Any, ...]) -> Any:
        cache, key = self.model._compiled, f"{kind} of a state"
        if key not in cache:
            function = self._advance if kind == "step" else self._differentiate
            if self.model.engine != "eager":
                spec = self.model.state_spec()
                x = tf.TensorSpec([None, 1, self.model.N_in], tf.float32)
                with self._alone():
                    function = tf.function(function, autograph=False).get_concrete_function(
                        x, *spec
                    )
            cache[key] = function
        with self._alone():
            return cache[key](*given)

    def _advance(self, x: Any, *parts: Any) -> Any:
        fresh = tf.zeros([tf.shape(x)[0], 1], tf.bool)
        with self.model.presented(x, start=[fresh, *parts]):
            return vars(self.model)["_last_state"]

    def _differentiate(self, x: Any, *parts: Any) -> Any:
        """Run every state D times, and take the gradient of another entry of the result in each.

        It is one pass forward and one back, whatever the step is made of.
        """
        trials, size = tf.shape(x)[0], self.size
        copies = [tf.repeat(part, size, axis=0) for part in parts]
        with tf.GradientTape() as tape:
            tape.watch(copies)
            new = self._advance(tf.repeat(x, size, axis=0), *copies)
            flat = tf.concat([tf.reshape(part, [trials * size, -1]) for part in new], axis=1)
            total = tf.reduce_sum(flat * tf.tile(tf.eye(size), [trials, 1]))
        gradients = tape.gradient(total, copies, unconnected_gradients="zero")
        rows = [tf.reshape(part, [trials, size, -1]) for part in gradients]
        return tf.concat(rows, axis=2)

    def _parts(self, states: Any) -> list[Any]:
        sizes = [int(np.prod(shape)) for shape in self._shapes]
        parts = np.split(np.asarray(states), np.cumsum(sizes)[:-1], axis=1)
        return [
            tf.constant(part.reshape(-1, *shape), dtype)
            for part, shape, dtype in zip(parts, self._shapes, self._dtypes)
        ]

    @staticmethod
    def _joined(parts: list[np.ndarray]) -> np.ndarray:
        flat = [part.reshape(len(part), -1).astype(float) for part in parts]
        return np.concatenate(flat, axis=1)
