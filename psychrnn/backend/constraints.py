"""Raw weights -> effective weights: connectivity masks, autapses and Dale's principle.

The formulas are written once and serve NumPy arrays and TensorFlow variables alike. Rows are
targets, columns are sources. Applying them twice changes nothing more, since weight files hold
effective weights and are loaded as raw ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend import params


class ConstraintError(AssertionError):
    """A weight that a constraint forbids."""


def effective(W: Any, connectivity: Any, signs: Any = None) -> Any:
    r"""Return the weights that act in the network.

    Without Dale's principle :math:`W \circ C`; with it
    :math:`|W \circ C| \, \mathrm{diag}(d)`, where :math:`d_j` is the sign of source *j*
    (Song, Yang and Wang 2016, PLoS Comput. Biol. 12(2)).

    Arguments:
        W: raw weights, ``[targets, sources]``.
        connectivity: 1 where a connection exists, else 0; the same shape.
        signs: one factor for each source: 1 excitatory, -1 inhibitory, 0 silent; None without
            Dale's principle.

    Example:
        >>> effective(np.array([[-2.0, 3.0]]), np.ones((1, 2)), np.array([1.0, -1.0])).tolist()
        [[2.0, -3.0]]

    """
    masked = W * connectivity
    return masked if signs is None else abs(masked) * signs


def dale_matrices(dale_ratio: float, N_rec: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ``Dale_rec`` and ``Dale_out`` with ``dale_ratio * N_rec`` excitatory units, rounded.

    The excitatory units come first. ``Dale_out`` lets only them project to the output.
    """
    excitatory = np.arange(N_rec) < np.floor(dale_ratio * N_rec + 0.5)
    return np.diag(np.where(excitatory, 1.0, -1.0)), np.diag(excitatory.astype(float))


def has_dale(dale_ratio: float | None, Dale_rec: np.ndarray | None) -> bool:
    """Tell whether Dale's principle is asked for, by a ratio or by a sign matrix alone.

    Files of networks without Dale's principle hold an identity matrix, so that one says nothing.
    """
    if dale_ratio is not None:
        return True
    return Dale_rec is not None and not np.array_equal(Dale_rec, np.eye(len(Dale_rec)))


def without_autapses(connectivity: np.ndarray) -> np.ndarray:
    """Return a copy of a recurrent connectivity with an empty diagonal."""
    return connectivity * (1 - np.eye(len(connectivity)))


def in_full(where: str, options: params.InitializerParams) -> dict[str, Any]:
    """Return masks, ratio and sign matrices in full, for options that leave some out.

    Arguments:
        where: the class the user called, for errors.
        options: masks, autapses and signs as given, None where they were not.

    Raises:
        ParameterError: if ``Dale_out`` is given without Dale's principle.

    """
    N_in, N_rec, N_out = options.N_in, options.N_rec, options.N_out
    values: dict[str, Any] = {}
    for key, shape in zip(params.MASK_KEYS, ((N_rec, N_in), (N_rec, N_rec), (N_out, N_rec))):
        mask = getattr(options, key)
        values[key] = np.ones(shape) if mask is None else mask
    if not options.autapses:
        values["rec_connectivity"] = without_autapses(values["rec_connectivity"])
    values["dale_ratio"] = options.dale_ratio
    values["Dale_rec"] = values["Dale_out"] = np.eye(N_rec)
    if has_dale(options.dale_ratio, options.Dale_rec):
        ratio = 1.0 if options.dale_ratio is None else options.dale_ratio
        values["Dale_rec"], values["Dale_out"] = dale_matrices(ratio, N_rec)
        if options.Dale_rec is not None:
            values["Dale_rec"] = options.Dale_rec
            values["Dale_out"] = np.diag((np.diag(options.Dale_rec) > 0).astype(float))
        if options.Dale_out is not None:
            values["Dale_out"] = options.Dale_out
    elif options.Dale_out is not None and (options.Dale_out != np.eye(N_rec)).any():
        advice = "Dale_out acts only under Dale's principle."
        raise _checks.error(f"{where}.Dale_out", "dale_ratio or Dale_rec too", "neither", advice)
    return values
