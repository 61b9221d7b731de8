"""How a network computes: its activity, what it encodes, and what can be read out of it.

Arrays in, arrays out: states are ``[N_batch, N_steps, N_rec]``, as ``model.test`` and the
simulators return them, and the values of a task variable ``[N_batch]``. Trials can be aligned to
an event and averaged by condition (:func:`align`, :func:`condition_averages`), seen in a few
dimensions (:func:`pca`, :func:`participation_ratio`), explained by task variables
(:func:`regress`, :func:`targeted_axes`), and decoded (:func:`decode`). :func:`fixed_points` finds
where a network stays under a constant input.
"""

from __future__ import annotations

from psychrnn.analysis.decoding import Decoding, decode
from psychrnn.analysis.fixed_points import FixedPoints, fixed_points
from psychrnn.analysis.population import (
    PCA,
    Aligned,
    ConditionAverages,
    align,
    condition_averages,
    participation_ratio,
    pca,
)
from psychrnn.analysis.regression import Regression, TargetedAxes, regress, targeted_axes

__all__ = [
    "PCA",
    "Aligned",
    "ConditionAverages",
    "Decoding",
    "FixedPoints",
    "Regression",
    "TargetedAxes",
    "align",
    "condition_averages",
    "decode",
    "fixed_points",
    "participation_ratio",
    "pca",
    "regress",
    "targeted_axes",
]
