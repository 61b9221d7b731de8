"""What can be read out of the states, and when: cross-validated decoding across time.

What users call is offered by :mod:`psychrnn.analysis.dynamics`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn._random import generator
from psychrnn.analysis.array_checks import FLAT, checked_states, levels

_FEW = 10  # numbers with so many distinct values are classes
_FLOOR = 1e-9  # of the variance: so much noise is always added, or there may be no solution


class Decoding(NamedTuple):
    """How well labels are read out of the states.

    Attributes:
        score: accuracy or R2 of all trials, each held out once, ``[N_steps]``; or
            ``[N_steps, N_steps]``, time of training by time of test.
        chance: score of a guess: the share of the most common class, or 0 for R2.
        kind: ``"accuracy"`` or ``"R2"``.
        fold_scores: score of each fold's trials, ``[folds, N_steps]`` or
            ``[folds, N_steps, N_steps]``.
        classes: distinct labels, sorted; none for R2.
        trials: number of trials used.

    """

    score: np.ndarray
    chance: float
    kind: str
    fold_scores: np.ndarray
    classes: np.ndarray
    trials: int


def decode(
    states: Any,
    labels: Any,
    folds: int = 5,
    seed: int | None = None,
    *,
    kind: str | None = None,
    shrinkage: float = 0.1,
    across_time: bool = False,
) -> Decoding:
    r"""Read a variable out of the states by a linear decoder, separately at each time step.

    Classes are told apart by a linear discriminant, the class with the largest

    .. math:: \mu_c^\top \Sigma^{-1} r - \tfrac{1}{2} \mu_c^\top \Sigma^{-1} \mu_c + \log p_c

    with means :math:`\mu_c` and frequencies :math:`p_c` of the classes and their pooled covariance
    :math:`C`, shrunk to :math:`\Sigma = (1 - \lambda) C + \lambda \frac{\mathrm{tr}\, C}{N} I`
    (Friedman 1989, J. Am. Stat. Assoc. 84). A number is read out by ridge regression,
    :math:`\hat y = \bar y + c^\top (C + \lambda \frac{\mathrm{tr}\, C}{N} I)^{-1} (r - \bar r)`,
    where :math:`C` is the covariance of the states and :math:`c` theirs with the number. Decoders
    are tested on trials that they were not fit to: the trials are dealt into folds with all
    classes, or small and large numbers, in each.

    Arguments:
        states: states, ``[N_batch, N_steps, N_rec]``.
        labels: strings or numbers, ``[N_batch]``. Trials with NaN or None, such as those without
            a choice, are left out.
        folds: number of folds.
        seed: integer that fixes the folds. Without it they follow ``np.random.seed``.
        kind: ``"accuracy"`` for classes, ``"R2"`` for numbers. Where None, it is accuracy for
            strings, booleans, whole numbers of an integer type, and labels with at most 10
            distinct values, and R2 for the others.
        shrinkage: :math:`\lambda`, from 0 to 1; larger where there are few trials and many units.
        across_time: True to test the decoder of each time step at every other (King and Dehaene
            2014, Trends Cogn. Sci. 18).

    Returns:
        Decoding: the scores and what chance gives.

    Raises:
        ParameterError: if states have NaN, there is one class only, or a class has fewer trials
            than folds.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> choice = rng.choice(["left", "right"], 200)
        >>> states = rng.normal(size=(200, 3, 5))
        >>> states[:, 2, 0] += 6 * (choice == "right")
        >>> result = decode(states, choice, seed=1)
        >>> result.kind, bool(result.score[0] < 0.65), bool(result.score[2] > 0.95)
        ('accuracy', True, True)

    """
    where = "dynamics.decode"
    folds = _checks.count(f"{where}.folds", folds)
    if folds == 1:
        raise _checks.error(f"{where}.folds", "at least two folds", "1")
    shrinkage = _checks.number(f"{where}.shrinkage", shrinkage, low=0, high=1)
    across_time = _checks.flag(f"{where}.across_time", across_time)
    seed = None if seed is None else _checks.seed(f"{where}.seed", seed)
    states = checked_states(f"{where}.states", states)
    distinct, codes = levels(f"{where}.labels", labels, len(states))
    known = codes >= 0
    kind = _kind(where, kind, distinct)
    states, codes = states[known], codes[known]
    if np.isnan(states).any():
        advice = "Leave out steps that some trials do not reach, and trials without the event."
        raise _checks.error(f"{where}.states", "states without NaN", "NaN", advice)
    _check_labels(f"{where}.labels", kind, distinct, codes, folds)
    fold = _deal(codes, folds, generator(seed))
    wanted = codes if kind == "accuracy" else distinct[codes].astype(np.float64)
    X = np.ascontiguousarray(states.transpose(1, 0, 2), dtype=np.float64)
    errors, limits = [], []
    for k in range(folds):
        train, test = fold != k, fold == k
        fit = _discriminant if kind == "accuracy" else _ridge
        W, b = fit(X[:, train], wanted[train], shrinkage)
        errors.append(_errors(kind, X[:, test], wanted[test], W, b, across_time))
        guess = wanted[train].mean()
        limits.append(test.sum() if kind == "accuracy" else ((wanted[test] - guess) ** 2).sum())
    fold_scores = np.stack([1 - e / limit for e, limit in zip(errors, limits)])
    score = 1 - np.sum(errors, axis=0) / np.sum(limits)
    if kind == "R2":
        return Decoding(score, 0.0, kind, fold_scores, distinct[:0], len(codes))
    chance = float(np.bincount(codes).max() / len(codes))
    return Decoding(score, chance, kind, fold_scores, distinct, len(codes))


def _kind(where: str, kind: Any, distinct: np.ndarray) -> str:
    if kind is not None and not (isinstance(kind, str) and kind in ("accuracy", "R2")):
        raise _checks.error(f"{where}.kind", "'accuracy', 'R2' or None", _checks.shown(kind))
    if kind == "R2" and distinct.dtype.kind == "U":
        raise _checks.error(f"{where}.labels", "numbers, to score by R2", "strings")
    if kind is not None:
        return str(kind)
    return "R2" if distinct.dtype.kind == "f" and len(distinct) > _FEW else "accuracy"


def _check_labels(
    where: str, kind: str, distinct: np.ndarray, codes: np.ndarray, folds: int
) -> None:
    """Check that there is something to tell apart, and in each fold."""
    what = "two classes" if kind == "accuracy" else "two values"
    if len(distinct) < 2:
        got = f"one, {distinct[0]}" if len(distinct) else "none that is not NaN"
        raise _checks.error(where, f"at least {what}", got)
    if kind == "R2" and len(codes) < 2 * folds:
        expected = f"at least two trials for each of {folds} folds"
        raise _checks.error(where, expected, f"{len(codes)} trials")
    if kind == "accuracy":
        counts = np.bincount(codes)
        rarest = counts.argmin()
        if counts[rarest] < folds:
            expected = f"at least one trial of each class for each of {folds} folds"
            got = f"{counts[rarest]} of class {distinct[rarest]}"
            advice = "Take fewer folds or leave the class out"
            advice += "." if distinct.dtype.kind == "U" else ", or pass kind='R2' for a number."
            raise _checks.error(where, expected, got, advice)


def _deal(codes: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold of each trial: those of similar labels go to different ones."""
    shuffled = rng.permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    fold = np.empty(len(codes), dtype=int)
    fold[order] = np.arange(len(codes)) % folds
    return fold


def _discriminant(
    X: np.ndarray, codes: np.ndarray, shrinkage: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights ``[N_steps, N_rec, classes]`` and offsets of linear discriminants.

    ``X`` is ``[N_steps, trials, N_rec]``.
    """
    counts = np.bincount(codes)
    member = np.eye(len(counts))[codes] / counts
    centre = X.mean(axis=1, keepdims=True)
    X = X - centre
    means = member.T @ X
    floor = _floor(X, centre)
    X -= means[:, codes]
    covariance = X.transpose(0, 2, 1) @ X / max(len(codes) - len(counts), 1)
    spread = np.trace(covariance, axis1=1, axis2=2) / X.shape[2]
    W = _solve((1 - shrinkage) * covariance, shrinkage * spread + floor, means.transpose(0, 2, 1))
    b = np.log(counts / len(codes)) - 0.5 * (means.transpose(0, 2, 1) * W).sum(axis=1)
    return W, b - (centre @ W)[:, 0]


def _ridge(X: np.ndarray, y: np.ndarray, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights ``[N_steps, N_rec, 1]`` and offsets of ridge regressions on ``X``."""
    centre = X.mean(axis=1, keepdims=True)
    X = X - centre
    covariance = X.transpose(0, 2, 1) @ X / len(y)
    spread = np.trace(covariance, axis1=1, axis2=2) / X.shape[2]
    along = X.transpose(0, 2, 1) @ (y - y.mean())[:, np.newaxis] / len(y)
    W = _solve(covariance, shrinkage * spread + _floor(X, centre), along)
    return W, y.mean() - (centre @ W)[:, 0]


def _floor(X: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return a variance for each step that is nothing beside that of the states, but not 0.

    States that are the same in all trials, such as those before the first input, then tell nothing.
    """
    rounding = (FLAT * np.abs(centre).max(axis=(1, 2))) ** 2
    return _FLOOR * (X**2).mean(axis=(1, 2)) + rounding + np.finfo(np.float64).tiny


def _solve(covariance: np.ndarray, added: np.ndarray, to: np.ndarray) -> np.ndarray:
    return np.linalg.solve(
        covariance + added[:, np.newaxis, np.newaxis] * np.eye(covariance.shape[1]), to
    )


def _errors(
    kind: str, X: np.ndarray, wanted: np.ndarray, W: np.ndarray, b: np.ndarray, across_time: bool
) -> np.ndarray:
    """Return the number of wrong choices or the sum of squared errors, ``[N_steps]``.

    Across time it has a row for each decoder.
    """
    if across_time:
        rows = [_errors(kind, X, wanted, w, offset, False) for w, offset in zip(W, b)]
        return np.stack(rows)
    read = X @ W + (b if b.ndim == 1 else b[:, np.newaxis])
    if kind == "accuracy":
        return (read.argmax(axis=2) != wanted).sum(axis=1)
    return ((read[..., 0] - wanted) ** 2).sum(axis=1)
