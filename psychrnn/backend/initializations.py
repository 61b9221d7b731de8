"""Where weights start: random rules, given arrays, or a file."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from psychrnn import _checks, io
from psychrnn._random import generator
from psychrnn.backend import constraints, params
from psychrnn.backend._tensorflow import ensure_eager, tf
from psychrnn.backend.agreement import reconciled
from psychrnn.backend.transfer_functions import (
    check_transfer_function,
    transfer_function_name,
    transfer_function_named,
)


class WeightInitializer:
    r"""Start values of all weights, and the constraints on them.

    A random weight of target *i* and source *j* has, by ``which_rand_init``,

    * ``'glorot_gauss'``: :math:`N(0, 2/f_{ij})`, ``'glorot_unif'``:
      :math:`U(\pm\sqrt{6/f_{ij}})`, where :math:`f_{ij}` is the number of connections into *i*
      plus that out of *j* (Glorot and Bengio 2010, AISTATS);
    * ``'const_gauss'``: :math:`N(0, 1)`; ``'const_unif'``: ``U(init_minval, init_maxval)``.

    Biases start at 0, the start state at :math:`0.1 + N(0, 0.01^2)`.

    Arguments:
        N_in, N_rec, N_out: numbers of input, recurrent and output units.
        load_weights_path: file to take everything from instead.
        input_connectivity: ``[N_rec, N_in]``, 1 where a connection exists, else 0.
        rec_connectivity: ``[N_rec, N_rec]``, rows are targets.
        output_connectivity: ``[N_out, N_rec]``.
        autapses: False removes connections of units to themselves.
        dale_ratio: fraction of excitatory units, 0 to 1; None without Dale's principle.
        Dale_rec, Dale_out: ``[N_rec, N_rec]``, diagonal matrices of signs instead of a ratio.
        transfer_function: function of a tensor, or one of the names in ``TRANSFER_FUNCTIONS``.
        which_rand_init: random rule; ``which_rand_W_rec_init`` is that of ``W_rec``.
        init_minval, init_maxval: limits of ``'const_unif'``.
        W_in, W_rec, W_out, b_rec, b_out, init_state: arrays to use instead of random ones.
        seed: integer that fixes the random weights; without it they follow ``np.random.seed``.

    Raises:
        ParameterError: on a wrong shape, an empty mask, a ratio outside [0, 1], or NaN.

    Example:
        >>> import numpy as np
        >>> init = WeightInitializer(N_in=2, N_rec=5, N_out=1, W_rec=np.eye(5), seed=1)
        >>> init.initializations["W_in"].shape
        (5, 2)

    """

    def __init__(self, **kwargs: Any) -> None:
        where = type(self).__name__
        ensure_eager()
        _checks.warn_near_misses(where, kwargs, params.NETWORK_KEYS)
        stored = _stored_values(where, kwargs)
        sizes: dict[str, Any] = {
            key: stored[key] for key in ("N_in", "N_rec", "N_out") if key in stored
        }
        asked = self._options = params.read(params.InitializerParams, where, {**kwargs, **sizes})
        self.load_weights_path = asked.load_weights_path
        if stored:
            chosen = {"transfer_function": asked.transfer_function, **stored, "seed": asked.seed}
            self._options = params.read(params.InitializerParams, where, chosen)
        for key in ("N_in", "N_rec", "N_out", "autapses"):
            setattr(self, key, getattr(self._options, key))
        self.rng = generator(self._options.seed, 0)
        self.rand_init = self.get_rand_init_func(self._options.which_rand_init)
        self.rand_W_rec_init = self.get_rand_init_func(
            self._options.which_rand_W_rec_init or self._options.which_rand_init
        )
        self.initializations: dict[str, Any] = constraints.in_full(where, self._options)
        function = self._options.transfer_function
        self.initializations["transfer_function"] = "relu" if function is None else function
        self.initializations.update(self._weights())
        if stored:
            self.initializations = reconciled(
                where, asked, f"file {self.load_weights_path}", self.initializations
            )
            extras = {key: stored[key] for key in stored if not hasattr(self._options, key)}
            self.initializations.update(extras)
        source = f", file {self.load_weights_path}," if stored else "."
        self.initializations["transfer_function"] = transfer_function_named(
            f"{where}{source}transfer_function", self.initializations["transfer_function"]
        )
        if type(self) is WeightInitializer and self._options.W_rec is None:
            warnings.warn(
                "This network may not train since the eigenvalues of W_rec are not regulated in "
                "any way.",
                UserWarning,
                stacklevel=2,
            )

    def _weights(self) -> dict[str, Any]:
        options, masks = self._options, self.initializations
        rules: dict[str, Callable[[], Any]] = {
            "W_in": lambda: self.rand_init(masks["input_connectivity"]),
            "W_out": lambda: self.rand_init(masks["output_connectivity"]),
            "W_rec": lambda: self.rand_W_rec_init(masks["rec_connectivity"]),
            "b_rec": lambda: np.zeros(options.N_rec),
            "b_out": lambda: np.zeros(options.N_out),
            "init_state": lambda: 0.1 + 0.01 * self.rng.standard_normal(options.N_rec),
        }
        given = {key: getattr(options, key) for key in rules}
        return {key: rule() if given[key] is None else given[key] for key, rule in rules.items()}

    def get_rand_init_func(self, which: str) -> Callable[[np.ndarray], np.ndarray]:
        """Return the random rule of that name, a function of a connectivity array."""
        rules = {
            "glorot_gauss": self.glorot_gauss_init,
            "glorot_unif": self.glorot_unif_init,
            "const_gauss": self.const_gauss_init,
            "const_unif": self.const_unif_init,
        }
        if not isinstance(which, str) or which not in rules:
            where = f"{type(self).__name__}.which_rand_init"
            raise _checks.error(where, "one of " + ", ".join(rules), _checks.shown(which))
        return rules[which]

    def const_gauss_init(self, connectivity: np.ndarray) -> np.ndarray:
        """Draw standard normal weights in the shape of ``connectivity``."""
        return self.rng.standard_normal(np.shape(connectivity))

    def const_unif_init(self, connectivity: np.ndarray) -> np.ndarray:
        """Draw weights uniformly between ``init_minval`` and ``init_maxval``."""
        low, high = self._options.init_minval, self._options.init_maxval
        return self.rng.uniform(low, high, np.shape(connectivity))

    def glorot_unif_init(self, connectivity: np.ndarray) -> np.ndarray:
        """Draw uniform weights scaled by the numbers of connections; 0 where there are none."""
        limit = np.sqrt(6 * _per_connection(connectivity))
        return limit * self.rng.uniform(-1, 1, np.shape(connectivity))

    def glorot_gauss_init(self, connectivity: np.ndarray) -> np.ndarray:
        """Draw normal weights scaled by the numbers of connections; 0 where there are none."""
        spread = np.sqrt(2 * _per_connection(connectivity))
        return spread * self.rng.standard_normal(np.shape(connectivity))

    def get_dale_ratio(self) -> float | None:
        """Return the fraction of excitatory units, or None without Dale's principle."""
        return self.initializations["dale_ratio"]

    def get_transfer_function(self) -> Callable[..., Any]:
        """Return the transfer function."""
        return self.initializations["transfer_function"]

    def get(self, key: str) -> Any:
        """Return a TensorFlow initializer that gives the array stored under ``key``."""
        if not isinstance(key, str) or key not in self.initializations:
            available = ", ".join(self.initializations)
            raise _checks.error(f"{type(self).__name__}.get", f"one of {available}", key)
        return tf.compat.v1.constant_initializer(self.initializations[key])

    def save(self, path: str) -> None:
        """Write all start values to an ``.npz`` file that ``load_weights_path`` takes."""
        values = dict(self.initializations)
        values["transfer_function"] = transfer_function_name(values["transfer_function"])
        ratio = values["dale_ratio"]
        values["dale_ratio"] = np.nan if ratio is None else ratio
        io.save_weights(_checks.path(f"{type(self).__name__}.save", path), values)

    def _warn_of_rule_for_W_rec(self) -> None:
        """Warn, in classes that make ``W_rec`` themselves, of a random rule that does not act."""
        rule = self._options.which_rand_W_rec_init
        if rule is not None and {rule, self._options.which_rand_init} != {"glorot_gauss"}:
            warnings.warn(
                f"{type(self).__name__} makes W_rec itself, so which_rand_W_rec_init={rule!r} has "
                "no effect. Pass initializer=WeightInitializer(**params) to draw by that rule.",
                UserWarning,
                stacklevel=3,
            )

    def signs(self) -> np.ndarray | None:
        """Return the sign of each unit, ``[N_rec]``, or None without Dale's principle."""
        values = self.initializations
        if not constraints.has_dale(values["dale_ratio"], values["Dale_rec"]):
            return None
        return np.diag(values["Dale_rec"])

    def balance_dale_ratio(self) -> None:
        r"""Scale ``W_rec`` so that excitation and inhibition balance, under Dale's principle.

        Column *j* is multiplied by :math:`v_j / \|C_{j\cdot} \circ v\|`, where :math:`v` is 1 for
        excitatory and :math:`n_{exc}/n_{inh}` for inhibitory units.
        """
        signs = self.signs()
        if signs is None:
            return
        excitatory, inhibitory = (signs > 0).sum(), (signs < 0).sum()
        balanced = excitatory / inhibitory if excitatory and inhibitory else 1.0
        strength = np.where(signs < 0, balanced, 1.0)
        norms = np.linalg.norm(self.initializations["rec_connectivity"] * strength, axis=1)
        norms[norms == 0] = 1  # a unit without input has nothing to scale
        self.initializations["W_rec"] = self.initializations["W_rec"] * (strength / norms)


class GaussianSpectralRadius(WeightInitializer):
    """Normal recurrent weights, scaled to a spectral radius; the default of every network.

    The radius is the largest absolute eigenvalue of the effective matrix, that is after masks,
    autapses and Dale's principle, so that 1.1 means 1.1.

    Arguments:
        spec_rad: spectral radius, 1.1 by default.
        kwargs: as for :class:`WeightInitializer`. A given ``W_rec`` is used as it is.

    Raises:
        ParameterError: if both ``W_rec`` and ``spec_rad`` are given, or ``spec_rad`` is not
            above 0.

    Example:
        >>> import numpy as np
        >>> init = GaussianSpectralRadius(N_in=1, N_rec=30, N_out=1, spec_rad=0.9, seed=1)
        >>> W_rec = init.initializations["W_rec"]
        >>> round(float(np.abs(np.linalg.eigvals(W_rec)).max()), 6)
        0.9

    """

    def __init__(self, spec_rad: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = type(self).__name__
        self.spec_rad = 1.1 if spec_rad is None else _checks.positive(f"{where}.spec_rad", spec_rad)
        if self._options.W_rec is not None:
            if spec_rad is not None:
                raise _checks.error(
                    where, "W_rec or spec_rad", "both", "W_rec is used as it is: leave one out."
                )
            return
        self._warn_of_rule_for_W_rec()
        values = self.initializations
        values["W_rec"] = self.rng.standard_normal(values["W_rec"].shape)
        self.balance_dale_ratio()
        W_eff = constraints.effective(values["W_rec"], values["rec_connectivity"], self.signs())
        if _is_feedforward(W_eff):
            warnings.warn(
                f"{where}: rec_connectivity has no loops, so its spectral radius is 0 whatever "
                "the weights, and they were left unscaled.",
                UserWarning,
                stacklevel=2,
            )
            return
        values["W_rec"] = self.spec_rad * values["W_rec"] / np.abs(np.linalg.eigvals(W_eff)).max()


class AlphaIdentity(WeightInitializer):
    """Recurrent weights ``alpha`` on the diagonal and 0 elsewhere, balanced under Dale's principle.

    Arguments:
        alpha: value of the diagonal.
        kwargs: as for :class:`WeightInitializer`.

    Raises:
        ParameterError: if ``alpha`` is not a number, or ``W_rec`` is given too.

    Example:
        >>> AlphaIdentity(alpha=0.5, N_in=1, N_rec=2, N_out=1).initializations["W_rec"].tolist()
        [[0.5, 0.0], [0.0, 0.5]]

    """

    def __init__(self, alpha: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = type(self).__name__
        self.alpha = _checks.number(f"{where}.alpha", alpha)
        if self._options.W_rec is not None:
            raise _checks.error(where, "alpha alone", "alpha and W_rec", "Leave one out.")
        self._warn_of_rule_for_W_rec()
        self.initializations["W_rec"] = self.alpha * np.eye(self._options.N_rec)
        self.balance_dale_ratio()


def _per_connection(connectivity: np.ndarray) -> np.ndarray:
    """Return 1 / (connections into the target + out of the source), 0 where there are none."""
    connectivity = np.asarray(connectivity, dtype=float)
    fan = connectivity.sum(axis=1, keepdims=True) + connectivity.sum(axis=0, keepdims=True)
    return np.divide(1.0, fan, out=np.zeros_like(fan), where=fan > 0)


def _is_feedforward(W: np.ndarray) -> bool:
    """Tell whether no activity returns to where it came from; then every eigenvalue is 0."""
    open_ends = W != 0
    while len(open_ends):
        fed = open_ends.any(axis=1)  # units without input cannot be part of a loop
        if fed.all():
            return False
        open_ends = open_ends[np.ix_(fed, fed)]
    return True


def _stored_values(where: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Read a weight file, check every entry, and drop what the old library saved beside weights."""
    asked = params.read(params.FileParams, where, kwargs)
    path = asked.load_weights_path
    if path is None:
        return {}
    stored = io.load_weights(path)
    slots = [key for key in stored if "/" in key and key.split("/")[0] in params.WEIGHT_KEYS]
    stored = {key: value for key, value in stored.items() if key not in slots}  # of the optimizer
    missing = [key for key in params.WEIGHT_KEYS if key not in stored]
    if missing:
        raise _checks.error(f"{where}, file {path}", f"an entry {missing[0]!r}", "none")
    if "dale_ratio" not in stored:
        warnings.warn(
            f"{path} has no dale_ratio: it is from a version <1.0. Dale's principle will not be "
            "applied unless you ask for it.",
            UserWarning,
            stacklevel=3,
        )
    if "transfer_function" not in stored:
        warnings.warn(
            f"{path} has no transfer_function: it is from a version <=1.0. The one passed as "
            "transfer_function is used, by default relu.",
            UserWarning,
            stacklevel=3,
        )
    if not isinstance(stored.get("transfer_function", ""), str):
        got = _checks.shown(stored["transfer_function"])
        raise _checks.error(f"{where}, file {path}, transfer_function", "a name", got)
    W_in, W_out = stored["W_in"], stored["W_out"]
    if W_in.ndim != 2 or W_out.ndim != 2:
        raise _checks.error(f"{where}, file {path}", "matrices W_in and W_out", "other arrays")
    found = {"N_in": W_in.shape[1], "N_rec": W_in.shape[0], "N_out": W_out.shape[0]}
    sizes = {key: getattr(asked, key) or size for key, size in found.items()}
    for key in (*params.WEIGHT_KEYS, *params.CONSTRAINT_KEYS, "dale_ratio"):
        if stored.get(key) is not None:
            stored[key] = params.check_sizes(f"{where}, file {path}", sizes, key, stored[key])
    return {**stored, **sizes}


def choose(
    where: str, network: params.NetworkParams, given: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Choose a network's initializer: that of params, a file, given weights, or the default.

    Arguments:
        where: class of the network, for errors.
        network: its options.
        given: the dict they were read from, which may also hold the initializer's.

    Returns:
        The initializer, and start values under all the constraints of ``given``.

    Raises:
        ParameterError: if the initializer is none, or contradicts ``given``.

    """
    asked = params.read(params.InitializerParams, where, given)
    other = network.initializer is not None or network.load_weights_path is not None
    if other and given.get("spec_rad") is not None:
        advice = "spec_rad is an option of the default initializer: leave one out."
        got = "an initializer or a weight file beside it"
        raise _checks.error(f"{where}.spec_rad", "no other source of W_rec", got, advice)
    if network.initializer is None:
        kind: type[WeightInitializer] = GaussianSpectralRadius
        fixed = asked.W_rec is not None and given.get("spec_rad") is None
        if fixed or network.load_weights_path is not None:
            kind = WeightInitializer
        initializer = kind(**params.initializer_part(given))
        initial = dict(initializer.initializations)
    else:
        initializer = network.initializer
        initial = _of_object(where, network, asked)
    check_transfer_function(f"{where}.transfer_function", initial, network.N_rec)
    return initializer, initial


def _of_object(
    where: str, network: params.NetworkParams, asked: params.InitializerParams
) -> dict[str, Any]:
    """Return the start values of ``network.initializer``, checked like those of params."""
    have = getattr(network.initializer, "initializations", None)
    if isinstance(network.initializer, type) or not isinstance(have, dict):
        got, advice = network.initializer, "Pass an object: GaussianSpectralRadius(**params)."
        raise _checks.error(f"{where}.initializer", "an initializer", _checks.shown(got), advice)
    if network.load_weights_path is not None:
        advice = "Both say where the weights start: give one."
        raise _checks.error(where, "initializer or load_weights_path", "both", advice)
    sizes = vars(network)
    needed = (*params.WEIGHT_KEYS, *params.CONSTRAINT_KEYS, "dale_ratio", "transfer_function")
    missing = [key for key in needed if key not in have]
    if missing:
        advice = "Call super().__init__(**kwargs) in its constructor."
        expected = f"initializations[{missing[0]!r}]"
        raise _checks.error(f"{where}.initializer", expected, "none", advice)
    checked = {
        key: params.check_sizes(f"{where}.initializer", sizes, key, have[key])
        for key in (*params.WEIGHT_KEYS, *params.CONSTRAINT_KEYS)
    }
    chosen = getattr(network.initializer, "_options", None)
    default = have.get("transfer_function") is tf.nn.relu
    if default and chosen is not None and chosen.transfer_function is None:
        checked["transfer_function"] = None
    initial = reconciled(where, asked, "initializer", {**have, **checked})
    function = transfer_function_named(f"{where}.transfer_function", initial["transfer_function"])
    return {**initial, "transfer_function": function}
