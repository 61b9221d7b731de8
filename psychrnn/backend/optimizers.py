"""Which optimizer a dict of options means, and how gradients are clipped for it.

The optimizers themselves are Keras' and TensorFlow's.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.params import TrainParams


def optimizer_for(model: Any, options: TrainParams) -> Any:
    """Return the optimizer to use.

    The default is Adam (Kingma and Ba 2015) with epsilon 1e-8. Like one chosen by name it stays
    with the model, so that two calls of ``train`` do what one long call does.

    Raises:
        ParameterError: if it is not an optimizer, or the learning rate is not above 0.

    """
    where = f"{type(model).__name__}.train.optimizer"
    given = options.optimizer
    if given is not None and not isinstance(given, str):
        if isinstance(given, type) or not hasattr(given, "apply_gradients"):
            advice = "Pass an object, such as tf.keras.optimizers.Adam(1e-3)."
            raise _checks.error(where, "an optimizer", _checks.shown(given), advice)
        if options.learning_rate != 0.001:
            warnings.warn(
                f"{where}: learning_rate has no effect beside an optimizer object, which has its "
                "own.",
                UserWarning,
                stacklevel=4,
            )
        return given
    rate = _learning_rate(model, options)
    plain = isinstance(rate, float)
    wanted = (given, None if plain else rate)
    if model._optimizer is None or model._optimizer[0] != wanted:
        vars(model)["_optimizer"] = (wanted, _new_optimizer(where, given, rate))
    _, optimizer = model._optimizer
    if plain:
        optimizer.learning_rate = rate
    return optimizer


def _new_optimizer(where: str, name: str | None, rate: Any) -> Any:
    if name is None:
        return tf.keras.optimizers.Adam(rate, epsilon=1e-8)
    try:
        return tf.keras.optimizers.get({"class_name": name, "config": {"learning_rate": rate}})
    except (ValueError, TypeError):
        advice = "Names are those of tf.keras.optimizers, such as 'adam' or 'sgd'."
        raise _checks.error(where, "the name of an optimizer", name, advice) from None


def _learning_rate(model: Any, options: TrainParams) -> Any:
    rate = options.learning_rate
    if isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule):
        return rate
    return _checks.positive(f"{type(model).__name__}.train.learning_rate", rate)


def prepare(model: Any, optimizer: Any, variables: list[Any]) -> None:
    """Let a Keras optimizer make its memory, before anything is compiled.

    Raises:
        ParameterError: if nothing is trainable, or the optimizer belongs to another model.

    """
    where = f"{type(model).__name__}.train"
    if not variables:
        raise _checks.error(where, "at least one trainable weight", "none", "Set a *_train flag.")
    if not isinstance(optimizer, tf.keras.optimizers.Optimizer):
        return
    if not optimizer.built:
        optimizer.build(variables)
    elif {id(v) for v in optimizer._trainable_variables} != {id(v) for v in variables}:
        raise _checks.error(
            f"{where}.optimizer",
            "an optimizer of this model",
            "one that trained another model",
            "A Keras optimizer remembers the weights it trained: make a new one.",
        )


def clip(gradients: dict[str, Any], options: TrainParams) -> dict[str, Any]:
    r"""Return gradients with norms of at most ``clip_grads``: each of them, or all together.

    Each gradient is divided by :math:`\max(1, \|g\|_2 / c)`, where the norm is that of the weight
    (``clip_grads_by='tensor'``) or of all weights ('global'; Pascanu, Mikolov and Bengio 2013,
    ICML).
    """
    limit = options.clip_grads
    if limit is None:
        return gradients
    if options.clip_grads_by == "tensor":
        return {key: tf.clip_by_norm(g, np.float32(limit)) for key, g in gradients.items()}
    together, _ = tf.clip_by_global_norm(list(gradients.values()), np.float32(limit))
    return dict(zip(gradients, together))
