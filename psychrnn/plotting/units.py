"""Pictures of units over time: their activity, and what can be decoded from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from psychrnn import _checks
from psychrnn.plotting import style

_COLUMNS = 4


def activity(
    averages: Any,
    labels: Any = None,
    dt: float | None = None,
    order: Any = None,
    ax: Any = None,
    start: float = 0.0,
) -> Any:
    """Draw the activity of all units over time, one panel for each condition.

    Colours mean the same in all panels. They are centred on zero where activity has both signs.

    Arguments:
        averages: activity, ``[N_cond, N_steps, N_rec]`` or ``[N_steps, N_rec]``, or what
            ``condition_averages`` returns. NaN is grey.
        labels: title of each panel, ``[N_cond]``; those of ``averages`` where it has some.
        dt: length of a time step (ms); time is in steps where None.
        order: 'peak' to sort units by the time at which their mean over conditions is largest,
            or unit numbers in the wanted order; by number where None.
        ax: one axes for each condition; a new figure where None.
        start: time of the first step (ms), such as that before an event that trials are
            aligned to.

    Returns:
        The axes, ``[N_cond]``, or one axes where there is one condition.

    Raises:
        ParameterError: if a shape does not fit, or nothing is finite.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> bumps = np.exp(-0.1 * (np.arange(60)[:, None] - np.arange(0, 60, 3)) ** 2)
        >>> ax = activity([bumps, 0.5 * bumps], labels=["easy", "hard"], dt=10, order="peak")
        >>> [panel.get_title() for panel in ax]
        ['easy', 'hard']
        >>> plt.close(ax[0].figure)

    """
    where = "plotting.activity"
    if labels is None:
        labels = getattr(averages, "labels", None)
    values = getattr(averages, "averages", averages)
    shapes = ("[N_cond, N_steps, N_rec]", "[N_steps, N_rec]")
    values = style.data(f"{where}.averages", values, *shapes)
    values = values[np.newaxis] if values.ndim == 2 else values
    titles = style.labels(f"{where}.labels", labels, len(values))
    time, unit = style.times(where, values.shape[1], dt, start)
    chosen = _order(where, order, values)
    panels = _panels(where, ax, len(values))
    colours, limits = style.suited(values)
    edges = (time[0], time[-1], len(chosen) - 0.5, -0.5)
    for panel, condition, title in zip(panels, values, titles):
        if style.width(title) > style.points(panel)[0]:
            title = title.replace(", ", "\n")
        image = panel.imshow(
            condition.T[chosen], cmap=colours, norm=limits, extent=edges, aspect="auto",
            interpolation="nearest",
        )  # fmt: skip
        panel.set(xlabel=unit, ylabel="unit" if order is None else "unit (sorted)")
        panel.set_title(title, fontsize=style.SMALL)
    if ax is None:
        _label_outer(panels)
    style.colour_bar(image, panels, "activity")
    return panels[0] if len(panels) == 1 else np.array(panels, dtype=object)


def decoding(
    result: Any, dt: float | None = None, ax: Axes | None = None, start: float = 0.0
) -> Axes:
    """Draw how well a variable can be read from the units at each time, and the chance level.

    Arguments:
        result: what ``psychrnn.analysis.dynamics.decode`` returned, or scores, ``[N_steps]``; of
            decoders that are tested at other times too, ``[N_steps, N_steps]``, rows trained at.
        dt: length of a time step (ms); time is in steps where None.
        ax: axes to draw in; a new figure where None.
        start: time of the first step (ms).

    Returns:
        The axes.

    Raises:
        ParameterError: if a shape does not fit, or no score is finite.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> ax = decoding([0.5, 0.5, 0.7, 0.9], dt=20)
        >>> ax.get_xlabel()
        'time (ms)'
        >>> plt.close(ax.figure)

    """
    where = "plotting.decoding"
    score = getattr(result, "score", result)
    score = style.data(f"{where}.result", score, "[N_steps]", "[N_steps, N_steps]")
    time, unit = style.times(where, len(score), dt, start)
    word = {"R2": "R squared"}.get(getattr(result, "kind", ""), "accuracy")
    if score.ndim == 1:
        axes = style.new_or_given(where, ax, (6.0, 3.4))
        axes.plot(time[:-1], score, color=style.COLOURS[0], label="decoder")
        folds = np.asarray(getattr(result, "fold_scores", np.empty(0)), dtype=float)
        if folds.ndim == 2 and folds.shape[1] == len(score):
            low, high = folds.min(0), folds.max(0)
            options = {"color": style.COLOURS[0], "alpha": 0.2, "linewidth": 0}
            axes.fill_between(time[:-1], low, high, label="folds, lowest to highest", **options)
        chance = getattr(result, "chance", None)
        if chance is not None and np.isfinite(chance):
            axes.axhline(chance, color=style.DISCREET, linestyle="--", label="chance")
        style.label(axes, unit, word)
        style.legend(axes)
        return axes
    if score.shape[0] != score.shape[1]:
        raise _checks.error(f"{where}.result", "[N_steps, N_steps]", f"{score.shape}")
    axes = style.new_or_given(where, ax, (4.8, 4.0), layout="compressed")
    colours, limits = style.sequential(score)
    extent = (time[0], time[-1], time[0], time[-1])
    image = axes.imshow(
        score, cmap=colours, norm=limits, extent=extent, origin="lower", interpolation="nearest"
    )
    axes.set(xlabel=f"tested at: {unit}", ylabel=f"trained at: {unit}")
    style.colour_bar(image, [axes], word)
    return axes


def _order(where: str, order: Any, values: np.ndarray) -> np.ndarray:
    units = values.shape[2]
    if order is None:
        return np.arange(units)
    if isinstance(order, str) and order == "peak":
        counts = np.isfinite(values).sum(0)
        mean = np.where(counts, np.nansum(values, 0) / np.maximum(counts, 1), -np.inf)
        return np.argsort(mean.argmax(0), kind="stable")
    expected = f"'peak', or the unit numbers from 0 to {units - 1} in any order"
    if isinstance(order, str):
        raise _checks.error(f"{where}.order", expected, order)
    given = _checks.numeric(f"{where}.order", order, expected)
    if given.dtype.kind not in "iu" or given.ndim != 1 or given.size == 0:
        raise _checks.error(f"{where}.order", expected, order)
    if given.min() < 0 or given.max() >= units or len(np.unique(given)) != len(given):
        raise _checks.error(f"{where}.order", expected, "others")
    return given


def _label_outer(panels: list[Axes]) -> None:
    """Leave the labels of panels that have none below them, or none on their left."""
    for number, panel in enumerate(panels):
        lowest, first = number + _COLUMNS >= len(panels), number % _COLUMNS == 0
        panel.tick_params(labelbottom=lowest, labelleft=first)
        if not lowest:
            panel.set_xlabel("")
        if not first:
            panel.set_ylabel("")


def _panels(where: str, ax: Any, number: int) -> list[Axes]:
    if ax is not None:
        return style.several(where, [ax] if isinstance(ax, Axes) else ax, number)
    columns = min(number, _COLUMNS)
    rows = -(-number // columns)
    size = (1.3 + 2.3 * columns if columns > 1 else 5.0, 0.6 + 2.6 * rows)
    figure, made = plt.subplots(
        rows, columns, figsize=size, layout="constrained", squeeze=False, sharex=True, sharey=True
    )
    for unused in made.flat[number:]:
        figure.delaxes(unused)
    return list(made.flat[:number])
