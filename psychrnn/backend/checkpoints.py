"""Checkpoints: everything that decides how a training run goes on, in one file.

A run that is resumed from its checkpoint makes the same updates, bit for bit, as one that was
never interrupted: weights, the optimizer's memory, the numbers of the next batches, random
generators, carried states and the curriculum are those of the moment the file was written.
"""

from __future__ import annotations

import os
import random
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from psychrnn import _checks, _plain, io
from psychrnn.backend.callbacks import Callback, made_folder
from psychrnn.tasks import states
from psychrnn.tasks.batches import Batches
from psychrnn.tasks.task import Task

if TYPE_CHECKING:
    from psychrnn.backend.loop import Loop

_KEPT = 2


class SaveCheckpoints(Callback):
    """Write a checkpoint every ``checkpoint_epoch`` updates and at the end; keep the last two."""

    def __init__(self) -> None:
        self._last: int | None = None

    def on_train_begin(self, loop: Loop) -> None:
        """Make the folder, and see that all can be written, before hours of training."""
        made_folder(loop.options.checkpoint_path)
        _state_of(loop)
        with loop.unless_the_disk_fails("remainder"):
            for path in _left_aside(str(loop.options.checkpoint_path)):
                os.unlink(path)

    def on_step_end(self, loop: Loop) -> None:
        """Write a checkpoint after an update."""
        if loop.epoch % loop.options.checkpoint_epoch == 0:
            self._write(loop)

    def on_train_end(self, loop: Loop) -> None:
        """Write the last one."""
        if self._last != loop.epoch:
            self._write(loop)

    def _write(self, loop: Loop) -> None:
        prefix = str(loop.options.checkpoint_path)
        with loop.unless_the_disk_fails("checkpoint"):
            io.save_weights(f"{prefix}-{loop.epoch:08d}.npz", _state_of(loop))
            self._last = loop.epoch
            older = [path for epoch, path in _found(prefix) if epoch < loop.epoch]
            for path in older[_KEPT - 1 :]:
                os.unlink(path)


def _found(prefix: str) -> list[tuple[int, str]]:
    """Return number of updates and path of every checkpoint, the newest first."""
    folder, name = os.path.split(os.path.abspath(prefix))
    pattern = re.compile(re.escape(name) + r"-(\d{8,})\.npz")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    matches = [(pattern.fullmatch(name), name) for name in names]
    found = [(int(m.group(1)), os.path.join(folder, name)) for m, name in matches if m]
    return sorted(found, reverse=True)


def _left_aside(prefix: str) -> list[str]:
    """Return files that a run which was killed while it wrote them left unfinished."""
    folder, name = os.path.split(os.path.abspath(prefix))
    pattern = re.compile(re.escape(name) + r"-\d{8,}\.npz\.(\d+)\.\d+\.part")
    matches = [(pattern.fullmatch(n), n) for n in os.listdir(folder)]
    return [os.path.join(folder, n) for m, n in matches if m and not _lives(int(m.group(1)))]


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def check_unused(where: str, prefix: str) -> None:
    """Check that a run which begins does not write over one that could go on.

    Raises:
        ParameterError: if there are checkpoints.

    """
    found = _found(prefix)
    if found:
        advice = "Use resume=True to go on with it, another path, or delete its files."
        got = f"that of another run, {found[0][1]}"
        raise _checks.error(f"{where}.checkpoint_path", "an unused path", got, advice)


def newest(where: str, prefix: str) -> dict[str, Any] | None:
    """Return what is in the newest checkpoint that can be read, or None where there is none.

    Raises:
        ParameterError: if there are checkpoints and none can be read.

    """
    found = _found(prefix)
    for _, path in found:
        try:
            stored = io.load_weights(path)
            return {**stored, "run": _plain.from_text(str(stored["run"])), "path": path}
        except (_checks.ParameterError, KeyError, ValueError, OSError) as reason:
            warnings.warn(
                f"{where}: checkpoint {path} cannot be read ({reason}); the one before it is used.",
                UserWarning,
                stacklevel=5,
            )
    if found:
        raise _checks.error(where, "a checkpoint that can be read", f"none of {len(found)}")
    return None


def _state_of(loop: Loop) -> dict[str, Any]:
    model, options = loop.model, loop.options
    arrays = {f"weights/{key}": v.numpy() for key, v in model.named_variables().items()}
    for number, variable in enumerate(_optimizer_variables(loop.optimizer)):
        arrays[f"optimizer/{number}"] = variable.numpy()
    for use, generator in model._noise.items():
        arrays[f"noise/{use}"] = generator.state.numpy()
    for name in ("state", "held_out_state"):
        for number, part in enumerate(getattr(loop, name) or ()):
            arrays[f"{name}/{number}"] = part
    arrays["losses"] = np.array(loop.losses, dtype=np.float32)
    tasks = _tasks(loop)
    run = {
        "model": type(model).__name__,
        "epoch": loop.epoch,
        "trials": loop.trials,
        "updates": model.updates,
        "stopped": loop.stop,
        "optimizer": type(loop.optimizer).__name__,
        "python": list(random.getstate()[1]),
        "first_length": loop.first_length,
        "numpy": _global_state(),
        "batches": [_batches_state(source) for source in (loop.batches, loop.held_out)],
        "tasks": [states.of(task) for task in tasks],
        "curriculum": options.curriculum and options.curriculum.get_state(),
    }
    return {**arrays, "run": _plain.to_text(f"{type(model).__name__}.train, checkpoint", run)}


def _tasks(loop: Loop) -> list[Task]:
    """Return every task of a run once, in an order that the next run has too."""
    given = list(loop.options.curriculum.tasks) if loop.options.curriculum else []
    given += [b.task for b in (loop.batches, loop.held_out) if isinstance(b, Batches)]
    return [task for n, task in enumerate(given) if isinstance(task, Task)
            and not any(task is other for other in given[:n])]  # fmt: skip


def _batches_state(source: Any) -> Any:
    return source.get_state() if isinstance(source, Batches) else None


def _global_state() -> dict[str, Any]:
    state: Any = np.random.get_state(legacy=False)
    return state


def _optimizer_variables(optimizer: Any) -> list[Any]:
    variables = optimizer.variables
    return list(variables() if callable(variables) else variables)


def restore_loop(loop: Loop, stored: dict[str, Any]) -> None:
    """Bring a loop, its model, tasks and generators to the state of a checkpoint.

    The optimizer follows in ``restore_optimizer``, once it has made its memory.

    Raises:
        ParameterError: if the checkpoint is that of another run.

    """
    where, run = f"{type(loop.model).__name__}.train.resume", stored["run"]
    if run["model"] != type(loop.model).__name__:
        raise _other(where, stored, f"a {run['model']}")
    variables = loop.model.named_variables()
    held = {key[8:]: value for key, value in stored.items() if key.startswith("weights/")}
    if {k: v.shape for k, v in held.items()} != {k: tuple(v.shape) for k, v in variables.items()}:
        raise _other(where, stored, "a network of other weights")
    if (run["curriculum"] is None) != (loop.options.curriculum is None):
        word = "without" if run["curriculum"] is None else "with"
        raise _other(where, stored, f"a run {word} a curriculum")
    if run["optimizer"] != type(loop.optimizer).__name__:
        raise _other(where, stored, f"a run with another optimizer, {run['optimizer']}")
    tasks = _tasks(loop)
    if len(tasks) != len(run["tasks"]):
        raise _other(where, stored, "a run on other tasks")
    for task, state in zip(tasks, run["tasks"]):
        states.restore(where, task, state)
    for source, state in zip((loop.batches, loop.held_out), run["batches"]):
        if (state is not None) != isinstance(source, Batches):
            raise _other(where, stored, "a run on other batches")
        if isinstance(source, Batches):
            source.set_state(state)
        else:
            warnings.warn(
                f"{where}: a generator of batches cannot go back to where it was. Train on a task "
                "to get the same run.",
                UserWarning,
                stacklevel=4,
            )
    for key, value in held.items():
        variables[key].assign(value)
    for use, generator in loop.model._noise.items():
        if f"noise/{use}" not in stored:
            raise _other(where, stored, "a network without recurrent noise")
        generator.reset(stored[f"noise/{use}"])
    loop.epoch, loop.trials, loop.stop = run["epoch"], run["trials"], run["stopped"]
    loop.first_length = run["first_length"]
    loop.model.__dict__["updates"] = run["updates"]
    loop.losses = list(stored["losses"])
    for name in ("state", "held_out_state"):
        parts = sorted(key for key in stored if key.startswith(f"{name}/"))
        setattr(loop, name, [stored[key] for key in parts] or None)
    np.random.set_state(run["numpy"])
    random.setstate((3, tuple(run["python"]), None))


def restore_optimizer(loop: Loop, stored: dict[str, Any]) -> None:
    """Give the optimizer the memory that it had."""
    held = [key for key in stored if key.startswith("optimizer/")]
    variables = _optimizer_variables(loop.optimizer)
    if not variables and held:  # one of TensorFlow 1, which makes it at its first update
        trained = [v for v in loop.model.named_variables().values() if v.trainable]
        loop.optimizer._create_slots(trained)
        variables = _optimizer_variables(loop.optimizer)
    ours = loop.options.optimizer is None or isinstance(loop.options.optimizer, str)
    rate = loop.options.learning_rate if ours else None
    values = [stored[f"optimizer/{number}"] for number in range(len(held))]
    if [tuple(v.shape) for v in variables] != [np.shape(value) for value in values]:
        raise _other(f"{type(loop.model).__name__}.train.resume", stored, "another optimizer")
    for variable, value in zip(variables, values):
        variable.assign(value)
    if isinstance(rate, (int, float)):
        loop.optimizer.learning_rate = rate  # that of this script, not of the checkpoint


def _other(where: str, stored: dict[str, Any], got: str) -> _checks.ParameterError:
    advice = "Use another checkpoint_path."
    return _checks.error(where, "a checkpoint of this run", f"{stored['path']}, of {got}", advice)
