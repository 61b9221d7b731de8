"""The 3-bit flip-flop of Sussillo and Barak (2013), whose fixed points are known: a cube's."""

from __future__ import annotations

import numpy as np
from scipy.optimize import root

from psychrnn import Basic, Task


class FlipFlop(Task):
    """Each of three outputs holds the sign of the last pulse in its input."""

    def generate_trial_params(self, batch, trial):
        return {}

    def generate_trial(self, params):
        pulses = self.rng.choice([-1.0, 0.0, 1.0], size=(self.N_steps, 3), p=[0.05, 0.9, 0.05])
        pulses[0] = self.rng.choice([-1.0, 1.0], size=3)
        last = np.maximum.accumulate(np.where(pulses, np.arange(self.N_steps)[:, None], 0), axis=0)
        y = np.take_along_axis(pulses, last, axis=0)
        return pulses, y, np.ones_like(y)


def trained(N_rec=30, updates=500, N_batch=32, T=600):
    """Return the task and a network that learned it."""
    task = FlipFlop(3, 3, dt=10, tau=20, T=T, N_batch=N_batch, seed=1)
    model = Basic.for_task(task, N_rec=N_rec, seed=1, transfer_function="tanh")
    model.train(task, training_iters=N_batch * updates, learning_rate=1e-2, verbosity=False)
    return task, model


def roots_by_scipy(model, starts):
    """Return the fixed points that SciPy finds, one start after the other, in double precision."""
    weights = model.get_weights()
    W, b = np.float64(weights["W_rec"]), np.float64(weights["b_rec"])

    def drift(s):
        return -s + W @ np.tanh(s) + b

    def slope(s):
        return -np.eye(len(s)) + W * (1 - np.tanh(s) ** 2)

    found = []
    for start in starts:
        result = root(drift, start, jac=slope, tol=1e-12)
        if np.linalg.norm(drift(result.x)) < 1e-9 and all(
            np.linalg.norm(result.x - other) > 1e-3 for other in found
        ):
            found.append(result.x)
    return np.array(found)
