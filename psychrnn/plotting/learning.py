"""The picture of training: loss, accuracy, and the stages of a curriculum."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from psychrnn import _checks
from psychrnn.plotting import style

_LARGE_RANGE = 20  # largest over smallest loss, from which a scale is logarithmic


def training(
    result: Any, curriculum: Any = None, loss_epoch: int = 10, ax: Axes | None = None
) -> Axes:
    """Draw the loss against updates, with the accuracy and the stages of a curriculum.

    The loss has a logarithmic scale where the largest is more than 20 times the smallest. The
    accuracy of the curriculum's tests has an axis of its own on the right. Every second stage is
    shaded; the number of a stage is left out where it is too short for it.

    Arguments:
        result: what ``train`` returned, or recorded losses.
        curriculum: the :class:`~psychrnn.backend.curriculum.Curriculum` of that run, or its log.
        loss_epoch: number of updates between recorded losses, as ``train`` was told.
        ax: axes to draw in; a new figure where None.

    Returns:
        The axes of the loss.

    Raises:
        ParameterError: if neither a loss nor a test is recorded, or the log of the curriculum
            goes on after the last loss, as that of several runs does.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> ax = training([2.0, 0.5, 0.1, 0.05], loss_epoch=5)
        >>> ax.get_yscale(), ax.lines[0].get_xdata().tolist()
        ('log', [5, 10, 15, 20])
        >>> plt.close(ax.figure)

    """
    where = "plotting.training"
    every = _checks.count(f"{where}.loss_epoch", loss_epoch)
    losses = _losses(f"{where}.result", getattr(result, "losses", result))
    log = _log(where, curriculum)
    if not len(losses) and log is None:
        advice = "Train for at least loss_epoch updates."
        raise _checks.error(f"{where}.result", "at least one recorded loss", "none", advice)
    if log is not None and len(losses) and log[0].max() >= (len(losses) + 1) * every:
        got = f"a test after {log[0].max()} of about {len(losses) * every} updates"
        advice = "loss_epoch is that of train, and the curriculum that of this one run."
        raise _checks.error(f"{where}.curriculum", "tests of the same run", got, advice)
    axes = style.new_or_given(where, ax, (6.8, 3.6))
    axes.plot(
        every * np.arange(1, len(losses) + 1), losses, color=style.COLOURS[0], label="loss",
        marker="." if len(losses) == 1 else None,
    )  # fmt: skip
    positive = losses[losses > 0]
    all_positive = len(losses) and len(positive) == np.isfinite(losses).sum()
    if all_positive and positive.max() > _LARGE_RANGE * positive.min():
        axes.set_yscale("log")
    style.label(axes, "updates", "loss")
    if log is not None:
        _tests(axes, *log)
    return axes


def _losses(where: str, values: Any) -> np.ndarray:
    array = _checks.numeric(where, values, "recorded losses")
    if array.ndim != 1:
        raise _checks.error(where, "recorded losses", values)
    return style.data(where, array, "[updates]") if array.size else array.astype(float)


def _log(where: str, curriculum: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    if curriculum is None:
        return None
    log = getattr(curriculum, "log", curriculum)
    kind = "a Curriculum or its log"
    update, stage, accuracy = (
        _checks.numeric(key, style.field(f"{where}.curriculum", log, key, kind))
        for key in ("update", "stage", "accuracy")
    )
    if not (update.ndim == 1 and update.shape == stage.shape == accuracy.shape):
        raise _checks.error(f"{where}.curriculum", kind, log)
    return (update, stage, accuracy) if len(update) else None


def _tests(axes: Axes, update: np.ndarray, stage: np.ndarray, accuracy: np.ndarray) -> None:
    """Draw the tests of a curriculum on an axis of their own, over shaded stages."""
    current = axes.figure.gca()
    right = axes.twinx()
    axes.figure.sca(current)
    right.plot(
        update, accuracy, color=style.COLOURS[1], linestyle="--", marker="o", markersize=3.5,
        label="accuracy",
    )  # fmt: skip
    right.set_ylabel("accuracy (dashed)")
    axes.set_ylabel("loss (solid)")
    right.spines["top"].set_visible(False)
    ends = np.flatnonzero(np.diff(stage)) + 1  # a stage ends with the test that it passes
    begins = [0.0, *update[ends - 1]]
    last = max(axes.get_xlim()[1], update[-1])
    axes.set_xlim(0, last)
    width = style.points(axes)[0] / last
    for number, (begin, end) in enumerate(zip(begins, [*begins[1:], last])):
        axes.axvspan(begin, end, facecolor=style.DISCREET, alpha=0.16 * (number % 2), zorder=0)
        name = f"{stage[[0, *ends][number]]}"
        room = width * (end - begin)
        names = [text for text in (f"stage {name}", name) if style.width(text) + 3 < room]
        axes.annotate(
            names[0] if names else "", ((begin + end) / 2, 1), (0, 2), fontsize=style.SMALL,
            xycoords=axes.get_xaxis_transform(), textcoords="offset points", ha="center",
        )  # fmt: skip
