"""What a network holds: weights, the effective weights they make, start states, and files."""

from __future__ import annotations

import os
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from psychrnn import _checks, io
from psychrnn.backend import array_checks, constraints, names
from psychrnn.backend import params as options
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.transfer_functions import transfer_function_name


class _ModelMeta(ABCMeta, type(tf.Module)):  # type: ignore[misc]
    """tf.Module's way of making classes, abstract methods, and names freed by failures."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        model: Any = cls.__new__(cls)  # type: ignore[call-arg]
        try:
            model.__init__(*args, **kwargs)
        except BaseException:
            names.free(model)
            raise
        return model


class Weights(tf.Module, metaclass=_ModelMeta):
    """Variables under constraints: the part of a network that is saved.

    The effective weight is always the raw weight under its mask and Dale's principle, read at
    call time, so a subclass may replace ``W_in``.
    """

    # what tf.Module need not search for variables
    _TF_MODULE_IGNORED_PROPERTIES = tf.Module._TF_MODULE_IGNORED_PROPERTIES | {
        "params", "initializer", "loss_function", "regularizer", "transfer_function",
        "_options", "_optimizer", "_compiled", "_initial", "_noise", "_formed",
        "_moment", "_start", "_last_state", "task", "loop_notes", "_perturbation",
    }  # fmt: skip

    def _create_variables(self, initial: dict[str, Any]) -> None:
        def variable(key: str, value: Any, trainable: bool = False) -> Any:
            return tf.Variable(value, trainable=trainable, name=key, dtype=tf.float32)

        for key in options.WEIGHT_KEYS:
            value = initial[key].reshape(1, -1) if key == "init_state" else initial[key]
            trainable = getattr(self, f"{key}_train")
            attribute = "_init_state" if key == "init_state" else key
            setattr(self, attribute, variable(key, value, trainable))
        for key in options.CONSTRAINT_KEYS:
            setattr(self, key, variable(key, initial[key]))
        self.has_dale = constraints.has_dale(initial["dale_ratio"], initial["Dale_rec"])

    def _effective(self, key: str, W: Any, connectivity: Any, signs: Any) -> Any:
        if self._formed is not None and key in self._formed:
            return self._formed[key]
        return constraints.effective(W, connectivity, signs if self.has_dale else None)

    def get_effective_W_rec(self) -> Any:
        """Return the recurrent weights that act, ``[N_rec, N_rec]``."""
        signs = tf.linalg.diag_part(self.Dale_rec)
        return self._effective("W_rec", self.W_rec, self.rec_connectivity, signs)

    def get_effective_W_in(self) -> Any:
        """Return the input weights that act, ``[N_rec, N_in]``; positive under Dale's principle."""
        return self._effective("W_in", self.W_in, self.input_connectivity, 1.0)

    def get_effective_W_out(self) -> Any:
        """Return the output weights that act, ``[N_out, N_rec]``."""
        signs = tf.linalg.diag_part(self.Dale_out)
        return self._effective("W_out", self.W_out, self.output_connectivity, signs)

    @contextmanager
    def weights_formed_once(self) -> Iterator[None]:
        """Form effective weights before a loop over time instead of at each of its steps."""
        with self.using_weights(self.form_weights()):
            yield

    def form_weights(self) -> dict[str, Any]:
        """Return effective weights of this class; a subclass makes its own of them at each call."""
        with self.using_weights(None):
            return {
                "W_rec": Weights.get_effective_W_rec(self),
                "W_in": Weights.get_effective_W_in(self),
                "W_out": Weights.get_effective_W_out(self),
            }

    @property
    def formed_weights(self) -> dict[str, Any]:
        """The effective weights in use, within ``weights_formed_once``."""
        return dict(self._formed or {})

    @contextmanager
    def using_weights(self, formed: dict[str, Any] | None) -> Iterator[None]:
        """Let the effective weights be these tensors; None to form them at each call."""
        before, self.__dict__["_formed"] = self._formed, formed
        try:
            yield
        finally:
            self.__dict__["_formed"] = before

    @contextmanager
    def weights_scaled(self, factors: dict[str, Any]) -> Iterator[set[str]]:
        """Let effective weights be multiplied, whatever method of the class or model makes them.

        Arguments:
            factors: a factor of its shape for each weight, ``W_in, W_rec, W_out``.

        Yields:
            A set that takes the names of the weights that were asked for.

        """
        asked: set[str] = set()

        def scaled(key: str, form: Any) -> Any:
            asked.add(key)
            return form() * factors[key]

        names = {key: f"get_effective_{key}" for key in factors}
        before = {name: vars(self)[name] for name in names.values() if name in vars(self)}
        forms = {key: getattr(self, name) for key, name in names.items()}
        for key, name in names.items():
            self.__dict__[name] = partial(scaled, key, forms[key])
        try:
            yield asked
        finally:
            for name in names.values():
                del self.__dict__[name]
            self.__dict__.update(before)

    def initial_state(self) -> tuple[Any, ...]:
        """Return the start state of every trial of the batch at hand, a tuple of tensors."""
        return (self.init_state,)

    def start_state(self) -> tuple[Any, ...]:
        """Return the state that the batch at hand starts from, given or initial."""
        if self._start is None:
            return self._initial_parts()
        fresh, *given = self._start
        return tuple(
            tf.where(tf.reshape(fresh, [-1, *[1] * (new.shape.rank - 1)]), new, old)
            for new, old in zip(self._initial_parts(), given)
        )

    def _initial_parts(self) -> tuple[Any, ...]:
        parts = self.initial_state()
        return (parts,) if tf.is_tensor(parts) else tuple(parts)

    def state_spec(self) -> list[Any]:
        """Return shape and type of each part of the state, for any number of trials."""
        self.__dict__["x"] = tf.zeros([1, 1, self.N_in])
        try:
            parts = self._initial_parts()
        finally:
            del self.__dict__["x"]
        return [tf.TensorSpec([None, *part.shape[1:]], part.dtype) for part in parts]

    @property
    def init_state(self) -> Any:
        """The start state of every trial of the batch at hand, ``[N_batch, N_rec]``."""
        if "_own_init_state" in self.__dict__:
            return self._own_init_state
        batch = tf.shape(self.x)[0] if "x" in self.__dict__ else self.N_batch
        return tf.tile(self._init_state, [batch, 1])

    @init_state.setter
    def init_state(self, own: Any) -> None:
        self._own_init_state = own

    def named_variables(self) -> dict[str, Any]:
        """Return every variable of the model, those of a subclass included, by name."""
        named = {
            key: getattr(self, "_init_state" if key == "init_state" else key)
            for key in (*options.WEIGHT_KEYS, *options.CONSTRAINT_KEYS)
        }
        seen = {id(variable) for variable in named.values()}
        for path, variable in self._flatten(
            predicate=lambda v: isinstance(v, tf.Variable), with_path=True
        ):
            if id(variable) not in seen:
                seen.add(id(variable))
                key = self.own_name(variable)
                if key.startswith("Variable") or key in named:
                    key = "/".join(map(str, path))
                named[key] = variable
        return named

    def _restore_own(self, variables: dict[str, Any]) -> None:
        """Give a subclass's own variables the values of a file, or of a dict of weights.

        They are made after this class is done, so it can only see to them now.
        """
        layers = [k for k, v in vars(self).items() if isinstance(v, tf.keras.layers.Layer)]
        if layers:
            expected, advice = "variables of its own", "Make it of tf.Variable, so it is trained."
            raise _checks.error(
                f"{type(self).__name__}.{layers[0]}", expected, "a Keras layer", advice
            )
        ours = {*options.WEIGHT_KEYS, *options.CONSTRAINT_KEYS, *self._own_keys}
        stored = {k: v for k, v in self.initializer.initializations.items() if k not in ours}
        whole = {*options.WEIGHT_KEYS, *options.CONSTRAINT_KEYS}
        if whole <= self.params.keys():  # a whole dict of weights was merged into params
            stored.update({k: v for k, v in self.params.items() if k in variables.keys() - ours})
        for key in variables.keys() & stored.keys() - ours:
            where = f"{type(self).__name__}, stored {key}"
            values = array_checks.checked_values(where, key, stored[key], variables[key])
            variables[key].assign(values)
        unknown = stored.keys() - variables.keys() - self._settings().keys()
        unused = sorted(key for key in unknown if "/" not in key)
        if unused and self.load_weights_path is not None:
            warnings.warn(
                f"{type(self).__name__}: {self.load_weights_path} holds {', '.join(unused)}, which "
                "this network does not have. Was it saved by another kind of network?",
                UserWarning,
                stacklevel=4,
            )

    def own_name(self, variable: Any) -> str:
        """Return the name that a variable was made with."""
        return variable.name.split(":")[0].removeprefix(f"{self.name}/")

    def get_weights(self) -> dict[str, Any]:
        """Return all weights as NumPy arrays, ``W_in, W_rec, W_out`` as effective weights.

        The dict can be saved, merged into the ``params`` of a new model, or given to
        ``set_weights``; each gives the same network back.
        """
        self.build()
        weights: dict[str, Any] = {k: v.numpy() for k, v in self.named_variables().items()}
        weights["W_in"] = self.get_effective_W_in().numpy()
        weights["W_rec"] = self.get_effective_W_rec().numpy()
        weights["W_out"] = self.get_effective_W_out().numpy()
        return {**weights, **self._settings()}

    def _settings(self) -> dict[str, Any]:
        """Return what is kept beside the weights because they mean nothing without it."""
        return {"dale_ratio": self.dale_ratio, "transfer_function": self.transfer_function}

    def check_constraints(self) -> None:
        """Check that no weight breaks a constraint: masks, autapses, Dale's principle.

        Raises:
            ConstraintError: if one does, such as in a class with effective weights of its own.

        """
        name = type(self).__name__
        for key, kind in (("W_in", "input"), ("W_rec", "rec"), ("W_out", "output")):
            form = getattr(self, f"get_effective_{key}")
            try:
                W = np.asarray(form())
            except AttributeError:  # one that needs the batch at hand
                continue
            mask = getattr(self, f"{kind}_connectivity").numpy()
            if mask.shape == W.shape and (W[mask == 0] != 0).any():
                raise constraints.ConstraintError(
                    f"{name}: {key} is not 0 where {kind}_connectivity is."
                )
            if not self.has_dale or mask.shape != W.shape:
                continue
            if key == "W_in" and not form.__module__.startswith("psychrnn."):
                continue  # that inputs excite is our convention, and not Dale's principle
            signs = 1.0 if key == "W_in" else np.diag(getattr(self, f"Dale_{kind[:3]}").numpy())
            if (W * signs < 0).any() or (W[:, np.broadcast_to(signs == 0, W.shape[1])] != 0).any():
                raise constraints.ConstraintError(f"{name}: {key} breaks Dale's principle.")

    def set_weights(self, weights: Mapping[str, Any]) -> None:
        """Replace weights by arrays of the same names and shapes; others stay as they are.

        The default optimizer forgets what it remembers of training.

        Arguments:
            weights: dict such as ``get_weights()`` or a weight file gives. Optimizer entries
                (with a ``/`` in their name) of old files are ignored. Masks and signs must be
                those of this model.

        Raises:
            ParameterError: on an unknown name, a wrong shape, NaN, or other constraints.

        """
        self.build()
        where = f"{type(self).__name__}.set_weights"
        variables, settings = self.named_variables(), self._settings()
        checked = {}
        if not isinstance(weights, Mapping):
            raise _checks.error(where, "a dict of weights", _checks.shown(weights))
        for key, value in weights.items():
            if key in settings:
                same = self._has(key, value)
            elif key in variables:
                at = f"{where}, {key}"
                checked[key] = array_checks.checked_values(at, key, value, variables[key])
                fixed = key in options.CONSTRAINT_KEYS
                same = not fixed or np.array_equal(checked[key], variables[key].numpy())
            elif isinstance(key, str) and ("/" in key or key == io.DESCRIPTION):
                continue
            else:
                expected = "one of " + ", ".join(variables)
                raise _checks.error(where, expected, _checks.shown(key))
            if not same:
                advice = "Constraints are set when a model is made: give them in its params."
                raise _checks.error(f"{where}, {key}", "that of this model", "another", advice)
        for key, value in checked.items():
            variables[key].assign(value)
        self._forget_optimizer()

    def _has(self, key: str, value: Any) -> bool:
        """Tell whether a value of a weight dict is that of this model."""
        if key == "transfer_function":
            given = transfer_function_name(value) if callable(value) else value
            return str(given) == transfer_function_name(self.transfer_function)
        if key != "dale_ratio":
            return str(value) == self._settings()[key]
        ours = np.nan if self.dale_ratio is None else self.dale_ratio
        return np.array_equal(np.nan if value is None else value, ours, equal_nan=True)

    def reset(self) -> None:
        """Go back to the initial weights; the default optimizer forgets its memory of training."""
        self.build()
        for key, variable in self.named_variables().items():
            variable.assign(self._initial[key])
        self._forget_optimizer()

    def _forget_optimizer(self) -> None:
        self.__dict__["_optimizer"] = None

    def save(self, save_path: str) -> None:
        """Write the network to an ``.npz`` file for ``psychrnn.load`` or ``load_weights_path``.

        The file has each weight as an array of its name, and as text what the network is: class,
        sizes, time constants, options, experiment, versions, seed, updates and date.

        Arguments:
            save_path: file name; ``.npz`` is appended where it is missing.

        Raises:
            OSError: if the file cannot be written; an older one of that name is left whole.

        """
        weights = self.get_weights()
        name = transfer_function_name(self.transfer_function)
        ratio = np.nan if self.dale_ratio is None else self.dale_ratio
        path = _checks.path(f"{type(self).__name__}.save", save_path)
        if os.path.isdir(path if path.endswith(".npz") else f"{path}.npz"):
            raise _checks.error(f"{type(self).__name__}.save", "a file name", "that of a folder")
        arrays = {**weights, "transfer_function": name, "dale_ratio": ratio}
        io.save_weights(path, {**arrays, io.DESCRIPTION: self.description()})

    @abstractmethod
    def description(self) -> str:
        """Return what is needed beside the weights to rebuild the network, as text."""

    def to_matlab(self, save_path: str) -> None:
        """Write the weights to a ``.mat`` file, each as a matrix of its name.

        Arguments:
            save_path: file name; ``.mat`` is appended where it is missing.

        Raises:
            OSError: if the file cannot be written.

        """
        path = _checks.path(f"{type(self).__name__}.to_matlab", save_path)
        ratio = np.nan if self.dale_ratio is None else self.dale_ratio
        named = {"transfer_function": transfer_function_name(self.transfer_function)}
        io.save_matlab(path, {**self.get_weights(), **named, "dale_ratio": ratio})
