"""What a task has to remember for a run that goes on later, as plain data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from psychrnn import _checks, _plain
from psychrnn.tasks.task import Task

_OWN = {"_rng", "_own_rng", "_batch_generator", "_stream", "_seed", "_arguments", "alpha"}


def of(task: Task) -> dict[str, Any]:
    """Return the state of a task.

    It has the number of streams it began, its own random generator where it was given one, and,
    where it observes the network, every attribute that a session can change.

    Raises:
        ParameterError: if an attribute of an observing task is not plain data.

    """
    state: dict[str, Any] = {"class": type(task).__name__, "streams": task._streams}
    state["arguments"] = task.__dict__.get("_arguments")
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
    if state["arguments"] is not None and _differ(
        state["arguments"], task.__dict__.get("_arguments")
    ):
        warnings.warn(
            f"{where}: {type(task).__name__} was made with other arguments than that of the "
            "checkpoint. The run goes on with the new one.",
            UserWarning,
            stacklevel=5,
        )
    task._streams = state["streams"]
    if task._own_rng:
        task.rng.bit_generator.state = state["rng"]
    task.__dict__.update(state["attributes"])


def _without_tuples(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _without_tuples(value) for key, value in state.items()}
    return int(state) if isinstance(state, np.integer) else state


def _differ(one: Any, other: Any) -> bool:
    return other is not None and _plain.to_text("", one) != _plain.to_text("", other)
