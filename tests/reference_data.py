"""Numbers that PsychRNN 1.0 computed, and models built from their settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from psychrnn import Basic, BasicScan

FOLDER = Path(__file__).parent / "reference"
WEIGHTS = ("init_state", "W_in", "W_rec", "W_out", "b_rec", "b_out")


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as data:
        return dict(data)


def model_of(data: dict, kind: type = Basic, **options) -> Basic:
    """Make the network that a reference file describes by its set_* and init_* entries."""
    params = {key[5:]: value for key, value in data.items() if key.startswith("init_")}
    for key, value in data.items():
        name = key[4:]
        if key.startswith("set_") and name not in ("learning_rate", "clip_grads", "alpha"):
            params[name] = value if value.ndim else value.item()
    params.setdefault("N_steps", 50)
    return kind.for_task(_Sizes(params), **options)


class _Sizes:
    """Stands for a task: for_task only asks for its parameters."""

    def __init__(self, params: dict) -> None:
        if np.isnan(params.get("dale_ratio", np.nan)):
            params["dale_ratio"] = None
        self.params = params

    def get_task_params(self) -> dict:
        return self.params


def worst(got, wanted) -> float:
    """Return the largest absolute deviation."""
    return float(np.max(np.abs(np.asarray(got, float) - np.asarray(wanted, float))))


__all__ = ["FOLDER", "WEIGHTS", "Basic", "BasicScan", "load", "model_of", "worst"]
