"""Whole networks in a file: the historic arrays, and beside them, as JSON, what rebuilds them."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from importlib.metadata import version
from typing import Any

import numpy as np

from psychrnn import __version__, _checks, _plain, io
from psychrnn.backend import params as options
from psychrnn.backend.loss_functions import LOSSES
from psychrnn.backend.names import unused
from psychrnn.backend.transfer_functions import TRANSFER_FUNCTIONS

_FORMAT = 1
_LARGEST_ARGUMENT = 1000
# Names of classes that a file may name, and where the library has them.
_NETWORKS = {
    "Basic": "psychrnn.backend.models.basic",
    "BasicScan": "psychrnn.backend.models.basic",
    "LSTM": "psychrnn.backend.models.lstm",
    "GRU": "psychrnn.backend.models.gru",
}
_TASKS = {
    "PerceptualDiscrimination": "psychrnn.tasks.perceptual_discrimination",
    "DelayedDiscrimination": "psychrnn.tasks.delayed_discrim",
    "MatchToCategory": "psychrnn.tasks.match_to_category",
}
_NOT_KEPT = {"name", "alpha", "initializer", "load_weights_path", "custom_regularization"}


def description(model: Any) -> str:
    """Return what is needed beside its weights to rebuild a model, as JSON."""
    kept: dict[str, Any] = {}  # as they were read when the model was made: its dict may change
    for read in (model._options, model.regularizer._options):
        kept |= {f.name: getattr(read, f.name) for f in fields(read) if f.name not in _NOT_KEPT}
    kept |= {"engine": model.engine, "shards": model.shards}
    functions = {"transfer_function": _name(model.transfer_function, TRANSFER_FUNCTIONS)}
    functions["loss_function"] = _name(model.loss_function.function, LOSSES)
    penalty = model.regularizer._options.custom_regularization
    if penalty is not None:
        functions["custom_regularization"] = _name(penalty, {})
    own = {k: v for k, v in model.params.items() if _is_users(k) and _plain.is_plain(v)}
    versions = {"python": platform.python_version(), "psychrnn": __version__,
                "tensorflow": version("tensorflow"), "numpy": np.__version__}  # fmt: skip
    about = {
        "format": _FORMAT,
        "class": _class_name(type(model), _NETWORKS),
        "params": kept,
        "functions": functions,
        "own_params": own,
        "task": _task(model.task),
        "updates": model.updates,
        "versions": versions,
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    return _plain.to_text(f"{type(model).__name__}.save", about)


def _is_users(key: Any) -> bool:
    return isinstance(key, str) and key not in options.NETWORK_KEYS and "/" not in key


def _name(function: Any, known: Mapping[str, Any]) -> str:
    for name, own in known.items():
        if own is function:
            return name
    return f"user:{getattr(function, '__name__', type(function).__name__)}"


def _class_name(kind: type, known: Mapping[str, str]) -> str:
    ours = known.get(kind.__name__) == kind.__module__
    return kind.__name__ if ours else f"user:{kind.__name__}"


def _task(task: Any) -> Any:
    """Return class and arguments of a task, or None where they are not plain data."""
    arguments = vars(task).get("_arguments") if task is not None else None
    if arguments is None or not _plain.is_plain(arguments):
        return None
    if any(np.size(value) > _LARGEST_ARGUMENT for value in arguments.values()):
        return None  # recorded data
    return {"class": _class_name(type(task), _TASKS), "arguments": arguments}


def load(path: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the network of a file that ``model.save`` wrote, with its weights.

    Nothing in the file is run. Functions and classes of your own are in it by name only: give
    them as ``custom_objects``. The experiment the network was trained on is its attribute
    ``task``, where its class is one of the library or given, or None.

    Arguments:
        path: exact file name.
        custom_objects: dict of names and the classes and functions they stand for.

    Raises:
        FileNotFoundError: if there is no such file.
        ParameterError: if the file is damaged, is one of PsychRNN 1.0, or names something that is
            not among ``custom_objects``.

    Example:
        >>> import os, tempfile
        >>> from psychrnn import Basic, PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=4, seed=1)
        >>> model = Basic.for_task(task, N_rec=20, dale_ratio=0.8, seed=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "model.npz"))
        ...     same = load(os.path.join(folder, "model.npz"))
        >>> x = task.get_trial_batch().x
        >>> bool((same.test(x).outputs == model.test(x).outputs).all())
        True

    """
    path = _checks.path("load", path)
    custom = {} if custom_objects is None else custom_objects
    if not isinstance(custom, Mapping):
        raise _checks.error("load.custom_objects", "a dict", _checks.shown(custom))
    stored = io.load_weights(path, with_description=True)
    about = _described(path, stored)
    kind = _found(path, about["class"], _NETWORKS, custom)
    names = {key: _function(path, name, custom) for key, name in about["functions"].items()}
    given = {**about["own_params"], **about["params"], **names}
    given |= {"name": unused(kind.__name__.lower()), "load_weights_path": path}
    model = kind(given)
    model.build()
    model.__dict__["updates"] = about["updates"]
    if about["task"] is not None:
        named = about["task"]["class"]
        if not named.startswith("user:") or named[5:] in custom:
            task_kind = _found(path, named, _TASKS, custom)
            model.__dict__["task"] = task_kind(**about["task"]["arguments"])
    return model


def _described(path: str, stored: dict[str, Any]) -> dict[str, Any]:
    if io.DESCRIPTION not in stored:
        advice = "For a file of PsychRNN 1.0 make the network with params['load_weights_path']."
        raise _checks.error(
            f"load, {path}", "a file that model.save wrote", "weights alone", advice
        )
    try:
        about = _plain.from_text(str(stored[io.DESCRIPTION]))
        kinds = {"class": str, "params": dict, "functions": dict, "own_params": dict,
                 "updates": int}  # fmt: skip
        if about["format"] > _FORMAT:
            advice = f"It was written by psychrnn {about['versions']['psychrnn']}: use that."
            raise _checks.error(f"load, {path}", "a format that is known", "a newer one", advice)
        whole = all(isinstance(about[key], kind) for key, kind in kinds.items())
        task = about["task"]
        whole &= task is None or (
            isinstance(task["class"], str) and isinstance(task["arguments"], dict)
        )
        whole &= all(isinstance(name, str) for name in about["functions"].values())
    except _checks.ParameterError:
        raise
    except Exception as reason:
        raise _checks.error(f"load, {path}", "a description of a network", f"{reason!r}") from None
    if not whole:
        raise _checks.error(f"load, {path}", "a description of a network", "a damaged one")
    return about


def _found(path: str, name: str, known: Mapping[str, str], custom: Mapping[str, Any]) -> Any:
    if name in known:
        return getattr(import_module(known[name]), name)
    return _custom(path, name, custom)


def _function(path: str, name: str, custom: Mapping[str, Any]) -> Any:
    return _custom(path, name, custom) if name.startswith("user:") else name


def _custom(path: str, name: str, custom: Mapping[str, Any]) -> Any:
    name = name.removeprefix("user:")
    if name not in custom:
        advice = f"Pass custom_objects={{{name!r}: ...}}."
        raise _checks.error(f"load, {path}", f"{name!r} among custom_objects", "none", advice)
    return custom[name]
