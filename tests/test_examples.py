"""Every example runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIALS = sorted((ROOT / "examples" / "tutorials").glob("*.py"))

# Runs a script as it stands, but for the length of training. What it then shows means nothing, so
# warnings are all right, and it has to stand a network that learned nothing.
SHORTENED = """
import runpy, sys
from psychrnn import RNN

train = RNN.train

def train_shortly(self, source=None, train_params=None, **keywords):
    options = {**(train_params or {}), **keywords}
    few = 20 * self.N_batch
    return train(self, source, {**options, "training_iters": min(few, options["training_iters"])})

RNN.train = train_shortly
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def test_hello_world(tmp_path):
    command = [sys.executable, str(ROOT / "examples" / "hello_world.py"), "--seed", "1"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    accuracy = float(result.stdout.split("accuracy on 1000 fresh trials: ")[1].split()[0])
    assert accuracy > 0.85
    assert (tmp_path / "hello_world.png").stat().st_size > 20_000
    assert (tmp_path / "hello_world.npz").exists()


def test_trial_history(tmp_path):
    """A network with memory alternates; none without could be rewarded in more than half."""
    command = [sys.executable, str(ROOT / "examples" / "trial_history.py")]
    environment = {**os.environ, "PSYCHRNN_EXAMPLE_UPDATES": "500"}
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    with_memory, without = (float(part[:5]) for part in result.stdout.split(": ")[1:])
    assert with_memory > 0.8
    assert without < 0.6


def test_readme_code(tmp_path):
    readme = (ROOT / "README.md").read_text()
    blocks = [part.split("```")[0] for part in readme.split("```python\n")[1:]]
    code = "\n".join(blocks).replace("10_000", "256")
    code += "\nassert task.get_trial_batch().x.shape == (64, 100, 1)\n"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    assert (tmp_path / "weights.npz").exists()


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda script: script.stem)
def test_tutorial(script, tmp_path):
    command = [sys.executable, "-c", SHORTENED, str(script)]
    environment = {**os.environ, "MPLBACKEND": "agg"}
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr


def test_the_analysis_tutorial_is_short():
    """One full analysis, from training to the last picture, fits on a screen."""
    lines = (ROOT / "examples" / "tutorials" / "analyse_a_network.py").read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.startswith("#")]
    assert len(code) <= 60
