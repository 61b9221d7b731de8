"""Fixed points of three systems whose fixed points are known, and the time a search takes.

Run ``python benchmarks/fixed_points.py``: a line attractor, two units that inhibit each other, and
a network trained as a 3-bit flip-flop; then 50 units from 1,024 starts, as a median of five.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from scipy.optimize import brentq

from psychrnn import Basic, PerceptualDiscrimination
from psychrnn.analysis.dynamics import fixed_points

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import flip_flop


def hand_made(name, W_rec, transfer_function):
    """Return a network with given recurrent weights and one input for each unit."""
    N_rec = len(W_rec)
    sizes = {"N_in": N_rec, "N_rec": N_rec, "N_out": 1, "N_steps": 10, "N_batch": 1}
    weights = {"W_rec": W_rec, "W_in": np.eye(N_rec), "transfer_function": transfer_function}
    return Basic({"name": name, "dt": 10, "tau": 100, **sizes, **weights})


def line_attractor(rng):
    """Return a report on a network with the eigenvalue 1."""
    Q = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    model = hand_made("line", Q @ np.diag([1, *np.linspace(-0.9, 0.8, 9)]) @ Q.T, "identity")
    found = fixed_points(model, np.zeros(10), rng.normal(size=(500, 10)), n_starts=500, seed=1)
    off = found.points - np.outer(found.points @ Q[:, 0], Q[:, 0])
    return found, np.linalg.norm(off, axis=1).max()


def bistable(rng):
    """Return a report on two units that inhibit each other."""
    model = hand_made("bistable", np.array([[0.0, -2.0], [-2.0, 0.0]]), "tanh")
    found = fixed_points(model, np.zeros(2), rng.normal(size=(500, 2)), seed=1)
    a = brentq(lambda a: a - 2 * np.tanh(a), 1, 3)
    return found, distance(np.array([[0, 0], [a, -a], [-a, a]]), found.points)


def distance(wanted, found):
    """Return how far the wanted point that was met worst is from a found one."""
    return np.linalg.norm(wanted[:, None] - found[None], axis=2).min(axis=1).max()


def main():
    """Print what was found, how far from the truth, and how long a search takes."""
    rng = np.random.default_rng(1)
    for name, system in (("line attractor", line_attractor), ("bistable pair", bistable)):
        found, off = system(rng)
        print(f"{name}: {found}, farthest from the truth {off:.1e}")
    task, model = flip_flop.trained()
    visited = model.test(task.get_trial_batch().x).states.reshape(-1, model.N_rec)
    starts = visited[rng.choice(len(visited), 2000)] + 0.5 * rng.normal(size=(2000, model.N_rec))
    wanted = flip_flop.roots_by_scipy(model, starts)
    found = fixed_points(model, np.zeros(3), n_starts=1024, seed=1)
    unstable = [int((found.n_unstable == k).sum()) for k in range(4)]
    print(f"flip-flop: {found}, with 0 to 3 unstable directions {unstable}")
    print(f"  SciPy's {len(wanted)} points: farthest {distance(wanted, found.points):.1e};")
    moved = flip_flop.roots_by_scipy(model, found.points)
    print(f"  SciPy started from our {len(moved)}: farthest {distance(found.points, moved):.1e}")
    task = PerceptualDiscrimination(dt=10, tau=100, T=2000, N_batch=128, seed=1)
    model = Basic.for_task(task, N_rec=50, seed=1)
    model.train(task, training_iters=128 * 300, verbosity=False)
    times = []
    for _ in range(6):
        begin = time.perf_counter()
        found = fixed_points(model, [0, 0], n_starts=1024, seed=1)
        times.append(time.perf_counter() - begin)
    median = np.median(times[1:])
    print(f"50 units, 1024 starts: {found}, first {times[0]:.2f} s, then {median:.2f} s")


if __name__ == "__main__":
    main()
