"""The next batch, prepared while the network learns from this one."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, cast

import cloudpickle
import numpy as np

from psychrnn import _checks
from psychrnn._random import holds_global_functions
from psychrnn.tasks.batch import Batch
from psychrnn.tasks.task import Task


class Batches:
    """An endless iterator of a task's batches, made in a thread or in other processes.

    The order of batches and every number in them are the same whatever ``workers`` is: a batch
    depends on the seed and on its number alone. A task without a seed takes one from
    ``np.random`` when the iterator is made.

    Arguments:
        task: the task.
        workers: number of processes. With 0 batches are made in this one: by a thread after
            ``prepare``, or else when they are asked for.

    Raises:
        ParameterError: if there are workers and the task cannot be sent to another process.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> batches = Batches(PerceptualDiscrimination(10, 100, 500, 8, seed=1))
        >>> next(batches).x.shape
        (8, 50, 2)
        >>> batches.close()

    """

    def __init__(self, task: Task, workers: int = 0) -> None:
        self.task = task
        self._make: Callable[[int], Batch] = task.numbered_batches()
        self._next = 1
        self._ready: deque[Future[Batch]] = deque()
        self._workers = workers
        self._pool: Any = None
        if task.observe is not None:
            _checks.takes(f"{type(task).__name__}.observe", task.observe, "batch, outputs")
        self.in_turn = task.observe is not None  # a batch may depend on what was seen before it
        if workers:
            if self.in_turn:
                where = f"{type(task).__name__}, with workers"
                got = "one that defines observe, whose batches depend on those before"
                expected, advice = "a task whose batches can be made in any order", "Use workers=0."
                raise _checks.error(where, expected, got, advice)
            if task._own_rng:  # each process would draw the same numbers from a copy of it
                where = f"{type(task).__name__}, with workers"
                advice = "Give the task a seed and do not set its rng, or use workers=0."
                got = "one with a random generator of its own"
                raise _checks.error(where, "a task whose batches have seeds", got, advice)
            self._pool, self._sent = _executor(workers), _sent(task, self._make)

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Batch:
        if not self._workers and not self._ready:
            return self._make(self._number())
        self.prepare()
        batch = self._ready.popleft().result()
        if self._workers:
            self.prepare()
            batch = batch.of_task(self.task)  # it was made by a copy elsewhere
        return batch

    def prepare(self) -> None:
        """Begin to make the next batch, or the next two for each worker."""
        if self.in_turn or (holds_global_functions() and not self._workers):
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="psychrnn-batches")
        while len(self._ready) < max(1, 2 * self._workers):
            number = self._number()
            if self._workers:
                made = self._pool.submit(_made_elsewhere, self._sent, number)
            else:
                made = self._pool.submit(self._make, number)
            self._ready.append(made)

    def wait(self) -> None:
        """Wait until a batch that this process is making is there; errors come with ``next``."""
        if self._ready and not self._workers:
            self._ready[0].exception()

    def observe(self, batch: Any, outputs: np.ndarray) -> None:
        """Tell the task what the network did, where it wants to know."""
        if self.task.observe is not None:
            x, y, mask, params, *_ = batch
            self.task.observe(Batch(x, y, mask, params).of_task(self.task), outputs)

    def get_state(self) -> dict[str, Any]:
        """Return which stream of batches this is, and the number of the next one, as plain data."""
        made = cast("partial[Batch]", self._make).keywords
        return {**made, "next": self._next - len(self._ready)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with another stream at another batch."""
        self.close()
        self._make = partial(self.task._generate_batch, stream=state["stream"], root=state["root"])
        self._next = state["next"]
        if self._workers:
            self._pool, self._sent = _executor(self._workers), _sent(self.task, self._make)

    def close(self) -> None:
        """Make no more batches. Workers stay for a while, to be used again."""
        for made in self._ready:
            made.cancel()
        self._ready.clear()
        if self._pool is not None and not self._workers:
            self._pool.shutdown()
        self._pool = None

    def _number(self) -> int:
        self._next += 1
        return self._next - 1


def _executor(workers: int) -> Any:
    from loky import get_reusable_executor

    with warnings.catch_warnings():  # that it waits for batches that nobody needs any more
        warnings.simplefilter("ignore", UserWarning)
        return get_reusable_executor(max_workers=workers)


def _sent(task: Task, make: Callable[[int], Batch]) -> bytes:
    where = f"{type(task).__name__}, with workers"
    try:
        return cloudpickle.dumps(make)
    except Exception as reason:
        raise _checks.error(
            where,
            "a task that can be sent to another process",
            f"{type(reason).__name__}: {reason}",
            "Keep open files, threads, networks and other live objects out of the task's "
            "attributes, or use workers=0.",
        ) from reason


@lru_cache(maxsize=4)
def _received(sent: bytes) -> Callable[[int], Batch]:
    return cloudpickle.loads(sent)


def _made_elsewhere(sent: bytes, number: int) -> Batch:
    """Make one batch in a worker, in single precision: half of the bytes to send back."""
    x, y, mask, params = _received(sent)(number)
    x, y, mask = (np.asarray(part, np.float32) for part in (x, y, mask))
    return Batch(x, y, mask, params)
