"""Pictures of networks: weight matrices and eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from psychrnn import _checks
from psychrnn.backend.option_checks import unit_numbers
from psychrnn.plotting import style

_Groups = list[tuple[str, np.ndarray]]


def weights(W: Any, signs: Any = None, blocks: Any = None, ax: Axes | None = None) -> Axes:
    """Draw a weight matrix, rows targets and columns sources, sorted by sign or by block.

    Colours are centred on zero. They end at the 99th percentile of the absolute weights that are
    not 0, so that few large weights do not hide the others; weights beyond have the last colour,
    and the colour bar has pointed ends.

    Arguments:
        W: weights, ``[N_target, N_source]``.
        signs: +1 for each excitatory and -1 for each inhibitory unit, ``[N_rec]``; the matrix
            ``Dale_rec`` or the network itself will do. Units are sorted by them: rows, columns,
            or both, wherever the matrix has as many as there are signs.
        blocks: dict of names and unit numbers, such as ``{"input": range(10)}``, to sort by
            instead. Both sides of a square matrix are sorted, and units in no block come last;
            of another matrix the blocks hold every row or every column.
        ax: axes to draw in; a new figure where None.

    Returns:
        The axes.

    Raises:
        ParameterError: if the shapes do not fit, a unit does not exist or is in two blocks, or
            both ``signs`` and ``blocks`` are given.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> ax = weights([[0.0, -2.0], [1.0, 0.5]], signs=[1, -1])
        >>> ax.images[0].get_clim()
        (-2.0, 2.0)
        >>> plt.close(ax.figure)

    """
    where = "plotting.weights"
    values = style.data(f"{where}.W", W, "[N_target, N_source]")
    rows, columns = _sorted(where, values.shape, signs, blocks)
    ratio = values.shape[0] / values.shape[1]
    square = 1 / 3 < ratio < 3
    layout: Any = "compressed" if square else "constrained"
    axes = style.new_or_given(where, ax, _size(ratio, rows), layout=layout)
    order = np.ix_(*(np.concatenate([units for _, units in side]) for side in (rows, columns)))
    limit, largest = _limit(values)
    colours, limits = style.symmetric(values, limit)
    image = axes.imshow(
        values[order], cmap=colours, norm=limits, interpolation="nearest",
        aspect="equal" if square else "auto",
    )  # fmt: skip
    _blocks(axes, rows, columns)
    axes.set(xlabel="source", ylabel="target")
    style.colour_bar(image, [axes], "weight", extend="both" if largest > limit else "neither")
    return axes


def eigenvalues(values: Any, ax: Axes | None = None, circle: bool = True) -> Axes:
    """Draw eigenvalues in the complex plane, with the unit circle.

    Arguments:
        values: complex or real numbers, ``[N]``, or what
            ``psychrnn.analysis.connectivity.spectrum`` returned.
        ax: axes to draw in; a new figure where None.
        circle: True to draw the unit circle.

    Returns:
        The axes; both directions have the same scale.

    Raises:
        ParameterError: if the values are no list of numbers, or none is finite.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> ax = eigenvalues([0.5 + 0.5j, 0.5 - 0.5j, -0.2])
        >>> ax.get_aspect()
        1.0
        >>> plt.close(ax.figure)

    """
    where = "plotting.eigenvalues"
    found = _complex(f"{where}.values", getattr(values, "eigenvalues", values))
    with_circle = _checks.flag(f"{where}.circle", circle)
    axes = style.new_or_given(where, ax, (4.4, 4.2), layout="compressed")
    for draw in (axes.axhline, axes.axvline):
        draw(0, color=style.DISCREET, linewidth=0.6, zorder=0)
    if with_circle:
        angle = np.linspace(0, 2 * np.pi, 361)
        axes.plot(
            np.cos(angle), np.sin(angle), color=style.DISCREET, linestyle="--", linewidth=1.0,
            label="unit circle",
        )  # fmt: skip
    axes.plot(
        found.real, found.imag, linestyle="none", marker="o", markersize=4.5,
        markerfacecolor="none", color=style.COLOURS[0],
    )  # fmt: skip
    axes.set_aspect("equal")
    box = axes.dataLim  # a square around all that is drawn
    half = 0.55 * max(box.width, box.height) or 1.0
    for center, limit in zip((box.x0 + box.x1, box.y0 + box.y1), (axes.set_xlim, axes.set_ylim)):
        limit(center / 2 - half, center / 2 + half)
    style.label(axes, "real part", "imaginary part")
    return axes


def _sorted(where: str, shape: Any, signs: Any, blocks: Any) -> tuple[_Groups, _Groups]:
    """Return names and units of the groups of rows, and of those of columns."""
    if signs is not None and blocks is not None:
        raise _checks.error(where, "signs or blocks to sort by", "both", "Leave one of them out.")
    whole: list[_Groups] = [[("", np.arange(size))] for size in shape]
    if signs is not None:
        groups = _by_sign(f"{where}.signs", signs, shape)
    elif blocks is not None:
        groups = _by_block(f"{where}.blocks", blocks, shape)
    else:
        return whole[0], whole[1]
    units = sum(len(members) for _, members in groups)
    rows, columns = (groups if size == units else all_ for size, all_ in zip(shape, whole))
    return rows, columns


def _by_sign(where: str, signs: Any, shape: tuple[int, int]) -> _Groups:
    if hasattr(signs, "Dale_rec"):
        if not getattr(signs, "has_dale", True):
            advice = "Make it with dale_ratio=0.8, or leave signs out."
            raise _checks.error(where, "a network under Dale's principle", "another", advice)
        signs = signs.Dale_rec
    values = style.data(where, signs, "[N_rec]", "[N_rec, N_rec]")
    values = np.diagonal(values) if values.ndim == 2 else values
    if len(values) not in shape:
        expected = f"one sign for each row or column, {shape[0]} or {shape[1]}"
        raise _checks.error(where, expected, f"{len(values)}")
    named = {"excitatory": values > 0, "inhibitory": values < 0, "no sign": ~(abs(values) > 0)}
    return [(name, np.flatnonzero(units)) for name, units in named.items() if units.any()]


def _by_block(where: str, blocks: Any, shape: tuple[int, int]) -> _Groups:
    if not isinstance(blocks, dict) or not blocks:
        expected = "a dict of names and unit numbers, such as {'input': range(10)}"
        raise _checks.error(where, expected, blocks)
    most = max(shape)
    groups = [(f"{k}", unit_numbers(f"{where}[{k!r}]", u, most)) for k, u in blocks.items()]
    named = np.concatenate([units for _, units in groups])
    if len(np.unique(named)) != len(named):
        raise _checks.error(where, "each unit in one block", "one in two blocks")
    if shape[0] == shape[1]:
        others = np.setdiff1d(np.arange(most), named)
        return [*groups, ("other", others)] if len(others) else groups
    if len(named) not in shape or named.max() >= len(named):
        expected = f"blocks that hold each of the {shape[0]} rows or of the {shape[1]} columns"
        raise _checks.error(where, expected, f"{len(named)} units")
    return groups


def _limit(values: np.ndarray) -> tuple[float, float]:
    """Return where the colours end, and the largest absolute weight."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not sizes.size:
        return 1.0, 0.0
    largest, most = float(sizes.max()), float(np.percentile(sizes, 99))
    return (largest if largest < 1.25 * most else most), largest


def _size(ratio: float, rows: _Groups) -> tuple[float, float]:
    """Return a size of figure (inches) that fits rows / columns and the names of rows."""
    names = max(style.width(name) for name, _ in rows) / 72
    return (3.2 if ratio >= 3 else 5.0) + names, 2.4 if ratio <= 1 / 3 else 4.2


def _blocks(axes: Axes, rows: _Groups, columns: _Groups) -> None:
    for side, groups, line in (
        (axes.xaxis, columns, axes.axvline),
        (axes.yaxis, rows, axes.axhline),
    ):
        if len(groups) == 1 and not groups[0][0]:
            side.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
            continue
        ends = np.cumsum([len(units) for _, units in groups])
        centres = ends - [len(units) / 2 for _, units in groups] - 0.5
        side.set_ticks(centres, [name for name, _ in groups], fontsize=style.SMALL)
        side.set_tick_params(length=0)
        for end in ends[:-1]:
            line(end - 0.5, color="black", linewidth=0.8)
        if side is axes.xaxis and _collide(axes, centres, groups):
            side.set_tick_params(rotation=90)


def _collide(axes: Axes, centres: np.ndarray, groups: _Groups) -> bool:
    """Tell whether the names of columns would run into each other."""
    room = np.diff(centres) * style.points(axes)[0] / sum(len(units) for _, units in groups)
    widths = np.array([style.width(name) for name, _ in groups])
    return bool((0.85 * room < (widths[1:] + widths[:-1]) / 2).any())


def _complex(where: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biufc" or array.ndim != 1 or not array.size:
        advice = "psychrnn.analysis.connectivity.spectrum(W) computes those of a matrix."
        raise _checks.error(where, "a list of numbers [N]", values, advice)
    found = array[np.isfinite(array)]
    if not found.size:
        raise _checks.error(where, "at least one finite number", "NaN or infinity throughout")
    return found.astype(complex)
