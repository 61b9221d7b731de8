"""Train recurrent neural networks on cognitive tasks, under the constraints of biology.

The names below load on first use, so that designing a task never waits for TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

name = "psychrnn"
__version__ = "2.0.0.dev0"

_HOMES = {
    "Task": "psychrnn.tasks.task",
    "Batch": "psychrnn.tasks.batch",
    "Trial": "psychrnn.tasks.trial",
    "in_sequence": "psychrnn.tasks.trial",
    "ArrayTask": "psychrnn.tasks.array_task",
    "PerceptualDiscrimination": "psychrnn.tasks.perceptual_discrimination",
    "DelayedDiscrimination": "psychrnn.tasks.delayed_discrim",
    "MatchToCategory": "psychrnn.tasks.match_to_category",
    "RNN": "psychrnn.backend.rnn",
    "Basic": "psychrnn.backend.models.basic",
    "BasicScan": "psychrnn.backend.models.basic",
    "LSTM": "psychrnn.backend.models.lstm",
    "GRU": "psychrnn.backend.models.gru",
    "Callback": "psychrnn.backend.callbacks",
    "Curriculum": "psychrnn.backend.curriculum",
    "default_metric": "psychrnn.backend.curriculum",
    "BasicSimulator": "psychrnn.backend.simulation",
    "LSTMSimulator": "psychrnn.backend.simulation",
    "GRUSimulator": "psychrnn.backend.simulation",
    "Silence": "psychrnn.backend.perturbations",
    "Clamp": "psychrnn.backend.perturbations",
    "Current": "psychrnn.backend.perturbations",
    "Gain": "psychrnn.backend.perturbations",
    "Cut": "psychrnn.backend.perturbations",
    "Noise": "psychrnn.backend.perturbations",
    "WeightInitializer": "psychrnn.backend.initializations",
    "GaussianSpectralRadius": "psychrnn.backend.initializations",
    "AlphaIdentity": "psychrnn.backend.initializations",
    "LossFunction": "psychrnn.backend.loss_functions",
    "Regularizer": "psychrnn.backend.regularizations",
    "ParameterError": "psychrnn._checks",
    "set_seed": "psychrnn._random",
    "load": "psychrnn.backend.model_files",
}

_ROOMS = ("analysis", "plotting", "testing")  # loaded when they are first used, too

__all__ = sorted(_HOMES)


def __getattr__(attribute: str) -> Any:
    if attribute in _ROOMS:
        return import_module(f"psychrnn.{attribute}")
    if attribute not in _HOMES:
        raise AttributeError(f"module 'psychrnn' has no attribute {attribute!r}")
    return getattr(import_module(_HOMES[attribute]), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_ROOMS})
