"""Forward passes under lesions and stimulation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.forward import carried
from psychrnn.backend.schedule import Circuit, Segment, groups
from psychrnn.backend.unroll import checked_state

_WEIGHTS = ("W_in", "W_rec", "W_out")


def circuit(model: Any) -> Circuit:
    """Return what a schedule of perturbations needs to know of a network."""
    sizes = {key: getattr(model, key) for key in ("N_in", "N_rec", "N_out")}
    signs = np.diag(model.Dale_rec.numpy()) if model.has_dale else None
    alpha = np.asarray(model.alpha) if model.has_drive else 1.0
    noise_scale = np.sqrt(2 * alpha) if model.has_drive else 1.0
    return Circuit(sizes, model.dt, alpha, noise_scale, groups(signs, model.unit_groups))


def perturbed(
    model: Any, x: np.ndarray, start: Any, size: int, segments: list[Segment]
) -> tuple[Any, Any]:
    """Run ``size`` trials at a time under a perturbation; return outputs and states.

    Arguments:
        model: the network.
        x: inputs, ``[N_batch, N_steps, N_in]``.
        start: what ``model.presented`` takes as ``start``, or None.
        size: number of trials to run at once.
        segments: the schedule, see :func:`psychrnn.backend.schedule.schedule`.

    Raises:
        ParameterError: if weights are to be changed that the network's own step does not read, or
            its state is not one number for each unit.

    """
    where = f"{type(model).__name__}.test.perturbations"
    shape = model.state_spec()[0].shape
    if list(shape) != [None, model.N_rec]:
        raise _checks.error(where, "a network whose state is [N_batch, N_rec]", f"{shape}")
    run, asked = _perturbed_for(model, len(segments))
    begin = carried(model, None, len(x)) if start is None else list(start)
    fixed = _fixed_tensors(model, segments)
    outputs = np.empty((*x.shape[:2], model.N_out), np.float32)
    states = np.empty((*x.shape[:2], model.N_rec), np.float32)
    for first in range(0, len(x), size):
        rows = slice(first, first + size)
        given = (x[rows], *(part[rows] for part in begin), _added(segments, rows), *fixed)
        found = run(*map(tf.convert_to_tensor, given))
        outputs[rows], states[rows] = found[0].numpy(), found[1].numpy()
    for key in {key for segment in segments for key in segment.factors} - asked:
        expected = f"a network that reads get_effective_{key}() in its step"
        advice = "Read the effective weight there, or hold units by Clamp(units, 0)."
        raise _checks.error(where, expected, "a step of its own that does not", advice)
    return outputs, states


def _fixed_tensors(model: Any, segments: list[Segment]) -> list[Any]:
    """Return what is the same for all trials: segment of each step, values, factors, held units."""
    lengths = [segment.last - segment.first for segment in segments]
    sizes = ((model.N_rec, model.N_in), (model.N_rec, model.N_rec), (model.N_out, model.N_rec))
    factors = [
        np.stack([segment.factors.get(key, np.ones(size)) for segment in segments])
        for key, size in zip(_WEIGHTS, sizes)
    ]
    values = np.stack([segment.values for segment in segments])
    return [
        tf.constant(np.repeat(np.arange(len(segments)), lengths), tf.int32),
        *(tf.constant(part, tf.float32) for part in (values, *factors)),
        tf.constant(np.stack([segment.held for segment in segments])),
    ]


def _added(segments: list[Segment], rows: slice) -> Any:
    """Return what is added to states, ``[N_batch or 1, N_steps, N_rec]``."""
    parts = [
        np.tile(s.added, (1, s.last - s.first, 1)) if s.added.ndim == 1 else s.added[rows]
        for s in segments
    ]
    trials = max(len(part) for part in parts)
    parts = [np.broadcast_to(part, (trials, *part.shape[1:])) for part in parts]
    return tf.constant(np.concatenate(parts, axis=1), tf.float32)


class _Acting:
    """A perturbation at work in the time loop of a network.

    Arguments:
        model: the network.
        added: what is added to states, ``[N_batch or 1, N_steps, N_rec]``.
        segment_of: number of the segment of each step, ``[N_steps]``.
        values, factors, held: of each segment, see :class:`~psychrnn.backend.schedule.Segment`.
        asked: a set that takes the names of the weights that the network reads.

    """

    def __init__(
        self, model: Any, added: Any, segment_of: Any, values: Any, factors: dict[str, Any],
        held: Any, asked: set[str],
    ) -> None:  # fmt: skip
        self.model, self.added, self.segment_of, self.values = model, added, segment_of, values
        self.factors, self.held, self.asked = factors, held, asked

    def step(self, step: Callable[..., Any], time: Any, x_t: Any, *state: Any) -> Any:
        """Run a step of the network under the perturbation."""
        here = self.segment_of[time]
        new = self._scaled(here, partial(step, x_t, *state))
        first, *others = checked_state(new, state)
        pushed = first + tf.cast(self.added[:, time], first.dtype)
        held = tf.where(self.held[here], tf.cast(self.values[here], first.dtype), pushed)
        return held, *others

    def reading(self, readout: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the readout under the perturbation, of rows that run through the steps in turn."""

        def read(rows: Any) -> Any:
            steps = tf.shape(self.segment_of)[0]
            trials = tf.shape(rows)[0] // steps
            of_row = tf.repeat(self.segment_of, trials)
            parts = [
                self._scaled(k, partial(readout, rows[of_row == k]))
                for k in range(self.values.shape[0])
            ]
            return tf.concat(parts, axis=0)

        return read

    def _scaled(self, segment: Any, compute: Callable[[], Any]) -> Any:
        factors = {key: factor[segment] for key, factor in self.factors.items()}
        with self.model.weights_scaled(factors) as asked:
            result = compute()
        self.asked.update(asked)
        return result


def _perturbed_for(model: Any, segments: int) -> tuple[Any, set[str]]:
    """Return the perturbed pass for a number of segments, and the weights that it reads."""
    cache = ("perturbed", segments, bool(model.rec_noise))
    if cache in model._compiled:
        return model._compiled[cache]
    asked: set[str] = set()

    def forward(x: Any, *given: Any) -> Any:
        *start, added, segment_of, values, W_in, W_rec, W_out, held = given
        factors = dict(zip(_WEIGHTS, (W_in, W_rec, W_out)))
        acting = _Acting(model, added, segment_of, values, factors, held, asked)
        vars(model)["_perturbation"] = acting
        try:
            with model.presented(x, start=start):
                return model.predictions, model.states
        finally:
            del vars(model)["_perturbation"]

    if model.engine != "eager":
        N_in, N_rec, N_out = model.N_in, model.N_rec, model.N_out
        sizes = ([N_rec], [N_rec, N_in], [N_rec, N_rec], [N_out, N_rec])
        forward = tf.function(forward, autograph=False).get_concrete_function(
            tf.TensorSpec([None, None, N_in], tf.float32),
            tf.TensorSpec([None, 1], tf.bool),
            *model.state_spec(),
            tf.TensorSpec([None, None, N_rec], tf.float32),
            tf.TensorSpec([None], tf.int32),
            *(tf.TensorSpec([segments, *size], tf.float32) for size in sizes),
            tf.TensorSpec([segments, N_rec], tf.bool),
        )
    model._compiled[cache] = forward, asked
    return forward, asked
