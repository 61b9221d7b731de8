"""The house: who imports whom, what loads without TensorFlow, how long files are."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import psychrnn

ROOT = Path(psychrnn.__file__).parent

# Each room may import from rooms in earlier rows, and from files of its own row that come before.
ROOMS = [
    ["_checks", "_random", "_plain", "_html"],
    [
        "tasks.accuracy",
        "tasks.batch",
        "tasks.task",
        "tasks.trial",
        "tasks.whole_batches",
        "tasks.perceptual_discrimination",
        "tasks.delayed_discrim",
        "tasks.match_to_category",
        "tasks.array_task",
        "tasks.batches",
        "tasks.states",
        "io",
        "backend.option_checks",
        "backend.params",
        "backend.curriculum",
        "backend.constraints",
        "backend.schedule",
        "backend.perturbations",
        "backend.numpy_functions",
        "backend.simulator",
        "backend.simulation",
    ],
    [
        "analysis.array_checks",
        "analysis.psychometric_likelihood",
        "analysis.psychometrics",
        "analysis.readouts",
        "analysis.behavior",
        "analysis.population",
        "analysis.regression",
        "analysis.decoding",
        "analysis.fixed_points",
        "analysis.dynamics",
        "analysis.connectivity",
    ],
    [
        "plotting.style",
        "plotting.trials",
        "plotting.learning",
        "plotting.curves",
        "plotting.matrices",
        "plotting.state_space",
        "plotting.units",
    ],
    ["backend._tensorflow"],
    ["backend.transfer_functions", "backend.agreement"],
    ["backend.initializations", "backend.loss_functions", "backend.regularizations"],
    ["backend.unroll", "backend.noise", "backend.shards"],
    ["backend.fused_loop", "backend.generic_loop", "backend.engine"],
    ["backend.names", "backend.summary", "backend.model_files"],
    ["backend.array_checks", "backend.forward", "backend.perturbed", "backend.step_map"],
    ["backend.optimizers", "backend.callbacks", "backend.loop", "backend.interruptions"],
    ["backend.checkpoints", "backend.training"],
    ["backend.weights", "backend.rnn"],
    ["backend.models.basic", "backend.models.gated"],
    ["backend.models.lstm", "backend.models.gru"],
    ["testing"],
]
ORDER = [f"psychrnn.{name}" for row in ROOMS for name in row]
PACKAGES = {
    "psychrnn", "psychrnn.tasks", "psychrnn.analysis", "psychrnn.plotting",
    "psychrnn.backend", "psychrnn.backend.models",
}  # fmt: skip
WITHOUT_TENSORFLOW = [
    "psychrnn", "psychrnn._checks", "psychrnn.tasks.task", "psychrnn.io",
    "psychrnn.tasks.perceptual_discrimination", "psychrnn.tasks.trial", "psychrnn.tasks.array_task",
    "psychrnn.backend.params", "psychrnn.backend.curriculum", "psychrnn.backend.simulation",
    "psychrnn.analysis.behavior", "psychrnn.analysis.dynamics", "psychrnn.analysis.connectivity",
    "psychrnn.plotting",
]  # fmt: skip


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports_at_run_time(path):
    """Return names imported by a module, except those for type checkers alone."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        for inner in [node] if not isinstance(node, ast.If) else ast.walk(node):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            if isinstance(inner, ast.ImportFrom) and inner.module:
                for alias in inner.names:
                    yield f"{inner.module}.{alias.name}"
                    yield inner.module
            elif isinstance(inner, ast.Import):
                yield from (alias.name for alias in inner.names)


def test_every_module_has_its_place():
    assert {name for name, _ in modules()} == set(ORDER) | PACKAGES


def test_imports_go_one_way():
    for name, path in modules():
        if name in PACKAGES:
            continue
        for imported in imports_at_run_time(path):
            if imported in ORDER:
                assert ORDER.index(imported) < ORDER.index(name), f"{name} imports {imported}"


def test_only_params_reads_option_keys():
    for name, path in modules():
        if name != "psychrnn.backend.params":
            for call in ("params.get(", "train_params.get("):
                lines = [line for line in path.read_text().splitlines() if call in line]
                assert not [line for line in lines if ", " in line.split(call)[1]], name


def test_files_are_short():
    long = {name: n for name, path in modules() if (n := len(path.read_text().splitlines())) > 420}
    assert not long


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_loads_without_tensorflow(name):
    code = f"import sys, {name}; assert 'tensorflow' not in sys.modules"
    if name == "psychrnn":
        code += "; psychrnn.Task, psychrnn.PerceptualDiscrimination"
        code += "; assert 'tensorflow' not in sys.modules; psychrnn.Basic"
        code += "; assert 'tensorflow' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_first_tensorflow_import_is_quiet():
    code = "import os, sys, psychrnn; psychrnn.Basic; print('out'); os.write(2, b'still here')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stdout == "out\n"
    assert "still here" in result.stderr
    assert "oneDNN custom operations" not in result.stderr
    assert "I0000" not in result.stderr


def test_errors_of_the_first_import_are_not_hidden():
    code = (
        "import os; from psychrnn.backend._tensorflow import _without_chatter\n"
        "with _without_chatter():\n"
        "    os.write(2, b'I0000 chatter\\nE0000 a real error\\nW0000 a warning\\n')\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "E0000 a real error\nW0000 a warning\n" in result.stderr
    assert "chatter" not in result.stderr


def test_public_names():
    assert psychrnn.name == "psychrnn"
    for name in psychrnn.__all__:
        assert getattr(psychrnn, name).__name__ == name
    assert set(psychrnn.__all__) <= set(dir(psychrnn))
    with pytest.raises(AttributeError, match="Basics"):
        psychrnn.Basics  # noqa: B018
