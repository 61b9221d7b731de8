"""Contestants as processes that take turns, so that a busy machine disturbs all alike."""

import inspect
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time


def contest(make):
    """Be a contestant: make the number of steps that each line of input asks for.

    Arguments:
        make: returns a function that makes one step, or one that makes steps without end and
            calls its argument after each.

    """
    begin = [time.perf_counter()]
    asked, times = [1], []

    def each():
        times.append(time.perf_counter() - begin[0])
        if len(times) == asked[0]:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps([times, peak]), flush=True)
            line = sys.stdin.readline()
            if not line:
                os._exit(0)
            asked[0] = int(line)
            times.clear()
        begin[0] = time.perf_counter()

    run = make()
    if inspect.signature(run).parameters:
        run(each)
    while True:
        run()
        each()


class Contestant:
    """A process that makes steps when it is told to.

    Attributes:
        times: seconds of each step.
        first: seconds from the start of imports to the end of the first step.
        peak: largest resident memory, MB.

    """

    def __init__(self, command):
        self._complaints = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            text=True,
        )
        self.times, self.peak = [], 0.0
        self.first = self._answer()[0][0]

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith("[["):
                return json.loads(line)
        self._complaints.seek(0)
        lines = [line for line in self._complaints.read().splitlines() if line.strip()]
        raise RuntimeError(lines[-1] if lines else "ended without a word")

    def run(self, steps):
        """Make some steps."""
        print(steps, file=self.process.stdin, flush=True)
        times, self.peak = self._answer()
        self.times += times

    def end(self):
        """End the process."""
        self.process.kill()
        self.process.wait()

    def row(self):
        """Return the results."""
        middle = statistics.median(self.times)
        return {"step_ms": 1000 * middle, "first_s": self.first, "peak_MB": self.peak}


def race(commands, rounds, seconds_a_turn=0.3):
    """Let contestants take turns; return a row for each, one with ``failed`` where it did."""
    rows, running = {}, {}
    for name, command in commands.items():
        try:
            running[name] = Contestant(command)
            running[name].run(1)
        except (RuntimeError, BrokenPipeError) as reason:
            rows[name] = {"failed": str(reason)}
            running.pop(name, None)
    turns = {n: max(1, min(50, round(seconds_a_turn / c.times[-1]))) for n, c in running.items()}
    for contestant in running.values():  # a first turn that does not count: caches, clocks
        contestant.times.clear()
    for _ in range(rounds):
        for name, contestant in running.items():
            contestant.run(turns[name])
    for name, contestant in running.items():
        contestant.end()
        rows[name] = contestant.row()
    return {name: rows[name] for name in commands}
