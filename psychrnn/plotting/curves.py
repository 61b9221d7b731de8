"""Pictures of behaviour: psychometric and chronometric curves, choices."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import Normalize

from psychrnn import _checks
from psychrnn.plotting import style

_MOST_NAMES = 30  # classes; the names of more would run into each other


def psychometric(
    fit: Any, ax: Axes | None = None, label: str | None = None, color: Any = None
) -> Axes:
    """Draw a psychometric function: data, fitted curve, and threshold with its interval.

    Points are larger where they stand for more trials. Their bars are 95 % intervals of Wilson
    (1927), J. Am. Stat. Assoc. 22. A fit that failed (NaN) is drawn without a curve.

    Arguments:
        fit: what ``psychrnn.analysis.behavior.psychometric`` returned.
        ax: axes to draw in, such as those of another fit; a new figure where None.
        label: name of the data in the legend.
        color: colour of data and curve; the next one of the axes where None.

    Returns:
        The axes.

    Raises:
        ParameterError: if ``fit`` is something else, or has no proportion to draw.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from psychrnn.analysis import behavior
        >>> rng, x = np.random.default_rng(1), np.repeat([-0.4, -0.1, 0.1, 0.4], 50)
        >>> fit = behavior.psychometric(x, rng.random(200) < 1 / (1 + np.exp(-10 * x)))
        >>> ax = psychometric(fit)
        >>> ax.get_ylabel()
        'proportion of trials'
        >>> plt.close(ax.figure)

    """
    where = "plotting.psychometric"
    kind = "a PsychometricFit, which analysis.behavior.psychometric returns"
    x, p, n = (
        style.data(f"{where}.fit, {key}", style.field(f"{where}.fit", fit, key, kind), "[levels]")
        for key in ("levels", "proportions", "counts")
    )
    if not len(x) == len(p) == len(n):
        got = f"{len(x)} levels, {len(p)} proportions and {len(n)} counts"
        raise _checks.error(f"{where}.fit", "one proportion and count for each level", got)
    axes = style.new_or_given(where, ax, (4.8, 3.8))
    here = np.isfinite(x) & (p >= 0) & (p <= 1) & (n > 0)
    if not here.any():
        raise _checks.error(f"{where}.fit", "a level with a proportion and trials", "none")
    x, p, n = x[here], p[here], n[here]
    number = sum(isinstance(drawn, PathCollection) for drawn in axes.collections)
    color = style.COLOURS[number % len(style.COLOURS)] if color is None else color
    low, high = _wilson(p, n)
    bars = np.maximum([p - low, high - p], 0)
    axes.errorbar(x, p, bars, fmt="none", ecolor=color, elinewidth=1, zorder=2)
    marker = style.MARKERS[number % len(style.MARKERS)]
    axes.scatter(x, p, 16 + 50 * n / n.max(), color=color, marker=marker, zorder=3)
    dashes = style.DASHES[number % len(style.DASHES)]
    texts = [label, _curve(axes, fit, x, color, dashes)]
    axes.set_ylim(-0.03, 1.03)
    style.label(axes, _with_unit("stimulus", fit), "proportion of trials")
    if any(texts):
        handle = {"color": color, "linestyle": dashes if texts[1] else "none", "marker": marker}
        axes.plot([], [], label="\n".join(filter(None, texts)), **handle)
        axes.legend(loc="best", fontsize=style.SMALL, frameon=False, handlelength=2.4)
    return axes


def chronometric(
    curve: Any, ax: Axes | None = None, label: str | None = None, color: Any = None
) -> Axes:
    """Draw reaction times against the stimulus, with their standard errors.

    Arguments:
        curve: what ``psychrnn.analysis.behavior.chronometric`` returned.
        ax: axes to draw in, such as those of another curve; a new figure where None.
        label: name of the data in the legend.
        color: colour of the curve; the next one of the axes where None.

    Returns:
        The axes.

    Raises:
        ParameterError: if ``curve`` is something else, or has no reaction time.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from psychrnn.analysis import behavior
        >>> curve = behavior.chronometric([0.1, 0.1, 0.4, 0.4], [610.0, 590.0, 420.0, 400.0])
        >>> ax = chronometric(curve)
        >>> ax.get_ylabel()
        'median reaction time (ms)'
        >>> plt.close(ax.figure)

    """
    where = "plotting.chronometric"
    kind = "a Chronometric, which analysis.behavior.chronometric returns"
    x, times = (
        style.data(f"{where}.curve, {key}", style.field(f"{where}.curve", curve, key, kind), "[k]")
        for key in ("levels", "reaction_times")
    )
    errors = style.field(f"{where}.curve", curve, "errors", kind)
    errors = _checks.numeric(f"{where}.curve, errors", errors).astype(float)
    if not x.shape == times.shape == errors.shape:
        got = f"{len(times)} times and {errors.size} errors for {len(x)} levels"
        raise _checks.error(f"{where}.curve", "a time and an error for each level", got)
    axes = style.new_or_given(where, ax, (4.8, 3.8))
    here = np.isfinite(x) & np.isfinite(times)
    number = len(axes.containers)
    axes.errorbar(
        x[here], times[here], np.where(np.isfinite(errors), errors, 0)[here], label=label,
        color=style.COLOURS[number % len(style.COLOURS)] if color is None else color,
        linestyle=style.DASHES[number % len(style.DASHES)], capsize=2.5, markersize=5,
        marker=style.MARKERS[number % len(style.MARKERS)],
    )  # fmt: skip
    name = f"{getattr(curve, 'statistic', '')} reaction time (ms)".strip()
    style.label(axes, _with_unit("stimulus", curve), name)
    if label is not None:
        axes.legend(loc="best", fontsize=style.SMALL, frameon=False)
    return axes


def confusion(matrix: Any, ax: Axes | None = None) -> Axes:
    r"""Draw choices against targets: the fraction of each target's trials, and their number.

    Arguments:
        matrix: what ``psychrnn.analysis.behavior.confusion_matrix`` returned, or numbers of
            trials, ``[k, k]``, rows targets and columns choices.
        ax: axes to draw in; a new figure where None.

    Returns:
        The axes. Cells have numbers where they are large enough to be read. The row of a target
        without trials is grey.

    Raises:
        ParameterError: if the matrix is not square, or has no trials.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> ax = confusion([[45, 5], [10, 40]])
        >>> [text.get_text() for text in ax.texts][:2]
        ['0.90\n45', '0.10\n5']
        >>> plt.close(ax.figure)

    """
    where = "plotting.confusion"
    counts = style.data(f"{where}.matrix", getattr(matrix, "counts", matrix), "[k, k]")
    classes = len(counts)
    square = counts.shape == (classes, classes)
    if not (square and (counts >= 0).all() and counts.any()):
        expected = "a square matrix of numbers of trials, at least one above 0"
        got = "others" if square else f"shape {counts.shape}"
        raise _checks.error(f"{where}.matrix", expected, got)
    sums = counts.sum(1, keepdims=True)
    shares = np.divide(counts, sums, out=np.full(counts.shape, np.nan), where=sums > 0)
    own = getattr(matrix, "labels", range(classes))
    names = style.labels(f"{where}.matrix, labels", own, classes)
    width = 2.8 + min(0.55 * classes, 6.0)
    axes = style.new_or_given(where, ax, (width, width - 0.6), layout="compressed")
    colours = style.sequential(shares)[0]
    image = axes.imshow(shares, cmap=colours, norm=Normalize(0, 1), interpolation="nearest")
    axes.set(xlabel="choice", ylabel="target")
    cell = 0.9 * min(style.points(axes, ax is None)) / classes
    if classes <= _MOST_NAMES:
        long = max(map(style.width, names)) + 4 > cell
        axes.set_xticks(range(classes), names, rotation=90 if long else 0, fontsize=style.SMALL)
        axes.set_yticks(range(classes), names, fontsize=style.SMALL)
    _numbers(axes, shares, counts, cell)
    missing = int(np.nansum(np.asarray(getattr(matrix, "missing", 0), dtype=float)))
    if missing:
        axes.set_title(f"{missing} trials without a response left out", fontsize=style.SMALL)
    style.colour_bar(image, [axes], "fraction of the target's trials")
    return axes


def _wilson(p: np.ndarray, n: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def _curve(axes: Axes, fit: Any, x: np.ndarray, color: Any, dashes: str) -> str:
    """Draw curve and threshold of a fit that did not fail; return what the legend says."""
    keys = ("threshold", "location", "scale", "guess", "lapse")
    if not np.isfinite([float(getattr(fit, key, np.nan)) for key in keys]).all():
        return ""
    span = np.ptp(x) or 1.0
    fine = np.linspace(x.min() - 0.05 * span, x.max() + 0.05 * span, 301)
    axes.plot(fine, fit.predict(fine), color=color, linestyle=dashes, linewidth=1.6)
    at = float(fit.predict(np.array([fit.threshold]))[0])
    axes.plot([fit.threshold] * 2, [-0.03, at], color=color, linestyle=":")
    text = f"threshold {fit.threshold:.3g}"
    low, high = (float(end) for end in _interval(fit))
    known = np.isfinite([low, high])
    if known.any():  # a side that the data do not bound reaches to the end of the curve
        ends = np.clip(np.where(known, [low, high], fine[[0, -1]]), fine[0], fine[-1])
        axes.hlines(at, *ends, color=color, linewidth=3, alpha=0.6)
        one_sided = f"at least {low:.3g}" if known[0] else f"at most {high:.3g}"
        text += f"\n({low:.3g} to {high:.3g})" if known.all() else f"\n({one_sided})"
    return text


def _interval(fit: Any) -> Any:
    return getattr(fit, "intervals", {}).get("threshold", (np.nan, np.nan))


def _with_unit(text: str, result: Any) -> str:
    unit = getattr(result, "unit", "")
    return f"{text} ({unit})" if unit else text


def _numbers(axes: Axes, shares: np.ndarray, counts: np.ndarray, cell: float) -> None:
    """Write into cells of a size (points), if they are large enough for numbers to be read."""
    size = min(cell / 4, 10.0)
    if size < 5.5:
        return
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            text = f"{share:.2f}" if share else "0"
            if cell > 30:
                text += f"\n{counts[row, column]:g}"
            ink = "black" if share > 0.6 else "white"
            axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=size)
