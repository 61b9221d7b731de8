"""The picture of states that move through two or three dimensions, and of fixed points."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import rcParams

from psychrnn import _checks
from psychrnn.plotting import style


def trajectories(
    projected: Any,
    labels: Any = None,
    dt: float | None = None,
    fixed_points: Any = None,
    mark: float | None = None,
    ax: Any = None,
) -> Any:
    """Draw states as they move through two or three dimensions, a line for each condition.

    A circle is the start of a line, and small dots mark time. Stable fixed points are filled,
    unstable ones open.

    Arguments:
        projected: states, ``[N_cond, N_steps, 2 or 3]``, such as ``PCA.project`` returns, or
            ``[N_steps, 2 or 3]`` for one condition.
        labels: name of each condition in the legend, ``[N_cond]``.
        dt: length of a time step (ms); time is in steps where None.
        fixed_points: points ``[k, 2 or 3]`` in the same space, or a pair of them and
            ``stable``, ``[k]`` booleans.
        mark: time between dots (ms, or steps where ``dt`` is None); chosen where None, no dots
            where 0.
        ax: axes of as many dimensions to draw in; a new figure where None.

    Returns:
        The axes.

    Raises:
        ParameterError: if the shapes do not fit, nothing is finite, or the axes have another
            number of dimensions.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> turn = np.linspace(0, 6, 100)
        >>> spiral = np.stack([turn * np.cos(turn), turn * np.sin(turn)], axis=-1)
        >>> ax = trajectories([spiral, -spiral], labels=["left", "right"], dt=10,
        ...                   fixed_points=([[0.0, 0.0]], [False]))
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['left', 'right', 'start', 'every 200 ms', 'unstable fixed point']
        >>> plt.close(ax.figure)

    """
    where = "plotting.trajectories"
    shapes = ("[N_cond, N_steps, 2 or 3]", "[N_steps, 2 or 3]")
    lines = style.data(f"{where}.projected", projected, *shapes)
    lines = lines[np.newaxis] if lines.ndim == 2 else lines
    size = lines.shape[2]
    if size not in (2, 3):
        advice = "Project the states first, by pca(averages, 3).project(states)."
        raise _checks.error(f"{where}.projected", shapes[0], f"shape {lines.shape}", advice)
    names = style.labels(f"{where}.labels", labels, len(lines))
    points, stable = _points(f"{where}.fixed_points", fixed_points, size)
    every, text = _marks(where, mark, dt, lines.shape[1])
    if size == 3:
        axes = style.new_or_given(where, ax, (7.8, 4.8), "3d", "compressed")
    else:
        axes = style.new_or_given(where, ax, (6.2, 4.4))
    for line, name, look in zip(lines, names, style.lines(len(lines))):
        axes.plot(*line.T, linewidth=1.5, label=name or None, **look)
        dots = line[every::every] if every else line[:0]
        axes.plot(*dots.T, linestyle="none", marker=".", markersize=6, color=look["color"])
        seen = line[np.isfinite(line).all(1)][:1]
        axes.plot(*seen.T, linestyle="none", marker="o", markersize=7, color=look["color"])
    nothing: list[list[float]] = [[]] * size
    grey = {"linestyle": "none", "color": style.DISCREET}
    axes.plot(*nothing, marker="o", markersize=7, label="start", **grey)
    if 0 < every < lines.shape[1]:
        axes.plot(*nothing, marker=".", markersize=6, label=text, **grey)
    _draw_points(axes, points, stable)
    style.label(axes, "component 1", "component 2")
    if size == 3:
        axes.set_zlabel("component 3")
        axes.xaxis.labelpad = axes.yaxis.labelpad = 7
        axes.set_box_aspect(None, zoom=0.9)  # its label stands outside the box
        axes.tick_params(labelsize=style.SMALL)
        axes.locator_params(nbins=5)
    style.legend(axes)
    return axes


def _points(where: str, given: Any, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return fixed points, ``[k, 2 or 3]``, and which are stable, None where not known."""
    if given is None:
        return np.empty((0, size)), None
    advice = "Project them first: (pca.project(found.states), found.stable)."
    if hasattr(given, "stable"):
        got = f"a {type(given).__name__} of whole states"
        raise _checks.error(where, f"points [k, {size}], and which are stable", got, advice)
    stable = None
    if isinstance(given, tuple) and len(given) == 2:
        given, stable = given
    empty = np.size(given) == 0
    points = np.empty((0, size)) if empty else style.data(where, given, f"[k, {size}]")
    if points.shape[1] != size:
        raise _checks.error(where, f"points [k, {size}]", f"shape {points.shape}", advice)
    if stable is not None:
        flags = _checks.numeric(f"{where}, stable", stable, "True or False for each point")
        if flags.shape != (len(points),) and not empty:
            got = f"shape {flags.shape}"
            raise _checks.error(f"{where}, stable", f"{len(points)} flags, one for each", got)
        stable = flags.astype(bool)
    return points, stable


def _draw_points(axes: Any, points: np.ndarray, stable: np.ndarray | None) -> None:
    color = style.DISCREET if stable is None else rcParams["text.color"]
    kinds: dict[str, Any] = {"fixed point": (np.ones(len(points), dtype=bool), "full")}
    if stable is not None and len(points):
        kinds = {"stable fixed point": (stable, "full"), "unstable fixed point": (~stable, "none")}
    for name, (chosen, fill) in kinds.items():
        if chosen.any():
            axes.plot(
                *points[chosen].T, linestyle="none", marker="D", markersize=7, fillstyle=fill,
                color=color, label=name, zorder=5,
            )  # fmt: skip


def _marks(where: str, mark: Any, dt: Any, steps: int) -> tuple[int, str]:
    """Return the number of steps between dots, 0 for none, and what the legend says."""
    length = 1.0 if dt is None else _checks.positive(f"{where}.dt", dt)
    if mark is None:
        wanted = steps * length / 5
        power = 10.0 ** np.floor(np.log10(wanted))
        mark = max(power * max((k for k in (1, 2, 5) if k * power <= wanted), default=1), length)
    apart = _checks.number(f"{where}.mark", mark, low=0) / length
    every = 0 if apart == 0 else max(round(apart), 1)
    return every, f"every {every * length:g} {'steps' if dt is None else 'ms'}"
