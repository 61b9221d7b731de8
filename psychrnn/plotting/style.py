"""What all pictures share: colours, axes, legends, and checks of what is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.layout_engine import TightLayoutEngine
from matplotlib.textpath import TextPath
from matplotlib.transforms import ScaledTranslation

from psychrnn import _checks

# Okabe and Ito (2008), ordered so that neighbours differ in grey too.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
DISCREET = "0.5"
SMALL = 8.5  # points
DIVERGING, SEQUENTIAL = "RdBu_r", "viridis"
NO_DATA = "0.75"


def new_or_given(
    where: str,
    ax: Any,
    size: tuple[float, float],
    projection: str = "rectilinear",
    layout: Literal["constrained", "compressed"] = "constrained",
) -> Any:
    """Return ``ax`` if it can take the picture, or the axes of a new figure where it is None.

    The layout 'compressed' is that for pictures whose directions have the same scale.
    """
    if ax is None:
        options = {"projection": projection}
        return plt.subplots(figsize=size, layout=layout, subplot_kw=options)[1]
    kind = "axes with projection='3d'" if projection == "3d" else "ordinary two-dimensional axes"
    if not isinstance(ax, Axes):
        advice = "matplotlib's plt.subplots() makes some."
        raise _checks.error(f"{where}.ax", f"{kind}, or None for a new figure", ax, advice)
    if ax.figure is None:
        raise _checks.error(f"{where}.ax", f"{kind} of a figure", "axes removed from theirs")
    if ax.name != projection:
        advice = "plt.subplots(subplot_kw={'projection': '3d'}) makes axes of three dimensions."
        got = f"axes with projection {ax.name!r}"
        raise _checks.error(f"{where}.ax", kind, got, advice if projection == "3d" else "")
    return ax


def several(where: str, ax: Any, number: int) -> list[Axes]:
    """Return ``number`` axes from a sequence or array of them."""
    listed = list(ax.flat) if isinstance(ax, np.ndarray) else ax
    if not isinstance(listed, (list, tuple)) or len(listed) != number:
        got = f"{len(listed)}" if isinstance(listed, (list, tuple)) else _checks.shown(ax)
        raise _checks.error(f"{where}.ax", f"{number} axes, or None for a new figure", got)
    return [new_or_given(where, one, (1, 1)) for one in listed]


def data(where: str, value: Any, *shapes: str) -> np.ndarray:
    """Return numbers with one of some shapes as floats, with NaN for all that is not finite.

    Arguments:
        where: function and argument, for the error.
        value: anything that NumPy can turn into an array.
        shapes: allowed shapes in words, such as ``"[N_steps, N_rec]"``.

    """
    expected = f"an array {' or '.join(shapes)}"
    array = _checks.numeric(where, value, expected)
    if array.ndim not in [shape.count(",") + 1 for shape in shapes] or not array.size:
        raise _checks.error(where, expected, f"shape {array.shape}")
    array = array.astype(float)
    array[~(np.abs(array) <= np.finfo(np.float32).max)] = np.nan
    if np.isnan(array).all():
        raise _checks.error(where, "at least one finite number", "NaN or infinity throughout")
    return array


def field(where: str, value: Any, name: str, kind: str) -> Any:
    """Return an attribute of a result, or say which result was expected."""
    try:
        return getattr(value, name)
    except AttributeError:
        raise _checks.error(where, kind, value) from None


def labels(where: str, given: Any, number: int) -> list[str]:
    """Return one text for each of ``number`` conditions; '' for each where None."""
    if given is None:
        return [""] * number
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, Iterable) or len(found := [str(one) for one in listed]) != number:
        raise _checks.error(where, f"{number} labels, one for each condition", given)
    return found


def times(where: str, steps: int, dt: Any, start: Any = 0.0) -> tuple[np.ndarray, str]:
    """Return the time of each step, and of the end of the last, with the label of the axis."""
    length = 1.0 if dt is None else _checks.positive(f"{where}.dt", dt)
    first = _checks.number(f"{where}.start", start)
    return first + length * np.arange(steps + 1), "time (steps)" if dt is None else "time (ms)"


def lines(number: int) -> list[dict[str, Any]]:
    """Return colour and dashes for each of some lines: ordered colours where they are many."""
    if number <= len(COLOURS):
        return [{"color": COLOURS[k], "linestyle": DASHES[k % 4]} for k in range(number)]
    chosen = colormaps[SEQUENTIAL](np.linspace(0, 0.88, number))
    return [{"color": tuple(chosen[k]), "linestyle": DASHES[k % 4]} for k in range(number)]


def symmetric(values: np.ndarray, limit: float | None = None) -> tuple[Colormap, Normalize]:
    """Return a diverging colour map with its limits centred on zero; NaN is grey."""
    limit = float(np.nanmax(np.abs(values))) if limit is None else limit
    limit = limit if limit > 0 else 1.0  # where all is 0
    return colormaps[DIVERGING].with_extremes(bad=NO_DATA), Normalize(-limit, limit)


def sequential(values: np.ndarray) -> tuple[Colormap, Normalize]:
    """Return a sequential colour map with the limits of the data; NaN is grey."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return colormaps[SEQUENTIAL].with_extremes(bad=NO_DATA), Normalize(
        low, high if high > low else low + 1
    )


def suited(values: np.ndarray) -> tuple[Colormap, Normalize]:
    """Return the diverging map for values on both sides of zero, else the sequential one.

    A side that reaches less than a fifth as far as the other, such as that of noise around zero,
    does not count.
    """
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    both = low < 0 < high and min(-low, high) > 0.2 * max(-low, high)
    return symmetric(values) if both else sequential(values)


def colour_bar(image: Any, axes: Sequence[Axes], label: str, **options: Any) -> None:
    """Add a colour bar beside axes; where the figure makes no room, they become narrower."""
    figure = axes[0].figure
    engine = figure.get_layout_engine()
    if engine is None or (len(axes) > 1 and not isinstance(engine, TightLayoutEngine)):
        figure.colorbar(image, ax=axes, label=label, fraction=0.046, pad=0.03, **options)
    else:  # as high as the picture, whatever its shape
        bar = axes[-1].inset_axes((1.03, 0.0, 0.045, 1.0))
        figure.colorbar(image, cax=bar, label=label, **options)


def legend(*axes: Axes) -> None:
    """Add a legend beside each of some axes that have the same width.

    Where the figure has no layout that makes room (such as ``layout="constrained"``), the axes
    become narrower, so that no data are hidden.
    """
    texts = [text for ax in axes for text in ax.get_legend_handles_labels()[1]]
    if not texts:
        return
    for ax in axes:
        gap = 50 if ax.name == "3d" else 6  # points; the third axis is labelled on the right
        if ax.figure.get_layout_engine() is None:
            box = ax.get_position()
            needed = (max(map(width, texts)) + 40 + gap) / points(ax)[0]
            ax.set_position((box.x0, box.y0, box.width * max(1 - needed, 0.4), box.height))
            ax.set_in_layout(True)
        if ax.get_legend_handles_labels()[1]:
            shift = ScaledTranslation(gap / 72, 0, ax.figure.dpi_scale_trans)
            ax.legend(
                loc="upper left", bbox_to_anchor=(1, 1), bbox_transform=ax.transAxes + shift,
                borderaxespad=0, fontsize=SMALL, frameon=False,
            )  # fmt: skip


def points(ax: Axes, own: bool = False) -> tuple[float, float]:
    """Return width and height of axes (points), as far as they are known before the layout.

    Arguments:
        ax: the axes.
        own: True for axes of a figure of ours, where the layout changes little.

    """
    shrinks = 0.6 if ax.figure.get_layout_engine() is not None and not own else 0.95
    box = ax.get_window_extent()
    scale = 72 / ax.figure.dpi
    return box.width * scale * shrinks, box.height * scale * shrinks


def width(text: str) -> float:
    """Return the width of the longest line of a small text (points)."""
    lines = [line for line in text.split("\n") if line.strip()]
    paths = [TextPath((0, 0), line, size=SMALL) for line in lines]
    return max((float(path.get_extents().width) for path in paths), default=0.0)


def label(ax: Axes, x: str, y: str) -> None:
    """Name the axes and take away the frame's upper and right lines."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
