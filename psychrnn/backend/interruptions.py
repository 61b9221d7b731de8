"""Ctrl-C, a notebook's stop button, and the signal of a cluster that takes its machine back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def heeded(end: Callable[[str], None], with_sigterm: bool) -> Iterator[None]:
    """Let training end after the current update where a signal asks for it.

    A second Ctrl-C ends it at once. Only the main thread can hear signals; elsewhere, and where a
    program has its own way with them, nothing changes.

    Arguments:
        end: is called with the name of the signal.
        with_sigterm: True to hear SIGTERM too.

    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[Any, Any] = {}

    def hear(number: int, frame: Any) -> None:
        end(signal.Signals(number).name)
        signal.signal(number, before[number])  # the next one has its usual effect

    try:
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        for number in [signal.SIGINT] * ours + [signal.SIGTERM] * with_sigterm:
            before[number] = signal.signal(number, hear)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
