"""What training pays for large weights and high firing rates: one small function for each term.

All terms are means over elements, of effective weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psychrnn.backend import params as options
from psychrnn.backend._tensorflow import scalar, tf


def mean_absolute(values: Any) -> Any:
    r"""Return :math:`\mathrm{mean}\,|w|`."""
    return tf.reduce_mean(tf.abs(values))


def mean_square(values: Any) -> Any:
    r"""Return :math:`\mathrm{mean}\,w^2`."""
    return tf.reduce_mean(tf.square(values))


class Regularizer:
    """The sum of penalties that a dict of options asks for.

    Arguments:
        params: dict with the coefficients ``L1_in, L1_rec, L1_out`` (of mean absolute weights),
            ``L2_in, L2_rec, L2_out`` (of mean squared weights) and ``L2_firing_rate`` (of the
            mean squared firing rate), 0 where missing, and ``custom_regularization``, a function
            ``(model, params)`` that returns a scalar.

    Raises:
        ParameterError: if a coefficient is negative or not a number.

    Example:
        >>> def spread(model, params):
        ...     return params["spread"] * tf.math.reduce_std(model.get_effective_W_rec())
        >>> regularizer = Regularizer({"custom_regularization": spread, "spread": 0.1})

    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._options = options.read(options.RegularizerParams, "Regularizer", params)
        self.params = params

    def set_model_regularization(self, model: Any) -> Any:
        """Return the penalty of the batch that ``model`` is being run on."""
        total = self.L1_weight_reg(model) + self.L2_weight_reg(model)
        total += self.L2_firing_rate_reg(model)
        if self._options.custom_regularization is not None:
            penalty = self._options.custom_regularization(model, self.params)
            where = f"{type(model).__name__}.custom_regularization, its result"
            total += scalar(where, penalty)
        return total

    def L1_weight_reg(self, model: Any) -> Any:
        """Return the penalties on mean absolute weights."""
        chosen = self._options
        return _weighted_sum(model, mean_absolute, chosen.L1_in, chosen.L1_rec, chosen.L1_out)

    def L2_weight_reg(self, model: Any) -> Any:
        """Return the penalties on mean squared weights."""
        chosen = self._options
        return _weighted_sum(model, mean_square, chosen.L2_in, chosen.L2_rec, chosen.L2_out)

    def L2_firing_rate_reg(self, model: Any) -> Any:
        """Return the penalty on mean squared firing rates."""
        if not self._options.L2_firing_rate:
            return tf.constant(0.0)
        rates = model.transfer_function(model.states)
        return self._options.L2_firing_rate * mean_square(rates)


def _weighted_sum(model: Any, term: Any, into: float, recurrent: float, out: float) -> Any:
    total = tf.constant(0.0)
    for coefficient, weights in (
        (into, model.get_effective_W_in),
        (recurrent, model.get_effective_W_rec),
        (out, model.get_effective_W_out),
    ):
        if coefficient:
            total += coefficient * term(weights())
    return total
