"""Forward passes under lesions and stimulation."""

from __future__ import annotations

from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.forward import carried
from psychrnn.backend.schedule import Circuit, Segment, groups

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
    shape = model.state_spec()[0].shape
    if list(shape) != [None, model.N_rec]:
        where, expected = f"{type(model).__name__}.test.perturbations", "a state [N_batch, N_rec]"
        raise _checks.error(where, expected, f"{shape}")
    begin = carried(model, None, len(x)) if start is None else list(start)
    _check_that_weights_act(model, x, begin, segments)
    run = _perturbed_for(model)
    outputs = np.empty((*x.shape[:2], model.N_out), np.float32)
    states = np.empty((*x.shape[:2], model.N_rec), np.float32)
    for first in range(0, len(x), size):
        rows = slice(first, first + size)
        state = [part[rows] for part in begin]
        for segment in segments:
            steps = slice(segment.first, segment.last)
            found = run(x[rows, steps], *state, *_tensors(model, segment, rows))
            outputs[rows, steps], states[rows, steps] = found[0].numpy(), found[1].numpy()
            state = [np.zeros_like(state[0]), *(part.numpy() for part in found[2:])]
    return outputs, states


def _tensors(model: Any, segment: Segment, rows: slice) -> list[Any]:
    """Return a segment as the tensors that a compiled perturbed pass takes."""
    steps = segment.last - segment.first
    added = segment.added
    added = np.tile(added, (1, steps, 1)) if added.ndim == 1 else added[rows]
    sizes = ((model.N_rec, model.N_in), (model.N_rec, model.N_rec), (model.N_out, model.N_rec))
    factors = [segment.factors.get(key, np.ones(size)) for key, size in zip(_WEIGHTS, sizes)]
    parts = [tf.constant(part, tf.float32) for part in (added, segment.values, *factors)]
    return [*parts, tf.constant(segment.held)]


def _perturbed_for(model: Any) -> Any:
    """Return the model's perturbed forward pass, made at its first use."""
    key = ("perturbed", bool(model.rec_noise))
    if key in model._compiled:
        return model._compiled[key]
    spec = model.state_spec()

    def forward(x: Any, *given: Any) -> Any:
        *start, added, values, W_in, W_rec, W_out, held = given

        def push(time: Any, new: Any) -> Any:
            first, *others = new if isinstance(new, (tuple, list)) else (new,)
            return tf.where(held, values, first + added[:, time]), *others

        vars(model)["_push"] = push
        try:
            with (
                model.weights_scaled({"W_in": W_in, "W_rec": W_rec, "W_out": W_out}),
                model.presented(x, start=start),
            ):
                return model.predictions, model.states, *vars(model)["_last_state"]
        finally:
            del vars(model)["_push"]

    if model.engine != "eager":
        N_in, N_rec, N_out = model.N_in, model.N_rec, model.N_out
        sizes = ([None, None, N_rec], [N_rec], [N_rec, N_in], [N_rec, N_rec], [N_out, N_rec])
        forward = tf.function(forward, autograph=False).get_concrete_function(
            tf.TensorSpec([None, None, N_in], tf.float32),
            tf.TensorSpec([None, 1], tf.bool),
            *spec,
            *(tf.TensorSpec(size, tf.float32) for size in sizes),
            tf.TensorSpec([N_rec], tf.bool),
        )
    model._compiled[key] = lambda x, *given: forward(
        tf.constant(x, tf.float32), *map(tf.convert_to_tensor, given)
    )
    return model._compiled[key]


def _check_that_weights_act(model: Any, x: Any, begin: Any, segments: Any) -> None:
    """Check that a step of the user's own reads the weights that are to be changed."""
    keys = sorted({key for segment in segments for key in segment.factors})
    if not keys or model.replaced_part() is None:
        return
    rng = np.random.default_rng(1)
    trials = x.shape[:1]
    start = [np.zeros((*trials, 1), bool)]
    start += [
        rng.standard_normal((*trials, *part.shape[1:])).astype(part.dtype) for part in begin[1:]
    ]
    inputs = rng.standard_normal((*trials, 2, model.N_in))
    nothing = Segment(0, 2, {}, *(np.zeros(model.N_rec, kind) for kind in (float, bool, float)))
    everything = _tensors(model, nothing, slice(None))
    with model.without_noise():
        run = _perturbed_for(model)
        usual = run(inputs, *start, *everything)
        for key in keys:
            place = 2 + _WEIGHTS.index(key)
            cut = [tf.zeros_like(t) if n == place else t for n, t in enumerate(everything)]
            if all(np.array_equal(a, b) for a, b in zip(usual, run(inputs, *start, *cut))):
                where = f"{type(model).__name__}.test.perturbations"
                expected = f"a network that reads get_effective_{key}() in its step"
                advice = "Silence by Clamp(units, 0), or read the effective weight."
                raise _checks.error(where, expected, "a step of its own that does not", advice)
