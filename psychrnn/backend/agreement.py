"""One network, two sources of options: params beside an initializer or a weight file.

What only one side says holds; what both say must agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend import constraints, params
from psychrnn.backend.transfer_functions import TRANSFER_FUNCTIONS, transfer_function_name


def reconciled(
    where: str, asked: params.InitializerParams, source: str, have: dict[str, Any]
) -> dict[str, Any]:
    """Return the start values of ``have`` under the constraints that ``asked`` adds.

    Arguments:
        where: the class the user called, for errors.
        asked: options given beside an initializer or a weight file.
        source: what ``have`` comes from, for errors.
        have: ``initializations`` of an initializer, or what a file holds; its
            ``transfer_function`` is None where it was left to the default.

    Raises:
        ParameterError: if the two sides contradict each other.

    """
    values = dict(have)
    wanted = constraints.in_full(where, asked)

    def contradiction(key: str) -> _checks.ParameterError:
        advice = f"Give {key} in one place, or the same in both."
        return _checks.error(
            f"{where}.{key}", "agreement", f"one {key} in params and another in {source}", advice
        )

    for key in params.WEIGHT_KEYS:
        value = getattr(asked, key)
        if value is not None and not np.allclose(np.ravel(value), np.ravel(have[key]), rtol=1e-6):
            raise contradiction(key)
    for key in params.MASK_KEYS:
        if getattr(asked, key) is not None and not np.array_equal(have[key], wanted[key]):
            if not (np.all(have[key] == 1) or _differ_in_autapses(have[key], wanted[key])):
                raise contradiction(key)
            values[key] = have[key] * wanted[key]
    if not asked.autapses:
        values["rec_connectivity"] = constraints.without_autapses(values["rec_connectivity"])
    same_ratio = asked.Dale_rec is None and asked.dale_ratio == have["dale_ratio"]
    if constraints.has_dale(asked.dale_ratio, asked.Dale_rec) and not same_ratio:
        if constraints.has_dale(have["dale_ratio"], have["Dale_rec"]):
            for key in ("Dale_rec", "Dale_out"):
                if not np.array_equal(have[key], wanted[key]):
                    raise contradiction("dale_ratio" if asked.Dale_rec is None else key)
        for key in ("dale_ratio", "Dale_rec", "Dale_out"):
            values[key] = wanted[key]
    values["transfer_function"] = _one_function(asked, have["transfer_function"], contradiction)
    return values


def _differ_in_autapses(one: np.ndarray, other: np.ndarray) -> bool:
    rows, columns = np.nonzero(one != other)
    return one.shape[0] == one.shape[1] and bool((rows == columns).all())


def _one_function(
    asked: params.InitializerParams,
    have: Any,
    contradiction: Callable[[str], _checks.ParameterError],
) -> Any:
    """Choose between a transfer function asked for and one that an initializer or file has."""
    if asked.transfer_function is None or have is None:
        chosen = have if asked.transfer_function is None else asked.transfer_function
        return "relu" if chosen is None else chosen
    given, stored = (
        transfer_function_name(f) if callable(f) else f for f in (asked.transfer_function, have)
    )
    if given != stored and stored in TRANSFER_FUNCTIONS:
        raise contradiction("transfer_function")
    return asked.transfer_function
