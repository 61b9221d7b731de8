"""Trials that are presented together, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from psychrnn import _html

if TYPE_CHECKING:
    from psychrnn.tasks.task import Task


class _Arrays(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    mask: np.ndarray
    params: np.ndarray


class Batch(_Arrays):
    """Trials that are presented together: ``x, y, mask, params = batch``.

    Attributes:
        x: inputs, ``[N_batch, N_steps, N_in]``.
        y: target outputs, ``[N_batch, N_steps, N_out]``.
        mask: weight of every target, ``[N_batch, N_steps, N_out]``; 0 where the output is free.
        params: one dict of trial parameters for each trial, ``[N_batch]``.
        task: the task that made them, or None.

    """

    task: Task | None = None

    @property
    def periods(self) -> list[dict[str, tuple[float, float]]]:
        """Start and end (ms) of each named period, a dict for each trial."""
        return [{} if self.task is None else self.task.periods(p) for p in self.params]

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the input channels."""
        return _names("input", getattr(self.task, "input_names", None), self.x.shape[2])

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the output channels."""
        return _names("output", getattr(self.task, "output_names", None), self.y.shape[2])

    def of_task(self, task: Task | None) -> Batch:
        """Return the same trials with a reference to their task."""
        batch = Batch(*self)
        batch.task = task
        return batch

    def __repr__(self) -> str:
        return _html.arrays_text(self)

    def _repr_html_(self) -> str:
        return _html.arrays_table(self, () if self.task is None else [("task", repr(self.task))])

    def _replace(self, **fields: np.ndarray) -> Batch:
        return super()._replace(**fields).of_task(self.task)


def _names(kind: str, names: tuple[str, ...] | None, channels: int) -> tuple[str, ...]:
    return tuple(f"{kind} {k}" for k in range(channels)) if names is None else tuple(names)
