"""What a network is, in a few lines: sizes, constraints, what is trainable."""

from __future__ import annotations

from typing import Any

import numpy as np

from psychrnn import _html
from psychrnn.backend import engine, params


def rows(model: Any) -> list[tuple[str, str]]:
    """Return what ``repr`` and notebooks show, as pairs of a word and a sentence."""
    return [
        ("units", f"{model.N_in} in, {model.N_rec} recurrent, {model.N_out} out"),
        ("time", f"dt {model.dt:g} ms, tau {_tau(model.tau)}, {model.N_steps} steps a trial"),
        ("transfer", getattr(model.transfer_function, "__name__", repr(model.transfer_function))),
        ("noise", f"rec_noise {model.rec_noise:g}"),
        ("engine", engine.described(model)),
        ("constraints", "; ".join(_constraints(model)) or "none"),
        ("trainable", ", ".join(_trainable(model)) or "nothing"),
    ]


def as_text(model: Any) -> str:
    """Return the summary as lines of text."""
    lines = [f"{type(model).__name__} {model.name!r}"]
    lines += [f"  {word + ':':<13}{sentence}" for word, sentence in rows(model)]
    return "\n".join(lines)


def as_html(model: Any) -> str:
    """Return the summary as a table for a notebook."""
    return _html.table(f"{type(model).__name__} {model.name!r}", rows(model))


def _tau(tau: Any) -> str:
    if np.ndim(tau) == 0:
        return f"{float(tau):g} ms"
    return f"{np.min(tau):g} to {np.max(tau):g} ms"


def _constraints(model: Any) -> list[str]:
    found = []
    if model.has_dale:
        signs = np.diag(model.Dale_rec.numpy())
        found.append(f"Dale: {(signs > 0).sum()} excitatory, {(signs < 0).sum()} inhibitory")
    recurrent = model.rec_connectivity.numpy()
    if not np.diag(recurrent).any():
        found.append("no autapses")
    for key in params.MASK_KEYS:
        mask = getattr(model, key).numpy()
        counted = mask if key != "rec_connectivity" else mask[~np.eye(len(mask), dtype=bool)]
        if not counted.all():
            found.append(f"{key} {counted.mean():.0%}")
    return found


def _trainable(model: Any) -> list[str]:
    return [
        f"{key} {'x'.join(map(str, variable.shape))}"
        for key, variable in model.named_variables().items()
        if variable.trainable
    ]
