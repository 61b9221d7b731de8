"""What the usage tests share: small tasks, params as scripts write them, a fresh process."""

import os
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
import tensorflow as tf

import psychrnn
from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

matplotlib.use("Agg")

REFERENCE = Path(__file__).parent / "reference"
WEIGHTS = ["init_state", "W_in", "W_rec", "W_out", "b_rec", "b_out"]
CONSTRAINTS = ["Dale_rec", "Dale_out"] + [k + "_connectivity" for k in ("input", "rec", "output")]
KEYS = [*WEIGHTS, *CONSTRAINTS, "dale_ratio", "transfer_function"]

# what legacy_basic.npz was made with, typed by hand as in an analysis script
BY_HAND = {
    "N_batch": 8,
    "N_in": 3,
    "N_out": 2,
    "N_rec": 20,
    "N_steps": 50,
    "dt": 10,
    "tau": 100,
    "T": 500,
}


def seed_everything(seed):
    tf.compat.v2.random.set_seed(seed)
    random.seed(seed)
    np.random.seed(seed)


def small_task(**extra):
    return PerceptualDiscrimination(dt=20, tau=100, T=400, N_batch=10, **extra)


def small_params(name, N_rec=12, **extra):
    params = small_task().get_task_params()
    params["name"] = name
    params["N_rec"] = N_rec
    params.update(extra)
    return params


def expected(file):
    with np.load(REFERENCE / f"{file}_expected.npz") as data:
        return data["x"], data["outputs"], data["states"]


def run_script(text, folder):
    """Run a script in a process of its own, as a lab would."""
    file = folder / "script.py"
    file.write_text(textwrap.dedent(text))
    environment = dict(os.environ, PYTHONPATH=str(Path(psychrnn.__file__).parents[1]))
    return subprocess.run(
        [sys.executable, str(file)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
