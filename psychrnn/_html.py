"""How tasks, batches and results are shown: one line of text, or a small table in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from psychrnn import _plain

_SPARK_POINTS = 120  # more would not be seen in a picture of this width
_OF_EVERY_TASK = ("N_batch", "N_in", "N_out", "dt", "tau", "T")
_DERIVED = ("alpha", "N_steps", "input_names", "output_names")


def table(title: str, rows: Iterable[tuple[str, str]], below: str = "") -> str:
    """Return a table of words and sentences as HTML; all text is escaped, ``below`` is not."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{html.escape(word)}</th>"
        f"<td style='text-align:left'>{html.escape(sentence)}</td></tr>"
        for word, sentence in rows
    )
    return f"<table><caption>{html.escape(title)}</caption>{cells}</table>{below}"


def call(name: str, parts: Mapping[str, str]) -> str:
    """Return ``Name(key=text, ...)``."""
    return f"{name}({', '.join(f'{key}={text}' for key, text in parts.items())})"


def sparkline(values: Any, title: str, width: int = 240, height: int = 40) -> str:
    """Return a line of numbers as a small inline SVG picture; '' for fewer than two.

    Arguments:
        values: numbers in order; those that are not finite are left out.
        title: what the line is, for a tooltip and for screen readers.
        width: width of the picture (pixels).
        height: height of the picture (pixels).

    """
    line = np.asarray(values, dtype=float).ravel()
    line = line[np.isfinite(line)]
    if line.size < 2:
        return ""
    if line.size > _SPARK_POINTS:
        line = np.array([part.mean() for part in np.array_split(line, _SPARK_POINTS)])
    across = 2 + np.linspace(0, 1, line.size) * (width - 4)
    span = np.ptp(line)
    share = (line - line.min()) / span if 0 < span < np.inf else np.full(line.size, 0.5)
    down = 2 + (1 - share) * (height - 4)
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, down))
    return (
        f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}' role='img' "
        f"xmlns='http://www.w3.org/2000/svg'><title>{html.escape(title)}</title>"
        "<polyline fill='none' stroke='currentColor' stroke-width='1.5' "
        f"points='{points}'/></svg>"
    )


def size(value: Any) -> str:
    """Return the shape of an array as ``[128, 200, 2]``, or a word for anything else."""
    shape = getattr(value, "shape", None)
    if shape is None:
        shape = (len(value),) if isinstance(value, (list, tuple)) else None
    return type(value).__name__ if shape is None else f"[{', '.join(map(str, shape))}]"


def arrays_text(arrays: Any) -> str:
    """Return the ``repr`` of a NamedTuple of arrays: their shapes."""
    return call(type(arrays).__name__, {key: size(v) for key, v in arrays._asdict().items()})


def arrays_table(arrays: Any, more: Iterable[tuple[str, str]] = ()) -> str:
    """Return a NamedTuple of arrays as a table: shapes, ranges, and how much is not finite."""
    rows = [(key, f"{size(v)}{_extent(v)}") for key, v in arrays._asdict().items()]
    return table(type(arrays).__name__, [*rows, *more])


def _extent(values: Any) -> str:
    if not isinstance(values, np.ndarray) or not values.size:
        return ""
    if values.dtype == object:
        first = values.flat[0]
        return f", {', '.join(map(str, first))}" if isinstance(first, dict) and first else ""
    if values.dtype.kind not in "biuf":
        return ""
    wrong = values.size - np.isfinite(values).sum()
    if wrong:
        return f", {wrong} of {values.size} values are NaN or infinite"
    return f", {values.min():.3g} to {values.max():.3g}"


def training_text(result: Any) -> str:
    """Return the ``repr`` of what ``train`` returned, without the losses in between."""
    found = _losses(result)
    parts = {"losses": f"[{found}]" if found else "[]"}
    parts |= {key: f"{getattr(result, key):.3g}" for key in result._fields[1:]}
    return call(type(result).__name__, {**parts, "interrupted": repr(result.interrupted)})


def training_table(result: Any) -> str:
    """Return what ``train`` returned as a table, with a picture of the loss."""
    setting_up = f"{result.initialization_time:.3g} s before the first update"
    rows = [
        ("losses", _losses(result) or "none recorded"),
        ("time", f"{result.training_time:.3g} s, and {setting_up}"),
        ("interrupted", result.interrupted or "no"),
    ]
    losses = np.asarray(result.losses, dtype=float)
    if losses.size and (losses > 0).all():
        return table(type(result).__name__, rows, sparkline(np.log(losses), "loss, log scale"))
    return table(type(result).__name__, rows, sparkline(losses, "loss"))


def _losses(result: Any) -> str:
    if not len(result.losses):
        return ""
    first, last = float(result.losses[0]), float(result.losses[-1])
    return f"{len(result.losses)} recorded, first {first:.3g}, last {last:.3g}"


def task_text(task: Any) -> str:
    """Return the ``repr`` of a task: its class and what it was made with."""
    values = vars(task)
    parts = {key: _short(values[key]) for key in _OF_EVERY_TASK if key in values}
    return call(type(task).__name__, {**parts, **_options(values, values.get("_seed"))})


def task_table(task: Any) -> str:
    """Return a task as a table: sizes, times, channels and options."""
    known = task.get_task_params()
    options = _options(known, vars(task).get("_seed"))
    time = f"dt {_short(task.dt)} ms, tau {_short(task.tau)} ms, T {_short(task.T)} ms"
    rows = [
        ("inputs", _channels(task.N_in, task.input_names)),
        ("outputs", _channels(task.N_out, task.output_names)),
        ("time", f"{time}, {task.N_steps} steps a trial"),
        ("batch", f"{task.N_batch} trials"),
        ("options", ", ".join(f"{key} {text}" for key, text in options.items()) or "none"),
    ]
    return table(type(task).__name__, rows)


def _channels(number: int, names: Iterable[str] | None) -> str:
    listed = "" if names is None else ", ".join(map(str, names))
    listed = listed if len(listed) <= 120 else f"{listed[:110]}..."
    return f"{number}: {listed}" if listed else f"{number}"


def _options(values: Mapping[str, Any], seed: Any) -> dict[str, str]:
    """Describe what is given and plain: numbers, words, and lists of them."""
    hidden = (*_OF_EVERY_TASK, *_DERIVED)
    found = {k: v for k, v in values.items() if k not in hidden and k[:1] != "_" and v is not None}
    shown = {key: _short(value) for key, value in found.items() if _is_short_or_plain(value)}
    return shown if seed is None else {**shown, "seed": str(seed)}


def _is_long(value: Any) -> bool:
    return isinstance(value, (list, tuple, dict)) and len(value) > 20


def _is_short_or_plain(value: Any) -> bool:
    return _is_long(value) or isinstance(value, np.ndarray) or _plain.is_plain(value)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        return size(value)
    if _is_long(value):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, (float, np.number)):
        return f"{value:.6g}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of a user's class; what is shown of it is not worth a traceback
        text = type(value).__name__
    return text if len(text) <= 60 else f"{text[:50]}..."
