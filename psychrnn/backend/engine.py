"""Which time loop a network runs in: the fused one, the generic one, or the plain one.

The fused loop serves leaky units whose step nobody changed; the generic loop any step that gives
the same result when it is run twice; the plain loop all others, and tests. All give the same
numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from tensorflow.python.framework import op_def_registry

from psychrnn._checks import ParameterError, error
from psychrnn.backend import noise
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.fused_loop import unroll_fused
from psychrnn.backend.generic_loop import Cell, compile_cell, unroll_generic
from psychrnn.backend.shards import Parts, number_of_shards
from psychrnn.backend.unroll import unroll

# What the fused loop replaces: where a class or a model has its own, the loop is not used.
_REPLACED = (
    "recurrent_timestep", "output_timestep", "forward_pass", "initial_state", "start_state",
    "recurrent_noise",
    "why_no_fused_step", "fused_step",
)  # fmt: skip
# A step of these alone is compiled without a trial compilation.
_KNOWN_TO_XLA = {
    "Abs", "Add", "AddV2", "BiasAdd", "BitwiseXor", "Cast", "ConcatV2", "Const", "Elu",
    "EnsureShape", "Exp", "ExpandDims", "Fill", "GatherV2", "Identity", "LeakyRelu", "Log",
    "MatMul", "MatrixDiagPartV3", "Maximum", "Mean", "Minimum", "Mul", "Neg", "NoOp", "Pack",
    "Placeholder", "Pow", "Prod", "Range", "ReadVariableOp", "RealDiv", "Relu", "Relu6",
    "Reshape", "RightShift", "Selu", "Shape", "Sigmoid", "Softplus", "Split", "SplitV", "Square",
    "StopGradient", "StridedSlice", "Sub", "Sum", "Tanh", "Tile", "Transpose",
}  # fmt: skip
_EFFECTIVE = ("get_effective_W_in", "get_effective_W_rec", "get_effective_W_out")


def check(model: Any) -> None:
    """Say at once if a model cannot have the engine it asks for.

    Raises:
        ParameterError: if 'fused' is asked for and cannot be used.

    """
    reason = why_not_fused(model) if model.engine == "fused" else None
    if reason is not None:
        advice = "Use engine='auto', which takes the fused engine where it can."
        where = f"{type(model).__name__}.engine"
        raise error(where, "a network that the 'fused' engine can run", reason, advice)
    number_of_shards(type(model).__name__, model.shards, model.N_batch)


def replaced(model: Any) -> str | None:
    """Return a part of the library's equations that a model has one of its own for, or None."""
    for name in _REPLACED:
        function = getattr(type(model), name)
        module = str(getattr(function, "__module__", ""))
        if name in vars(model) or not module.startswith("psychrnn.backend."):
            return name
    return None


def why_not_fused(model: Any) -> str | None:
    """Return what keeps a model from the fused loop, or None."""
    own = replaced(model)
    if own is not None:
        return f"{own} of its own"
    reason: str | None = model.why_no_fused_step()
    if reason is not None:
        return reason
    for name in _EFFECTIVE:
        module = str(getattr(getattr(type(model), name), "__module__", ""))
        if (name in vars(model) or not module.startswith("psychrnn.")) and not _repeatable(
            getattr(model, name)
        ):
            return f"a {name} that draws random numbers"
    return None


def _repeatable(function: Callable[[], Any]) -> bool:
    with tf.init_scope():
        return not _side_effects(tf.function(function, autograph=False).get_concrete_function())


def passes_data(model: Any) -> bool:
    """Tell whether a model's forward pass is the library's: data in, for any number of steps."""
    of_library = str(type(model).forward_pass.__module__).startswith("psychrnn.backend.")
    return of_library and "forward_pass" not in vars(model)


def described(model: Any) -> str:
    """Return the engine of a model, and why, in a few words."""
    if model.engine == "eager":
        return "eager: one operation after the other, slow, for debugging"
    shards = number_of_shards(type(model).__name__, model.shards, model.N_batch)
    reason = None if model.engine == "generic" else why_not_fused(model)
    if model.engine != "generic" and reason is None:
        return f"fused, {_number(shards)}"
    plain = model.loop_notes.get("plain")
    if plain is not None:
        return f"generic, plain time loop ({plain})"
    shards = 1 if "together" in model.loop_notes else shards
    return f"generic, {_number(shards)}" + (f" ({reason})" if reason else "")


def _number(shards: int) -> str:
    return f"{shards} shard{'s' if shards > 1 else ''}"


def run(model: Any, step: Callable[..., Any], readout: Callable[[Any], Any]) -> Any:
    """Run the batch that ``model`` presents; return outputs and a tuple of states.

    Arguments:
        model: the network, within ``presented``.
        step: ``(x_t, *state) -> state``.
        readout: ``(state) -> output`` of the first part of the state, row by row.

    """
    x, state = model.x, model.start_state()
    if model.y is None or model.engine == "eager" or not tf.inside_function():
        return _run_plain(model, step, readout, x, state)
    number = number_of_shards(type(model).__name__, model.shards, x.shape[0])
    if model.engine != "generic" and why_not_fused(model) is None:
        padded, steps = _padded(x)
        keys = model.noise_keys(tf.shape(padded)[1])
        parts = Parts(x.shape[0], number)
        outputs, states = unroll_fused(model.fused_step(), padded, state, keys, parts)
        return outputs[:, :steps], tuple(part[:, :steps] for part in states)
    return _run_generic(model, step, readout, state, number)


def _run_plain(model: Any, step: Any, readout: Any, x: Any, state: Any) -> Any:
    keys = model.noise_keys(tf.shape(x)[1])
    acting = vars(model).get("_perturbation")  # see perturbed.py

    def at(time: Any, x_t: Any, *state: Any) -> Any:
        moment = None if keys is None else noise.Moment(keys[time], 0)
        with model.at_moment(moment):
            if acting is not None:
                return acting.step(step, time, x_t, *state)
            return step(x_t, *state)

    return unroll(at, readout if acting is None else acting.reading(readout), x, state)


def _run_generic(model: Any, step: Any, readout: Any, state: Any, number: int) -> Any:
    @contextmanager
    def bind(tensors: dict[str, Any], moment: Any) -> Iterator[None]:
        with model.using_weights(tensors), model.at_moment(moment):
            yield

    x, tensors = model.x, model.formed_weights
    found = _probed(model, Cell(step, bind, []), readout, x, state, tensors)
    for key, note in (("plain", found.plain), ("together", found.together)):
        model.loop_notes.pop(key, None)
        if note is not None:
            model.loop_notes[key] = note
    if found.plain is not None:
        return _run_plain(model, step, readout, x, state)
    padded, steps = _padded(x)
    keys = model.noise_keys(tf.shape(padded)[1])
    parts = Parts(x.shape[0], 1 if found.together else number)
    x_is_data = passes_data(model)
    tensors = {name: tensors[name] for name in found.tensors}
    outputs, states = unroll_generic(
        found.cell, found.program, readout, padded, state, tensors, keys, parts, x_is_data
    )
    return outputs[:, :steps], tuple(part[:, :steps] for part in states)


def _padded(x: Any) -> tuple[Any, Any]:
    """Append zero inputs where trials vary in length, so that lengths share a compiled program.

    The lengths are multiples of a quarter of the power of 2 below them. What comes after a trial
    changes neither what was before it nor any gradient, for the loss sees the trial alone.
    """
    if x.shape[1] is not None:
        return x, x.shape[1]
    steps = tf.shape(x)[1]
    octave = tf.math.floor(tf.math.log(tf.cast(steps, tf.float64) + 0.5) / np.log(2.0))
    unit = tf.bitwise.left_shift(1, tf.maximum(tf.cast(octave, tf.int32) - 2, 0))
    more = -steps % unit
    return tf.pad(x, [[0, 0], [0, more], [0, 0]]), steps


class _Found(NamedTuple):
    """What a trial run of a step tells.

    Attributes:
        plain: why the step needs the plain loop, or None.
        together: why all trials of a batch must be run together, or None.
        tensors: names of the effective weights that the step reads.
        cell: the cell, with the variables that its step reads.
        program: its compiled loops.
        trace: keeps alive what the key of this entry names.

    """

    plain: str | None = None
    together: str | None = None
    tensors: tuple[str, ...] = ()
    cell: Any = None
    program: Any = None
    trace: Any = None


def _probed(
    model: Any, cell: Cell, readout: Any, x: Any, state: Any, tensors: dict[str, Any]
) -> _Found:
    """Try a step once, outside the batch, to see how it may be run."""
    shapes = [tuple(part.shape[1:]) for part in state]
    with tf.init_scope():
        try:
            formed = model.form_weights()
        except Exception:  # such as a weight that is a tensor of the batch at hand
            return _Found(plain="its weights are made from tensors of a batch")
        rng = np.random.default_rng(1)

        def draw(trials: int) -> list[Any]:
            sizes = [(trials, x.shape[2]), *((trials, *shape) for shape in shapes)]
            dtypes = [x.dtype, *(part.dtype for part in state)]
            return [tf.cast(rng.standard_normal(s), d) for s, d in zip(sizes, dtypes)]

        with model.using_weights(formed):
            if _mixes_rows(lambda rows: [readout(rows)], draw(4)[1:2]):
                return _Found(plain="its outputs are not read out state by state")
        together = "trials depend on each other" if _mixes_trials(cell, draw(4), formed) else None
        trials = x.shape[0] if together else 4
        key = tf.constant([1, 2], tf.uint32)

        def once(x_t: Any, *state: Any) -> Any:
            return cell.run(x_t, state, formed, noise.Moment(key, 0))

        try:
            traced = tf.function(once, autograph=False).get_concrete_function(*draw(trials))
            outside = [given for given, _ in traced.graph.captures]
            made_outside = any(tf.is_symbolic_tensor(given) for given in outside)
        except ParameterError:
            raise
        except Exception:  # such as a tensor of the batch at hand, which is not there now
            made_outside = True
        if made_outside:  # no gradient would reach it
            return _Found(plain="its step uses tensors made outside of it")
        effects = _side_effects(traced)
        if effects:
            return _Found(plain=f"its step uses {effects[0]}, which may differ when run again")
        graph = traced.graph
        entry = (
            "cell", trials if together else None, tuple(tensors),
            graph.as_graph_def().SerializeToString(deterministic=True),
            tuple(id(outside) for outside, _ in graph.captures if id(outside) not in
                  {id(value) for value in formed.values()}),
        )  # fmt: skip
        if entry in model._compiled:
            return model._compiled[entry]
        cell = cell._replace(variables=list(graph.trainable_variables))
        program = compile_cell(cell)
        captured = {id(given) for given in outside}
        read = tuple(name for name, value in formed.items() if id(value) in captured)
        found = _Found(None, together, read, cell, program, traced)
        if not _kinds(traced) <= _KNOWN_TO_XLA and not _compiles(
            program, draw(trials), formed, key
        ):
            found = _Found(plain="XLA cannot compile its step")
        model._compiled[entry] = found
        return found


def _mixes_trials(cell: Cell, drawn: list[Any], tensors: dict[str, Any]) -> bool:
    """Tell whether a trial's next state depends on other trials of the batch, or on its place."""
    key = tf.constant([3, 4], tf.uint32)

    def step(numbers: Any, x_t: Any, *state: Any) -> Any:
        return cell.run(x_t, state, tensors, noise.Moment(key, numbers[0]))

    return _mixes_rows(step, [tf.range(4), *drawn])


def _mixes_rows(function: Callable[..., Any], drawn: list[Any]) -> bool:
    """Tell whether what a function gives for a row depends on other rows."""

    def at(first: int, last: int) -> list[np.ndarray]:
        return [part.numpy() for part in function(*(part[first:last] for part in drawn))]

    try:
        whole, halves = at(0, 4), zip(at(0, 2), at(2, 4))
        return not all(
            np.allclose(part, np.concatenate(two), rtol=1e-4, atol=1e-4)
            for part, two in zip(whole, halves)
        )
    except ParameterError:
        raise
    except Exception:  # such as a step for one batch size alone
        return True


def _side_effects(traced: Any) -> list[str]:
    """Return the kinds of operations in a function that may not give the same result again."""
    calls = {"PartitionedCall", "StatefulPartitionedCall", "If", "While", "Case"}
    harmless = {"ReadVariableOp", "VarHandleOp", "Placeholder", *calls}
    known = {kind: op_def_registry.get(kind) for kind in sorted(_kinds(traced) - harmless)}
    return [kind for kind, op in known.items() if op is not None and op.is_stateful]


def _kinds(traced: Any) -> set[str]:
    """Return the kinds of operations in a function and in those that it calls."""
    definition = traced.graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    return {node.op for node in nodes}


def _compiles(program: Any, drawn: list[Any], tensors: dict[str, Any], key: Any) -> bool:
    x, *state = (drawn[0][:, tf.newaxis], *drawn[1:])
    keys, first = key[tf.newaxis], tf.constant(0)
    try:
        records = program.forward(x, tuple(state), tensors, keys, first)
        program.backward(x, records, tensors, keys, first, list(records), True)
    except (tf.errors.OpError, ValueError, TypeError, NotImplementedError, LookupError):
        return False
    return True
