"""Names of living models, each given once."""

from __future__ import annotations

import gc
import itertools
import weakref
from typing import Any

from psychrnn import _checks
from psychrnn.backend._tensorflow import tf

# Names belong to the default graph, because scripts written for TensorFlow 1 free them with
# tf.compat.v1.reset_default_graph().
_taken: weakref.WeakKeyDictionary[Any, weakref.WeakValueDictionary[str, Any]]
_taken = weakref.WeakKeyDictionary()


def register(model: Any) -> None:
    """Give ``model`` its name.

    Raises:
        ParameterError: if a living model has it.

    """
    graph = tf.compat.v1.get_default_graph()
    names = _taken.setdefault(graph, weakref.WeakValueDictionary())
    if model.name in names:
        gc.collect()  # a model that nobody holds any more frees its name
    if model.name in names:
        raise _checks.ParameterError(
            f"{type(model).__name__}.name: a model named {model.name!r} is alive. "
            "Try calling model.destruct() or changing params['name']."
        )
    names[model.name] = model


def free(model: Any) -> None:
    """Take the name from ``model``, so that another one may have it."""
    for names in _taken.values():
        for name in [name for name, holder in names.items() if holder is model]:
            del names[name]


def unused(base: str) -> str:
    """Return ``base`` with the first number that no living model has."""
    taken = {name for names in _taken.values() for name in names}
    return next(name for i in itertools.count(1) if (name := f"{base}_{i}") not in taken)
