"""What training makes small: losses as plain functions, and a table of their names.

Every function takes ``(predictions, y, output_mask)``, each ``[N_batch, N_steps, N_out]``, and
returns a scalar. Means run over all elements, those with mask 0 included, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psychrnn import _checks
from psychrnn.backend import params as options
from psychrnn.backend._tensorflow import scalar, tf


def mean_squared_error(predictions: Any, y: Any, output_mask: Any) -> Any:
    r"""Return :math:`\mathrm{mean}\,(m (p - y))^2`; a mask of 0.5 counts a quarter."""
    return tf.reduce_mean(tf.square(output_mask * (predictions - y)))


def masked_mean_squared_error(predictions: Any, y: Any, output_mask: Any) -> Any:
    r"""Return :math:`\sum m (p - y)^2 / \sum m`, whatever the share of masked time."""
    total = tf.reduce_sum(output_mask * tf.square(predictions - y))
    return tf.math.divide_no_nan(total, tf.reduce_sum(output_mask))


def binary_cross_entropy(predictions: Any, y: Any, output_mask: Any) -> Any:
    r"""Return the mean of :math:`-m\,(y \log p + (1 - y) \log(1 - p))`.

    Predictions are taken as probabilities as they are, clipped to [1e-7, 1 - 1e-7]; where they
    are clipped the gradient is 0. ``binary_cross_entropy_with_logits`` has no such dead range.
    """
    tiny = 1e-7
    p = tf.clip_by_value(predictions, tiny, 1 - tiny)
    entropy = -(y * tf.math.log(p + tiny) + (1 - y) * tf.math.log(1 - p + tiny))
    return tf.reduce_mean(output_mask * entropy)


def binary_cross_entropy_with_logits(predictions: Any, y: Any, output_mask: Any) -> Any:
    r"""Return binary cross-entropy with :math:`p = \mathrm{sigmoid}(\mathrm{predictions})`."""
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=predictions)
    return tf.reduce_mean(output_mask * entropy)


def categorical_cross_entropy(predictions: Any, y: Any, output_mask: Any) -> Any:
    r"""Return the mean over time points of :math:`-\bar m \sum_k y_k \log \mathrm{softmax}(p)_k`.

    The softmax runs over output channels, :math:`\bar m` is the mean of the mask over channels,
    and y holds the probability of each channel (1 for the right one).
    """
    entropy = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=predictions)
    return tf.reduce_mean(tf.reduce_mean(output_mask, axis=-1) * entropy)


LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {
    function.__name__: function
    for function in (
        mean_squared_error,
        masked_mean_squared_error,
        binary_cross_entropy,
        binary_cross_entropy_with_logits,
        categorical_cross_entropy,
    )
}


# The names that PsychRNN 1.0 knew; under any other, a function in params goes first.
_HISTORIC = ("mean_squared_error", "binary_cross_entropy")


class LossFunction:
    """The loss that a dict of options asks for.

    Arguments:
        params: dict; ``params["loss_function"]`` is one of the names in ``LOSSES``, a function
            ``(predictions, y, output_mask)``, or the key in ``params`` of such a function.

    Raises:
        ParameterError: if the name is neither known nor a key of ``params``.

    Example:
        >>> def absolute(predictions, y, output_mask):
        ...     return tf.reduce_mean(tf.abs(output_mask * (predictions - y)))
        >>> loss = LossFunction({"loss_function": "absolute", "absolute": absolute})
        >>> float(loss.function(tf.ones([1, 1, 1]), 0.0, 1.0))
        1.0

    """

    mean_squared_error = staticmethod(mean_squared_error)
    binary_cross_entropy = staticmethod(binary_cross_entropy)

    def __init__(self, params: Mapping[str, Any]) -> None:
        chosen = options.read(options.LossParams, "LossFunction", params).loss_function
        self.type = chosen
        where = "LossFunction.loss_function"
        if callable(chosen):
            self.function = chosen
        elif chosen in LOSSES and (chosen in _HISTORIC or params.get(chosen) is None):
            self.function = LOSSES[chosen]
        elif params.get(chosen) is None:
            raise _checks.error(
                where,
                "a function, or one of " + ", ".join(LOSSES),
                chosen,
                f"For a loss of your own pass the function, or add it as params[{chosen!r}].",
            )
        else:
            self.function = _checks.function(f"{where}, params[{chosen!r}]", params[chosen])

    def set_model_loss(self, model: Any) -> Any:
        """Return the loss of the batch that ``model`` is being run on."""
        loss = self.function(model.predictions, model.y, model.output_mask)
        return scalar(f"{type(model).__name__}.loss_function, its result", loss)
