"""What happens between updates: record and print losses, save weights, stop when good enough."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from psychrnn import _checks

if TYPE_CHECKING:
    from psychrnn.backend.loop import Loop
    from psychrnn.backend.params import TrainParams


class Callback:
    """Something to do between updates; give objects of a subclass to ``train`` as ``callbacks``.

    Callbacks run after the library's own (record, save, performance), in the order given. Once
    one sets ``loop.stop`` training ends, and later ones are skipped in that update.

    Example:
        >>> class StopBelow(Callback):
        ...     def __init__(self, loss):
        ...         self.loss = loss
        ...     def on_step_end(self, loop):
        ...         loop.stop = loop.loss < self.loss

    """

    def on_train_begin(self, loop: Loop) -> None:
        """Do something before the first update."""

    def on_step_end(self, loop: Loop) -> None:
        """Do something after an update; ``loop`` has ``model, epoch, batch, loss, losses``."""

    def on_train_end(self, loop: Loop) -> None:
        """Do something when training has ended."""


class RecordLoss(Callback):
    """Record the loss every ``loss_epoch`` updates, and print it."""

    def on_step_end(self, loop: Loop) -> None:
        """Record the loss of an update."""
        if loop.epoch % loop.options.loss_epoch == 0:
            loop.losses.append(np.float32(loop.loss))
            if not interactive():
                loop.say(f"Iter {loop.trials}, Minibatch Loss= {loop.loss:.6f}")


class SaveSnapshots(Callback):
    """Save the weights every ``save_training_weights_epoch`` updates."""

    def on_train_begin(self, loop: Loop) -> None:
        """Make the folder, before hours of training."""
        made_folder(loop.options.training_weights_path)

    def on_step_end(self, loop: Loop) -> None:
        """Save the weights after an update."""
        if loop.epoch % loop.options.save_training_weights_epoch == 0:
            path = f"{loop.options.training_weights_path}{loop.epoch}"
            with loop.unless_the_disk_fails("weight file"):
                loop.model.save(path)
                loop.say(f"Training weights saved in file: {path}")


class StopAtPerformance(Callback):
    """Test the network every ``performance_epoch`` updates; stop when it is good enough."""

    def on_step_end(self, loop: Loop) -> None:
        """Measure the performance on trials of their own."""
        if loop.epoch % loop.options.performance_epoch:
            return
        x, y, mask, outputs = loop.test()
        verbosity = loop.options.verbosity
        measure = loop.options.performance_measure
        performance = measure(x, y, mask, outputs, loop.epoch, loop.losses, verbosity)
        where = f"{type(loop.model).__name__}.train.performance_measure"
        performance = _checks.number(f"{where}, its result", performance)
        loop.say(f"performance: {performance}")
        cutoff = loop.options.performance_cutoff
        loop.stop = cutoff is not None and performance >= cutoff


class AdvanceCurriculum(Callback):
    """Test the network every ``metric_epoch`` updates of a curriculum, and go on with its task."""

    def on_step_end(self, loop: Loop) -> None:
        """Test the network on trials of their own."""
        curriculum = loop.options.curriculum
        if loop.epoch % curriculum.metric_epoch:
            return
        tested = loop.test(curriculum.n_trials)
        with _spoken(loop):
            verbosity = loop.options.verbosity
            changed = curriculum.metric_test(*tested, loop.epoch, loop.losses, verbosity)
        loop.stop = changed and curriculum.stop_training
        if changed and not loop.stop:
            loop.replace_batches(curriculum.current_source)

    def on_train_end(self, loop: Loop) -> None:
        """Save the log."""
        with loop.unless_the_disk_fails("log of the curriculum"):
            loop.options.curriculum.save()


class SaveAtEnd(Callback):
    """Save the weights when training has ended."""

    def on_train_begin(self, loop: Loop) -> None:
        """Make the folder, before hours of training."""
        made_folder(loop.options.save_weights_path)

    def on_train_end(self, loop: Loop) -> None:
        """Save the weights."""
        path = loop.options.save_weights_path
        with loop.unless_the_disk_fails("weight file"):
            loop.model.save(path)
            loop.say(f"Model saved in file: {path}")


class SayFinished(Callback):
    """Say that training has ended."""

    def on_train_end(self, loop: Loop) -> None:
        """Say so."""
        loop.say("Optimization finished!")


def standard(options: TrainParams) -> list[Any]:
    """Return the callbacks that the options ask for, in the documented order."""
    chosen: list[Any] = [SayFinished(), RecordLoss()]
    if options.curriculum is not None:
        chosen.append(AdvanceCurriculum())
    if options.training_weights_path is not None:
        chosen.append(SaveSnapshots())
    if options.performance_measure is not None:
        chosen.append(StopAtPerformance())
    chosen.extend(options.callbacks)
    if options.save_weights_path is not None:
        chosen.append(SaveAtEnd())
    return chosen


def made_folder(path: str | None) -> None:
    """Make the folder of a file."""
    os.makedirs(os.path.dirname(os.path.abspath(str(path))), exist_ok=True)


def in_notebook() -> bool:
    """Tell whether this is a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


def interactive() -> bool:
    """Tell whether standard output is a terminal or a notebook, where a bar can move."""
    return in_notebook() or (sys.stdout is not None and sys.stdout.isatty())


def progress_bar() -> Any:
    """Return tqdm's class for a notebook with widgets, or the one for text."""
    if in_notebook() and find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as widget

        return widget
    return tqdm


class ShowProgress(Callback):
    """Move a progress bar that shows the current loss."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def on_step_end(self, loop: Loop) -> None:
        """Move the bar."""
        self.bar.set_postfix(loss=f"{loop.loss:.4g}", refresh=False)
        self.bar.update(len(loop.batch[0]))


@contextmanager
def _spoken(loop: Loop) -> Iterator[None]:
    """Let what is printed stand above the progress bar, where there is one."""
    if not (loop.options.verbosity and interactive()):
        yield
        return
    with io.StringIO() as caught:
        try:
            with redirect_stdout(caught):
                yield
        finally:
            for line in caught.getvalue().splitlines():
                loop.say(line)


@contextmanager
def output(loop: Loop) -> Iterator[list[Callback]]:
    """Choose how a run talks: a progress bar, the historic lines, or not at all.

    Yields the callbacks that show the progress, if any.
    """
    if not loop.options.verbosity:
        loop.say = lambda line: None
        yield []
    elif interactive():
        total = int(loop.options.training_iters)
        with progress_bar()(total=total, unit=" trials", unit_scale=True, file=sys.stdout) as bar:
            loop.say = lambda line: tqdm.write(line, file=sys.stdout)
            yield [ShowProgress(bar)]
    else:
        yield []
