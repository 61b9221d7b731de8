"""Kill training with SIGKILL at random moments, resume it, and compare with a run left in peace.

Run ``python benchmarks/reliability/kill.py`` from the root of the checkout. Each of ``--runs`` runs
is killed ``--kills`` times before it may end. A checkpoint is written after every update, so that
many kills fall into a save.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import zipfile

import numpy as np

UPDATES = 600


def child(folder, resume):
    """Train, with a checkpoint after every update; write the weights at the end."""
    from psychrnn import Basic, Callback, PerceptualDiscrimination

    class Tell(Callback):
        def on_step_end(self, loop):
            print(loop.epoch, flush=True)

    task = PerceptualDiscrimination(dt=20, tau=100, T=200, N_batch=8, seed=1)
    model = Basic.for_task(task, N_rec=60, rec_noise=0.1, dale_ratio=0.8, seed=1)
    checkpoints = {"checkpoint_path": f"{folder}/run", "checkpoint_epoch": 1} if resume else {}
    result = model.train(
        task, training_iters=8 * UPDATES, loss_epoch=1, verbosity=False, callbacks=[Tell()],
        resume=resume, **checkpoints,
    )  # fmt: skip
    np.savez(f"{folder}/end.npz", losses=result.losses, W_rec=model.get_weights()["W_rec"])


def start(folder, resume):
    """Start a training process."""
    command = [sys.executable, __file__, "--child", folder, "--resume", str(int(resume))]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    )


def killed(folder, draw):
    """Start training, kill it at a random moment, and tell whether that was inside a save."""
    process = start(folder, True)
    process.stdout.readline()  # the first update of this process is made
    time.sleep(draw.uniform(0, 0.25))
    process.send_signal(signal.SIGKILL)
    process.wait()
    return any(name.endswith(".part") for name in os.listdir(folder))


def unreadable(folder):
    """Return how many checkpoints cannot be read."""
    names = [name for name in os.listdir(folder) if name.endswith(".npz") and "run-" in name]
    return sum(
        not zipfile.is_zipfile(f"{folder}/{name}")
        or zipfile.ZipFile(f"{folder}/{name}").testzip() is not None
        for name in names
    )


def main():
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--resume", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, bool(options.resume))
        return
    draw, kills, inside, damaged, same = random.Random(1), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as peace:
        start(peace, False).communicate()
        wanted = dict(np.load(f"{peace}/end.npz"))
    for _ in range(options.runs):
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(options.kills):
                if os.path.exists(f"{folder}/end.npz"):
                    break
                inside += killed(folder, draw)
                kills += 1
                damaged += unreadable(folder)
            start(folder, True).communicate()
            found = np.load(f"{folder}/end.npz")
            same += all(np.array_equal(found[key], wanted[key]) for key in wanted)
    print(f"{kills} kills, {inside} of them inside a save; unreadable checkpoints {damaged}; runs "
          f"that ended bit for bit as the one left in peace: {same} of {options.runs}")  # fmt: skip


if __name__ == "__main__":
    main()
