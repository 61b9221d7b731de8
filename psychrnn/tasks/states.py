"""What a task has to remember for a run that goes on later, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from psychrnn import _checks, _plain
from psychrnn.tasks.task import Task

_OWN = {"_rng", "_own_rng", "_batch_generator", "_stream", "_seed"}


def of(task: Task) -> dict[str, Any]:
    """Return the state of a task.

    It has the number of streams it began, its own random generator where it was given one, and,
    where it observes the network, every attribute that a session can change.

    Raises:
        ParameterError: if an attribute of an observing task is not plain data.

    """
    state: dict[str, Any] = {"class": type(task).__name__, "streams": task._streams}
    if task._own_rng:
        state["rng"] = _without_tuples(task.rng.bit_generator.state)
    state["attributes"] = {}
    for key, value in vars(task).items():
        if key in _OWN:
            continue
        if task.observe is not None and not _plain.is_plain(value):
            where = f"{type(task).__name__}.{key}"
            expected = "numbers, text or arrays, which a checkpoint can keep"
            advice = "A task that observes the network must be plain data to be resumed."
            raise _checks.error(where, expected, _checks.shown(value), advice)
        if task.observe is not None or key == "_drawn_seed":
            state["attributes"][key] = value
    return state


def restore(where: str, task: Task, state: dict[str, Any]) -> None:
    """Bring a task to a state.

    Raises:
        ParameterError: if the state is that of another task.

    """
    if state["class"] != type(task).__name__ or ("rng" in state) != task._own_rng:
        expected = f"a checkpoint of a run on {type(task).__name__}"
        raise _checks.error(where, expected, f"one on {state['class']}")
    task._streams = state["streams"]
    if task._own_rng:
        task.rng.bit_generator.state = state["rng"]
    for key, value in state["attributes"].items():
        old = vars(task).get(key)
        task.__dict__[key] = tuple(value) if isinstance(old, tuple) else value


def _without_tuples(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _without_tuples(value) for key, value in state.items()}
    return int(state) if isinstance(state, np.integer) else state
