"""The one place that imports TensorFlow: without its start-up chatter, and in eager mode."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psychrnn import _random
from psychrnn._checks import ParameterError, error, shown

_PROCESS = os.getpid()  # the one that loaded TensorFlow

_CHATTER = ("I0000 ", "WARNING: All log messages before absl", "To enable the following instr")


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Drop TensorFlow's information lines from standard error, and pass on everything else.

    They are written by compiled code before any logging setting is read, so the only way to be
    rid of them is to look at what arrives at the file descriptor.
    """
    try:
        saved = os.dup(2)
    except OSError:  # no standard error to keep clean
        yield
        return
    with tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            caught.seek(0)
            for line in caught.read().decode(errors="replace").splitlines():
                if not line.startswith(_CHATTER):
                    print(line, file=sys.stderr)


if "tensorflow" in sys.modules:
    import tensorflow as tf
else:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")  # 1: warnings and errors, no information
    with _without_chatter():
        import tensorflow as tf

for _seed in _random._for_tensorflow:  # set_seed() was called before
    tf.random.set_seed(_seed)

from tensorflow.python.eager import context  # noqa: E402 (tensorflow itself comes first)

__all__ = ["ensure_eager", "scalar", "tf"]


def scalar(where: str, value: Any) -> Any:
    """Check what a user's loss or penalty returned: one real number, as a tensor.

    Raises:
        ParameterError: if it is something else.
    """
    try:
        tensor = tf.convert_to_tensor(value)
    except (TypeError, ValueError):
        raise error(where, "one number", shown(value)) from None
    if not (tensor.dtype.is_floating or tensor.dtype.is_integer):
        raise error(where, "one real number", f"a tensor of type {tensor.dtype.name}")
    if tensor.shape.rank != 0:
        advice = "Finish with tf.reduce_mean."
        raise error(where, "one number", f"a tensor of shape {tensor.shape}", advice)
    return tf.cast(tensor, tf.float32)


def ensure_eager() -> None:
    """Turn eager execution back on where a script written for TensorFlow 1 turned it off.

    Raises:
        ParameterError: if graph operations exist already, which eager mode would orphan, or if
            this process is a fork of the one that loaded TensorFlow, whose threads it lacks.

    """
    if os.getpid() != _PROCESS:
        raise ParameterError(
            "This process was forked after TensorFlow was loaded and would hang in it. Start "
            "workers another way: joblib's default backend (loky), or "
            "multiprocessing.get_context('spawn')."
        )
    if tf.executing_eagerly() or tf.inside_function():
        return
    graph = tf.compat.v1.get_default_graph()
    if graph.get_operations():
        raise ParameterError(
            "tf.compat.v1.disable_eager_execution() was called and a TensorFlow 1 graph was "
            "begun. psychrnn needs no graph: delete the line that disables eager execution."
        )
    seed = graph.seed
    tf.compat.v1.reset_default_graph()
    tf.compat.v1.enable_eager_execution()
    # A context that came to life in graph mode does not know that it is eager outside functions;
    # optimizers of TensorFlow 1 ask it. There is no public way to tell it.
    switches = context.context().context_switches
    if not switches.stack:
        switches.push(False, context.eager_mode, None)
    if seed is not None:
        tf.random.set_seed(seed)


def compiled(function: Callable[..., Any], jit: bool = True) -> Any:
    """Return a function compiled for every shape it meets, which TensorFlow is not to warn of."""
    result = tf.function(function, jit_compile=jit, autograph=False)
    result._omit_frequent_tracing_warning = True
    return result
