"""Transfer functions from state to firing rate, and their names in options and files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
