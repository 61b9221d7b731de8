"""Small data, every picture drawn from them, and how tests look at what is drawn."""

from types import SimpleNamespace
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib.axes import Axes
from refusals import NAN

from psychrnn import MatchToCategory, PerceptualDiscrimination, plotting

RNG = np.random.default_rng(1)
TASK = PerceptualDiscrimination(dt=10, tau=100, T=1000, N_batch=6, seed=1)
BATCH = TASK.get_trial_batch()
OUTPUTS = RNG.normal(size=BATCH.y.shape)
RING = MatchToCategory(dt=20, tau=100, T=2200, N_batch=4, N_in=16, N_out=8, seed=1)
RING_BATCH = RING.get_trial_batch()
SIGNS = np.where(np.arange(10) % 3 == 2, -1, 1)
W = RNG.normal(size=(10, 10)) * 0.1
ACTIVITY = np.abs(RNG.normal(size=(3, 50, 12))).cumsum(axis=1)
NAMES = ["coherence 0.1, choice 0", "coherence 0.1, choice 1", "coherence 0.5, choice 0"]
LEVELS = np.array([-0.4, -0.1, 0.1, 0.4])


class Log(NamedTuple):
    update: np.ndarray
    stage: np.ndarray
    accuracy: np.ndarray


def fit(**changes):
    def predict(x):
        return 1 / (1 + np.exp(-10 * (np.asarray(x) - 0.05)))

    fields = dict(
        threshold=0.05, slope=2.5, guess=0.0, lapse=0.0, location=0.05, scale=0.1,
        intervals={"threshold": (0.01, 0.1)}, levels=LEVELS, unit="%", predict=predict,
        proportions=np.array([0.0, 0.2, 0.7, 1.0]), counts=np.array([10, 40, 40, 20]),
    )  # fmt: skip
    return SimpleNamespace(**{**fields, **changes})


CURVE = SimpleNamespace(
    levels=np.array([0.1, 0.2, 0.4]), reaction_times=np.array([600.0, NAN, 400.0]),
    errors=np.array([20.0, NAN, 10.0]), counts=np.array([10, 0, 10]), unit="coherence",
)  # fmt: skip
SCORES = SimpleNamespace(
    score=np.linspace(0.5, 1, 50), chance=0.5, kind="accuracy",
    fold_scores=np.linspace(0.5, 1, 50) + np.array([[-0.1], [0.1], [0.0]]),
)  # fmt: skip
LOG = Log(np.array([10, 20, 30, 40]), np.array([0, 0, 1, 1]), np.array([0.5, 0.9, 0.6, 0.8]))
PATHS = np.stack([ACTIVITY[:, :, 0], ACTIVITY[:, :, 1], ACTIVITY[:, :, 2]], axis=-1)
POINTS = (np.array([[1.0, 1.0], [5.0, 2.0]]), [True, False])

# name: number of axes to give, their projection, and the call
PICTURES = {
    "trial": (2, None, lambda ax: plotting.trial(BATCH, 1, OUTPUTS, ax=ax)),
    "trial without outputs": (2, None, lambda ax: plotting.trial(BATCH, ax=ax)),
    "trial without a task": (2, None, lambda ax: plotting.trial(tuple(BATCH), ax=ax)),
    "trial of many channels": (2, None, lambda ax: plotting.trial(RING_BATCH, ax=ax)),
    "outputs of many channels": (
        2, None, lambda ax: plotting.trial(RING_BATCH, 1, RING_BATCH.y, ax=ax),
    ),
    "training": (1, None, lambda ax: plotting.training([1.0, 0.5, 0.2], ax=ax)),
    "training in stages": (
        1, None, lambda ax: plotting.training(np.geomspace(9, 0.1, 4), LOG, ax=ax),
    ),
    "psychometric": (1, None, lambda ax: plotting.psychometric(fit(), ax=ax, label="intact")),
    "chronometric": (1, None, lambda ax: plotting.chronometric(CURVE, ax=ax, label="intact")),
    "confusion": (1, None, lambda ax: plotting.confusion(np.eye(4) * 20 + 3, ax=ax)),
    "decoding": (1, None, lambda ax: plotting.decoding(SCORES, dt=20, ax=ax)),
    "decoding across time": (
        1, None, lambda ax: plotting.decoding(np.outer(*[SCORES.score] * 2), dt=20, ax=ax),
    ),
    "weights": (1, None, lambda ax: plotting.weights(W, ax=ax)),
    "weights by sign": (1, None, lambda ax: plotting.weights(W, signs=SIGNS, ax=ax)),
    "weights by block": (
        1, None, lambda ax: plotting.weights(W, blocks={"sensory": [1], "motor": [2, 3]}, ax=ax),
    ),
    "input weights": (1, None, lambda ax: plotting.weights(W[:, :2], signs=SIGNS, ax=ax)),
    "output weights": (1, None, lambda ax: plotting.weights(W[:2], signs=SIGNS, ax=ax)),
    "eigenvalues": (1, None, lambda ax: plotting.eigenvalues(np.linalg.eigvals(3 * W), ax=ax)),
    "trajectories": (
        1, None,
        lambda ax: plotting.trajectories(PATHS[..., :2], NAMES, 10, POINTS, ax=ax),
    ),
    "trajectories in space": (1, "3d", lambda ax: plotting.trajectories(PATHS, NAMES, 10, ax=ax)),
    "activity": (3, None, lambda ax: plotting.activity(ACTIVITY, NAMES, 10, "peak", ax=ax)),
    "activity of one condition": (1, None, lambda ax: plotting.activity(ACTIVITY[0], ax=ax)),
}  # fmt: skip


def listed(axes):
    return [axes] if isinstance(axes, Axes) else list(axes)


def drawn(figure):
    figure.canvas.draw()
    return figure.canvas.get_renderer()


def lines(ax, **wanted):
    """Return lines with data that have some properties."""
    found = [line for line in ax.lines if np.size(line.get_xdata())]
    for key, value in wanted.items():
        found = [line for line in found if getattr(line, f"get_{key}")() == value]
    return found


def inner(ax):
    """Return axes within axes, such as a colour bar."""
    return [child for child in ax.child_axes if isinstance(child, Axes)]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]
