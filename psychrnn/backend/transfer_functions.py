"""Transfer functions from state to firing rate, and their names in options and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend._tensorflow import tf

TRANSFER_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": tf.nn.relu,
    "tanh": tf.nn.tanh,
    "sigmoid": tf.nn.sigmoid,
    "softplus": tf.nn.softplus,
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    "relu6": tf.nn.relu6,
    "leaky_relu": tf.nn.leaky_relu,
    "softsign": tf.nn.softsign,
    "identity": tf.identity,
}


def transfer_function_named(where: str, given: Any) -> Callable[..., Any]:
    """Return the function for a name of ``TRANSFER_FUNCTIONS``, or the function given."""
    if callable(given):
        return given
    if given not in TRANSFER_FUNCTIONS:
        names = ", ".join(TRANSFER_FUNCTIONS)
        advice = "Pass the function itself: params['transfer_function'] = my_function."
        raise _checks.error(where, f"a function, or one of {names}", given, advice)
    return TRANSFER_FUNCTIONS[given]


def transfer_function_name(function: Callable[..., Any]) -> str:
    """Return the name under which files keep a transfer function."""
    for name, known in TRANSFER_FUNCTIONS.items():
        if function is known:
            return name
    name = getattr(function, "__name__", type(function).__name__)
    return f"user:{name}" if name in TRANSFER_FUNCTIONS else name


def check_transfer_function(where: str, initial: dict[str, Any], N_rec: int) -> None:
    """Try the transfer function on one state, so that a wrong one fails here and not in training.

    Raises:
        ParameterError: if it does not turn a tensor into one of the same shape.

    """
    function = initial["transfer_function"]
    try:
        rate = function(tf.zeros([1, N_rec]))
    except Exception as reason:
        raise _checks.ParameterError(
            f"{where}: {transfer_function_name(function)} fails on a state [1, N_rec] "
            f"({type(reason).__name__}: {reason})."
        ) from reason
    if not tf.is_tensor(rate) or rate.shape != (1, N_rec) or rate.dtype != tf.float32:
        raise _checks.error(
            where,
            f"a TensorFlow function that keeps the shape (1, {N_rec}) and type float32",
            f"one that returns {_checks.shown(rate)}",
            "Use operations of tf.nn or tf.math, not of NumPy.",
        )


def acts_on_elements(function: Callable[..., Any]) -> bool:
    """Tell whether a function maps each element by itself, and has no variables of its own."""
    if any(function is known for known in TRANSFER_FUNCTIONS.values()):
        return True
    values = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    try:
        with tf.init_scope():
            spec = tf.TensorSpec([None, None], tf.float32)
            graph = tf.function(function, autograph=False).get_concrete_function(spec).graph
            found, turned = (function(tf.constant(v)).numpy() for v in (values, values.T))
            alone = [[function(tf.constant([[v]])).numpy()[0, 0] for v in row] for row in values]
    except Exception:  # a function of whole states: it runs in the generic loop as it is
        return False
    return (
        not graph.captures
        and np.allclose(found, turned.T, rtol=1e-5, atol=1e-6)
        and np.allclose(found, alone, rtol=1e-5, atol=1e-6)
    )
