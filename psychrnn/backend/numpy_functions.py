"""Transfer functions in NumPy, by the names of those in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def relu(x: Any) -> Any:
    """Return ``max(x, 0)``."""
    return np.maximum(x, 0)


def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))``, without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * np.asarray(x, dtype=float))


def _selu(x: Any) -> Any:
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


TRANSFER_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "relu": relu,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "softplus": lambda x: np.logaddexp(0, x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": _selu,
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "identity": lambda x: x,
}
