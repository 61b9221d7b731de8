"""Pictures of trials: what goes in, what should come out, and what does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from psychrnn import _checks
from psychrnn.plotting import style

_MOST_LINES = 6  # channels; more are an image
_MOST_NAMES = 12


def trial(
    batch: Any, trial: int = 0, outputs: Any = None, ax: Sequence[Axes] | None = None
) -> tuple[Axes, Axes]:
    """Draw one trial: inputs above; target, mask and outputs below; periods shaded.

    Targets are dashed and drawn only where the mask counts; a bar along the bottom edge shows
    where that is, higher where the mask is larger. More than six channels are drawn as an image,
    channels by time, and their targets as a dashed outline at half height.

    Arguments:
        batch: trials ``x, y, mask, params``, such as a :class:`~psychrnn.tasks.batch.Batch`,
            whose task tells periods, names and dt (ms); without a task time is in steps.
        trial: number of the trial in the batch, from 0.
        outputs: outputs of the network, ``[N_batch, N_steps, N_out]``, or what ``model.test``
            returns; not drawn where None.
        ax: two axes, for inputs and outputs; a new figure where None.

    Returns:
        The two axes.

    Raises:
        ParameterError: if there is no such trial, the shapes do not fit, or nothing is finite.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> from psychrnn import PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=2000, N_batch=8, seed=1)
        >>> above, below = trial(task.get_trial_batch(), trial=3)
        >>> below.get_xlabel()
        'time (ms)'
        >>> plt.close(below.figure)

    """
    where = "plotting.trial"
    x, y, mask = _arrays(where, batch)
    if isinstance(trial, bool) or not isinstance(trial, (int, np.integer)):
        raise _checks.error(f"{where}.trial", "the number of a trial", trial)
    if not 0 <= trial < len(x):
        raise _checks.error(f"{where}.trial", f"a number from 0 to {len(x) - 1}", f"{trial}")
    out = None if outputs is None else _outputs(where, outputs, y.shape)[trial]
    for name, drawn in (("inputs", x[trial]), ("outputs", out)):
        if drawn is not None and np.isnan(drawn).all():
            got = "NaN or infinity throughout"
            raise _checks.error(where, f"finite {name} in trial {trial}", got)
    task = getattr(batch, "task", None)
    time, unit = style.times(where, x.shape[1], getattr(task, "dt", None))
    above, below = _pair(where, ax)
    _inputs(above, time, x[trial], _names(batch, "input", x.shape[2]))
    _answers(below, time, y[trial], mask[trial], out, _names(batch, "output", y.shape[2]))
    for axes in (above, below):
        axes.set_xlim(time[0], time[-1])
    periods = _periods(where, task, getattr(batch, "params", None), trial)
    style.legend(above, below)
    style.label(above, "", "input")
    style.label(below, unit, "target" if out is None else "output")
    _shade(above, below, periods, time[-1], own=ax is None)
    return above, below


def _arrays(where: str, batch: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if not isinstance(batch, (tuple, list)) or len(batch) < 3:
        raise _checks.error(f"{where}.batch", "a batch (x, y, mask, params)", batch)
    axes = {"x": "[N_batch, N_steps, N_in]", "y": "[N_batch, N_steps, N_out]"}
    axes["mask"] = axes["y"]
    x, y, mask = (style.data(f"{where}.batch, {k}", v, axes[k]) for k, v in zip(axes, batch))
    mask = np.nan_to_num(mask)
    if y.shape != mask.shape or y.shape[:2] != x.shape[:2]:
        expected = "x, y and mask with the same trials and steps, y and mask of one shape"
        raise _checks.error(f"{where}.batch", expected, f"{x.shape}, {y.shape} and {mask.shape}")
    return x, y, mask


def _outputs(where: str, outputs: Any, shape: tuple[int, ...]) -> np.ndarray:
    found = outputs[0] if isinstance(outputs, tuple) and outputs else outputs
    values = style.data(f"{where}.outputs", found, "[N_batch, N_steps, N_out]")
    if values.shape != shape:
        expected = f"[N_batch, N_steps, N_out] = {shape}, as the targets have"
        raise _checks.error(f"{where}.outputs", expected, f"{values.shape}")
    return values


def _pair(where: str, ax: Any) -> list[Axes]:
    if ax is not None:
        return style.several(where, ax, 2)
    made = plt.subplots(2, 1, figsize=(7.5, 4.6), sharex=True, layout="constrained")[1]
    return list(made)


def _names(batch: Any, kind: str, channels: int) -> list[str]:
    names = list(getattr(batch, f"{kind}_names", ()))
    return names if len(names) == channels else [f"{kind} {k}" for k in range(channels)]


def _inputs(ax: Axes, time: np.ndarray, x: np.ndarray, names: list[str]) -> None:
    if len(names) > _MOST_LINES:
        _image(ax, time, x, names, "input")
    else:
        _lines(ax, time, x, names)


def _lines(ax: Axes, time: np.ndarray, values: np.ndarray, names: list[str]) -> None:
    for k, (channel, name) in enumerate(zip(values.T, names)):
        every = max(len(values) // 8, 1)  # markers tell channels apart in grey
        ax.plot(
            time[:-1], channel, color=style.COLOURS[k], label=name, linewidth=1.3,
            marker=style.MARKERS[k], markersize=4, markevery=(k * every // len(names), every),
        )  # fmt: skip


def _image(ax: Axes, time: np.ndarray, values: np.ndarray, names: list[str], kind: str) -> None:
    channels = len(names)
    colours, limits = style.suited(values)
    image = ax.imshow(
        values.T, cmap=colours, norm=limits, extent=(time[0], time[-1], -0.5, channels - 0.5),
        aspect="auto", origin="lower", interpolation="nearest",
    )  # fmt: skip
    every = 1 if channels <= _MOST_NAMES else -(-channels // 6)
    shown = names if every == 1 else [f"{k}" for k in range(channels)]
    ax.set_yticks(range(0, channels, every), shown[::every], fontsize=style.SMALL)
    bar = ax.inset_axes((1.02, 0.0, 0.02, 1.0))
    ax.figure.colorbar(image, cax=bar, label=f"{kind} of a channel")


def _answers(
    ax: Axes, time: np.ndarray, y: np.ndarray, mask: np.ndarray, out: Any, names: list[str]
) -> None:
    counted = np.where(mask > 0, y, np.nan)
    if len(names) > _MOST_LINES:
        _image_of_answers(ax, time, counted, out, names)
        _mask(ax, time, mask.max(1), max(0.06 * len(names), 0.7))
        return
    if out is not None:
        _lines(ax, time, out, names)
    for k, (channel, name) in enumerate(zip(counted.T, names)):
        held = np.append(channel, channel[-1])  # a step lasts from its time to the next
        look: dict[str, Any] = {"color": style.COLOURS[k], "linestyle": (k, (4, 2))}
        if out is None:
            every = max(len(held) // 8, 1)
            look |= {"label": name, "marker": style.MARKERS[k], "markersize": 4}
            look |= {"markevery": (k * every // len(names), every)}
        ax.plot(time, held, drawstyle="steps-post", linewidth=1.8, **look)
    if out is not None and np.isfinite(counted).any():
        ax.plot([], [], linestyle=(0, (4, 2)), color=style.DISCREET, label="target")
    low, high = ax.get_ylim()
    if out is None:  # one constant target would fill the axes
        low, high = min(low, 0.0), max(high, 0.0)
        ax.set_ylim(low, high)
    _mask(ax, time, mask.max(1), 0.04 * (high - low))


def _mask(ax: Axes, time: np.ndarray, weight: np.ndarray, height: float) -> None:
    """Draw a bar below everything else, as high as the mask's weight."""
    if not (weight > 0).any():
        return
    low, high = ax.get_ylim()
    bottom = low - 1.2 * height
    top = bottom + height * np.append(weight, weight[-1]) / weight.max()
    options: dict[str, Any] = {"color": style.DISCREET, "linewidth": 0, "label": "mask"}
    if ax.images:  # which have no legend
        ax.set_yticks([*ax.get_yticks(), bottom + height / 2], [*_texts(ax), options.pop("label")])
    ax.fill_between(time, bottom, top, step="post", **options)
    ax.set_ylim(bottom, high)


def _texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def _image_of_answers(
    ax: Axes, time: np.ndarray, counted: np.ndarray, out: Any, names: list[str]
) -> None:
    shown = out if out is not None else counted
    _image(ax, time, shown, names, "target" if out is None else "output")
    if out is None or not np.isfinite(counted).any() or np.nanmax(counted) == np.nanmin(counted):
        return
    half = (np.nanmax(counted) + np.nanmin(counted)) / 2
    high = np.nan_to_num(counted, nan=np.nanmin(counted)).T
    centres = (time[:-1] + time[1:]) / 2
    for colour, width, dashes in (("white", 2.4, "solid"), ("black", 1.2, "dashed")):
        ax.contour(
            centres, range(len(names)), high, levels=[half], colors=colour, linewidths=width,
            linestyles=dashes,
        )  # fmt: skip


def _periods(where: str, task: Any, params: Any, trial: int) -> dict[str, tuple[float, float]]:
    if task is None or params is None:
        return {}
    periods = task.periods(params[trial])
    try:
        return {str(name): (float(a), float(b)) for name, (a, b) in periods.items()}
    except (AttributeError, TypeError, ValueError):
        kind = "a dict of names and (start, end) in ms"
        raise _checks.error(f"{where}, periods of {type(task).__name__}", kind, periods) from None


def _shade(above: Axes, below: Axes, periods: Any, end: float, own: bool) -> None:
    """Shade every second period, and write their names into free room above the inputs."""
    rows: list[float] = []  # where the last name of each row ends
    width, height = style.points(above, own)
    for number, (name, limits) in enumerate(periods.items()):
        start, stop = (min(max(t, 0.0), end) for t in limits)
        if stop <= start:
            continue
        for ax in (above, below):
            ax.axvspan(start, stop, facecolor=style.DISCREET, alpha=0.16 * (number % 2), zorder=0)
            ax.axvline(start, color=style.DISCREET, linewidth=0.6, zorder=1)
        half = (0.5 * style.width(name) + 3) / width * end
        centre = min(max((start + stop) / 2, half), max(end - half, half))
        row = next((k for k, used in enumerate(rows) if used <= centre - half), len(rows))
        rows[row : row + 1] = [centre + half]
        above.annotate(
            name, (centre, 1), (0, -2 - (style.SMALL + 2) * row), fontsize=style.SMALL,
            xycoords=above.get_xaxis_transform(), textcoords="offset points", ha="center", va="top",
        )  # fmt: skip
    if rows:
        low, high = above.get_ylim()
        share = min(((style.SMALL + 2) * len(rows) + 3) / height, 0.6)
        above.set_ylim(low, low + (high - low) / (1 - share))
