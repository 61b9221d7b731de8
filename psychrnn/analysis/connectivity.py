"""How a network is wired: spectrum, balance, distributions of weights, and the change by training.

Arrays in, arrays out: recurrent weights are ``[N_rec, N_rec]``, rows are targets and columns are
sources, such as ``model.get_weights()["W_rec"]``, which has Dale's principle and the connectivity
in it. (LSTM and GRU keep a ``W_rec`` for their files which they do not use: theirs are the first
``N_rec`` rows of each gate's weights, such as ``weights["W_f"][:N_rec].T``.) ``blocks`` names
groups of units: ``{"excitatory": range(40), "inhibitory": range(40, 50)}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks

__all__ = [
    "Balance",
    "BlockWeights",
    "Change",
    "Spectrum",
    "WeightDistributions",
    "balance",
    "change",
    "spectrum",
    "weight_distributions",
]

_FLAT = 1e-12  # what varies by a smaller part of itself does so by rounding alone


class Spectrum(NamedTuple):
    """Eigenvalues of recurrent weights.

    Attributes:
        eigenvalues: complex numbers, from the largest modulus to the smallest, ``[N_rec]``.
        radius: spectral radius, the largest modulus.
        abscissa: spectral abscissa, the largest real part.

    """

    eigenvalues: np.ndarray
    radius: float
    abscissa: float


class Balance(NamedTuple):
    """What each unit receives, summed over its sources.

    Attributes:
        excitation: sum of the positive weights, ``[N_rec]``.
        inhibition: sum of the negative weights, at most 0, ``[N_rec]``.
        net: sum of all weights, ``[N_rec]``.
        ratio: excitation over the size of inhibition, ``[N_rec]``; infinite for a unit without
            inhibition, NaN for one that receives nothing.

    """

    excitation: np.ndarray
    inhibition: np.ndarray
    net: np.ndarray
    ratio: np.ndarray


class BlockWeights(NamedTuple):
    """The connections from one block of units to another.

    Attributes:
        values: weights of the connections that exist, ``[count]``.
        pairs: number of pairs of a target and a source, connected or not.

    """

    values: np.ndarray
    pairs: int


class WeightDistributions(NamedTuple):
    """The weights between blocks of units.

    Attributes:
        weights: :class:`BlockWeights` for each ``(target, source)``.

    """

    weights: dict[tuple[str, str], BlockWeights]

    def table(self) -> dict[str, np.ndarray]:
        """Return two rows for each pair of blocks, as columns that ``pandas.DataFrame`` takes.

        Returns:
            ``target`` and ``source`` (names of blocks), ``sign`` (``"excitatory"`` or
            ``"inhibitory"``); ``count``, ``mean`` and ``std`` (standard deviation, divided by the
            count) of the weights of this sign, NaN where there are none; ``fraction``, their
            share of the pairs of units; and ``present``, the share of the pairs that have a
            connection, whatever its sign.

        """
        rows = []
        for (target, source), (values, pairs) in self.weights.items():
            for sign, of_sign in (("excitatory", values > 0), ("inhibitory", values < 0)):
                chosen = values[of_sign]
                mean, std = (chosen.mean(), chosen.std()) if len(chosen) else (np.nan, np.nan)
                shares = (len(chosen) / pairs, len(values) / pairs)
                rows.append((target, source, sign, len(chosen), mean, std, *shares))
        names = ("target", "source", "sign", "count", "mean", "std", "fraction", "present")
        return {name: np.array(column) for name, column in zip(names, zip(*rows))}


class Change(NamedTuple):
    r"""What training did to the weights.

    Attributes:
        difference: weights after, less those before, ``[N_rec, N_rec]``.
        relative: size of the change,
            :math:`\lVert W_{after} - W_{before} \rVert_F / \lVert W_{before} \rVert_F`; infinite
            where all weights were 0 before, NaN where they still are.
        correlation: Pearson correlation of the weights before and after, over the connections that
            are not 0 in both; NaN where there are fewer than two or they do not vary.
        largest: largest absolute change of a weight.
        blocks: one row for each pair of blocks, as columns that ``pandas.DataFrame`` takes:
            ``target``, ``source``, ``relative``, ``correlation`` and ``largest`` as above, and,
            over the connections that are not 0 in both, ``mean`` (mean change),
            ``mean_absolute`` and ``changed`` (the fraction that changed at all); NaN where there
            are none.

    """

    difference: np.ndarray
    relative: float
    correlation: float
    largest: float
    blocks: dict[str, np.ndarray]


def spectrum(W_rec: Any) -> Spectrum:
    r"""Return the eigenvalues of recurrent weights.

    Around a state where every unit has slope 1,
    :math:`\tau\, \dot r = -r + W r` is stable if the abscissa is below 1. Independent random
    weights of standard deviation :math:`g / \sqrt{N}` fill a disk of radius :math:`g` (Rajan and
    Abbott 2006, Phys. Rev. Lett. 97).

    Arguments:
        W_rec: recurrent weights, ``[N_rec, N_rec]``.

    Returns:
        Spectrum: eigenvalues, spectral radius and spectral abscissa.

    Raises:
        ParameterError: if the weights are not a square matrix of finite numbers.

    Example:
        >>> result = spectrum([[0.5, 1.0], [0.0, -2.0]])
        >>> result.eigenvalues.real
        array([-2. ,  0.5])
        >>> result.radius, result.abscissa
        (2.0, 0.5)

    """
    values = np.linalg.eigvals(_square("connectivity.spectrum.W_rec", W_rec)).astype(complex)
    order = np.lexsort((-values.imag, -values.real, -np.abs(values)))
    values = values[order]
    return Spectrum(values, float(np.abs(values[0])), float(values.real.max()))


def balance(W_rec: Any) -> Balance:
    """Return how much excitation and inhibition each unit receives.

    Arguments:
        W_rec: recurrent weights, ``[N_rec, N_rec]``; rows are targets.

    Returns:
        Balance: sums over each row, and the ratio of excitation to inhibition.

    Raises:
        ParameterError: if the weights are not a square matrix of finite numbers.

    Example:
        >>> result = balance([[1.0, -0.5], [3.0, -1.0]])
        >>> result.ratio
        array([2., 3.])
        >>> result.net
        array([0.5, 2. ])

    """
    weights = _square("connectivity.balance.W_rec", W_rec)
    excitation = weights.clip(min=0).sum(axis=1)
    inhibition = weights.clip(max=0).sum(axis=1)
    ratio = np.where(excitation > 0, np.inf, np.nan)
    with np.errstate(over="ignore"):  # inhibition next to nothing
        np.divide(excitation, -inhibition, out=ratio, where=inhibition < 0)
    return Balance(excitation, inhibition, weights.sum(axis=1), ratio)


def weight_distributions(
    W_rec: Any, blocks: Mapping[str, Any] | None = None, connectivity: Any = None
) -> WeightDistributions:
    """Collect the weights of existing connections for each pair of blocks.

    Arguments:
        W_rec: recurrent weights, ``[N_rec, N_rec]``; rows are targets.
        blocks: numbers of the units of each block, by name; one block, ``"all"``, where None.
            Units in no block are left out.
        connectivity: 1 where there is a connection, 0 where not, ``[N_rec, N_rec]``, so that
            weights of 0 count; where None, a connection exists where the weight is not 0.

    Returns:
        WeightDistributions: the weights, and ``table()`` with their number, mean and spread.

    Raises:
        ParameterError: if the weights are not a square matrix of finite numbers, blocks are empty,
            overlap or name units that do not exist, or there are weights without a connection.

    Example:
        >>> W_rec = [[0.0, 2.0, -1.0], [1.0, 0.0, -3.0], [1.0, 1.0, 0.0]]
        >>> result = weight_distributions(W_rec, {"E": [0, 1], "I": [2]})
        >>> result.weights["E", "I"].values
        array([-1., -3.])
        >>> table = result.table()
        >>> [str(table[key][3]) for key in ("target", "source", "sign", "mean")]
        ['E', 'I', 'inhibitory', '-2.0']

    """
    where = "connectivity.weight_distributions"
    weights = _square(f"{where}.W_rec", W_rec)
    groups = _blocks(f"{where}.blocks", blocks, len(weights))
    present = weights != 0
    if connectivity is not None:
        present = _mask(f"{where}.connectivity", connectivity, weights)
    found = {}
    for target, rows in groups.items():
        for source, sources in groups.items():
            part = np.ix_(rows, sources)
            found[target, source] = BlockWeights(weights[part][present[part]], present[part].size)
    return WeightDistributions(found)


def change(before: Any, after: Any, blocks: Mapping[str, Any] | None = None) -> Change:
    """Compare recurrent weights before and after training, as a whole and between blocks.

    Arguments:
        before: recurrent weights before, ``[N_rec, N_rec]``; rows are targets.
        after: recurrent weights after, the same shape.
        blocks: numbers of the units of each block, by name; one block, ``"all"``, where None.
            Units in no block are left out of the table.

    Returns:
        Change: the difference, its size, and a table of it between blocks.

    Raises:
        ParameterError: if the matrices are not square, of finite numbers and of the same size, or
            blocks are empty, overlap or name units that do not exist.

    Example:
        >>> before, after = [[0.0, 2.0], [1.0, 0.0]], [[0.0, 2.0], [1.5, 0.0]]
        >>> result = change(before, after, blocks={"a": [0], "b": [1]})
        >>> result.largest
        0.5
        >>> result.blocks["relative"]
        array([nan, 0. , 0.5, nan])

    """
    where = "connectivity.change"
    first = _square(f"{where}.before", before)
    second = _square(f"{where}.after", after)
    if first.shape != second.shape:
        expected = f"as many units as before, {len(first)}"
        raise _checks.error(f"{where}.after", expected, str(len(second)))
    groups = _blocks(f"{where}.blocks", blocks, len(first))
    pairs = [(target, source) for target in groups for source in groups]
    parts = [np.ix_(groups[target], groups[source]) for target, source in pairs]
    rows = [_compared(first[part], second[part]) for part in parts]
    table = {"target": np.array([t for t, _ in pairs]), "source": np.array([s for _, s in pairs])}
    table.update({name: np.array([row[name] for row in rows]) for name in rows[0]})
    whole = _compared(first, second)
    return Change(second - first, whole["relative"], whole["correlation"], whole["largest"], table)


def _compared(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Return the numbers that describe the change of one block."""
    difference = after - before
    size, was = np.linalg.norm(difference), np.linalg.norm(before)
    exists = (before != 0) | (after != 0)
    moved = difference[exists]
    return {
        "relative": float(size / was) if was else (np.inf if size else np.nan),
        "correlation": _correlation(before[exists], after[exists]),
        "largest": float(np.abs(difference).max()),
        "mean": float(moved.mean()) if len(moved) else np.nan,
        "mean_absolute": float(np.abs(moved).mean()) if len(moved) else np.nan,
        "changed": float((moved != 0).mean()) if len(moved) else np.nan,
    }


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation, NaN where one of the two does not vary."""
    if len(one) < 2:
        return np.nan
    centred = [values - values.mean() for values in (one, other)]
    lengths = [np.linalg.norm(values) for values in centred]
    for length, values in zip(lengths, (one, other)):
        if length <= _FLAT * np.linalg.norm(values):
            return np.nan
    return float(np.clip(centred[0] / lengths[0] @ (centred[1] / lengths[1]), -1, 1))


# -- what is given, checked ------------------------------------------------------------------------


def _square(where: str, given: Any) -> np.ndarray:
    expected = "recurrent weights [N_rec, N_rec]"
    weights = _checks.numeric(where, given, expected)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or not weights.size:
        raise _checks.error(where, expected, f"shape {weights.shape}")
    axes = [("N_rec", weights.shape[0]), ("N_rec", weights.shape[1])]
    return _checks.array(where, weights, axes).astype(np.float64)


def _mask(where: str, given: Any, weights: np.ndarray) -> np.ndarray:
    mask = _checks.array(where, given, [("N_rec", len(weights)), ("N_rec", len(weights))])
    if not np.isin(mask, (0, 1)).all():
        raise _checks.error(where, "1 (connected) or 0", "other numbers")
    lost = np.argwhere((weights != 0) & (mask == 0))
    if len(lost):
        target, source = lost[0].tolist()
        expected = "a connection wherever there is a weight"
        got = f"none from unit {source} to unit {target}"
        raise _checks.error(where, expected, got, "Rows are targets, columns are sources.")
    return mask == 1


def _blocks(where: str, blocks: Any, N_rec: int) -> dict[str, np.ndarray]:
    """Return the units of each block, after checks that each has some and none has two blocks."""
    if blocks is None:
        return {"all": np.arange(N_rec)}
    if not isinstance(blocks, Mapping) or not blocks:
        expected = "a dict with the units of each block, by name"
        raise _checks.error(where, expected, _checks.shown(blocks))
    owner: dict[int, str] = {}
    for name, given in blocks.items():
        if not isinstance(name, str) or not name:
            raise _checks.error(where, "names that are strings", _checks.shown(name))
        for unit in _units(f"{where}[{name!r}]", given, N_rec):
            if unit in owner:
                expected = "blocks that do not overlap"
                got = f"unit {unit} in {owner[unit]!r} and in {name!r}"
                if owner[unit] == name:
                    got = f"unit {unit} in {name!r} twice"
                raise _checks.error(where, expected, got)
            owner[unit] = name
    return {name: np.array([u for u, of in owner.items() if of == name]) for name in blocks}


def _units(where: str, given: Any, N_rec: int) -> list[int]:
    expected = f"numbers of units, from 0 to {N_rec - 1}"
    array = _checks.numeric(where, list(given) if isinstance(given, range) else given, expected)
    if array.dtype == bool and array.shape == (N_rec,):
        array = np.flatnonzero(array)
    if not array.size:
        raise _checks.error(where, "at least one unit", "none")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise _checks.error(where, expected, _checks.shown(given))
    wrong = array[(array < 0) | (array >= N_rec)]
    if len(wrong):
        raise _checks.error(where, expected, str(wrong[0]))
    return [int(unit) for unit in array]
