"""Whole networks in a file: the historic arrays, and beside them, as JSON, what rebuilds them."""

from __future__ import annotations

import datetime
import platform
import warnings
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
from psychrnn.tasks.task import Task

_FORMAT = 1
_LONGEST = 10_000  # characters of a value that is kept in a description
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
    penalties = vars(model.regularizer).get("_options")
    for read in filter(None, (model._options, penalties)):
        kept |= {f.name: getattr(read, f.name) for f in fields(read) if f.name not in _NOT_KEPT}
    kept |= {"engine": model.engine, "shards": model.shards}
    loss = getattr(model.loss_function, "function", model.loss_function)
    penalty = getattr(penalties, "custom_regularization", None)
    if penalties is None:  # a regularizer of the user's own, put in the place of the library's
        penalty = model.regularizer
    used = {
        "transfer_function": (model.transfer_function, TRANSFER_FUNCTIONS),
        "loss_function": (loss, LOSSES),
        "custom_regularization": (penalty, {}),
    }
    functions = _names({role: pair for role, pair in used.items() if pair[0] is not None})
    own = {k: v for k, v in model.params.items() if _is_users(k) and _is_small(v)}
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


def _is_small(value: Any) -> bool:
    """Tell whether a value is plain data of a size that belongs into a description."""
    return _plain.is_plain(value) and len(_plain.to_text("", value)) <= _LONGEST


def _names(used: dict[str, tuple[Any, Mapping[str, Any]]]) -> dict[str, str]:
    """Return a name for each function; where one of the user's is not unique, its role."""
    found, own = {}, []
    for role, (function, known) in used.items():
        name = next((name for name, ours in known.items() if ours is function), None)
        if name is None:
            name = f"user:{getattr(function, '__name__', type(function).__name__)}"
            own.append(name)
        found[role] = name
    doubtful = {name for name in own if own.count(name) > 1 or not name[5:].isidentifier()}
    return {role: f"user:{role}" if name in doubtful else name for role, name in found.items()}


def _class_name(kind: type, known: Mapping[str, str]) -> str:
    ours = known.get(kind.__name__) == kind.__module__
    return kind.__name__ if ours else f"user:{kind.__name__}"


def _task(task: Any) -> Any:
    """Return class and arguments of a task, or None where they are not plain data."""
    arguments = None if task is None else vars(task).get("_arguments")
    if arguments is None or not _is_small(arguments):
        return None
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
    from psychrnn.backend.rnn import RNN  # here, for it knows this module

    path = _checks.path("load", path)
    custom = {} if custom_objects is None else custom_objects
    if not isinstance(custom, Mapping):
        raise _checks.error("load.custom_objects", "a dict", _checks.shown(custom))
    stored = io.load_weights(path, with_description=True)
    about = _described(path, stored)
    kind = _class(path, about["class"], _NETWORKS, custom, RNN)
    names = {key: _function(path, name, custom) for key, name in about["functions"].items()}
    given = {**about["own_params"], **about["params"], **names}
    given |= {"name": unused(kind.__name__.lower()), "load_weights_path": path}
    model = kind(given)
    model.build()
    model.__dict__.update(updates=about["updates"], task=_made_again(path, about["task"], custom))
    return model


def _made_again(path: str, about: Any, custom: Mapping[str, Any]) -> Any:
    """Return the experiment that a file names, or None where its class is not at hand."""
    if about is None or (about["class"].startswith("user:") and about["class"][5:] not in custom):
        return None
    kind = _class(path, about["class"], _TASKS, custom, Task)
    try:
        return kind(*about["arguments"]["args"], **about["arguments"]["kwargs"])
    except Exception as reason:
        warnings.warn(
            f"load, {path}: the network is loaded without its task, for {kind.__name__} cannot be "
            f"made from the arguments in the file ({type(reason).__name__}: {reason}).",
            UserWarning,
            stacklevel=3,
        )
        return None


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


def _class(
    path: str, name: str, known: Mapping[str, str], custom: Mapping[str, Any], base: type
) -> Any:
    if name in known:
        return getattr(import_module(known[name]), name)
    kind = _custom(path, name, custom)
    if not (isinstance(kind, type) and issubclass(kind, base)):
        expected = f"a class derived from {base.__name__}"
        raise _checks.error(f"load, custom_objects[{name[5:]!r}]", expected, _checks.shown(kind))
    return kind


def _function(path: str, name: str, custom: Mapping[str, Any]) -> Any:
    return _custom(path, name, custom) if name.startswith("user:") else name


def _custom(path: str, name: str, custom: Mapping[str, Any]) -> Any:
    name = name.removeprefix("user:")
    if name not in custom:
        advice = f"Pass custom_objects={{{name!r}: ...}}."
        raise _checks.error(f"load, {path}", f"{name!r} among custom_objects", "none", advice)
    return custom[name]
