"""Random options: each dict trains, or is refused in one sentence before any update.

Run ``python benchmarks/reliability/random_options.py`` from the root of the checkout. Half of the
dicts are options of a network, half options of training. Each is a good one with a few keys
removed, misspelled, or given a value of any kind.
"""

import argparse
import collections
import warnings

import numpy as np

VALUES = [
    None, True, False, 0, 1, -1, 2, 7, 10**9, 10**30, 0.5, -0.5, 1e-300, 1e300, np.nan, np.inf, 1j,
    "", "relu", "tanh", "no such thing", b"bytes", [], [1, 2], [[1.0], [1.0, 2.0]], (), {},
    {"a": 1}, np.float32(0.5), np.int64(3), np.ones(3), np.ones(5), np.ones((5, 5)),
    np.ones((5, 2)),
    np.zeros((5, 5)), np.eye(5), -np.eye(5), np.full((5, 5), np.nan), np.array(["a"]),
    np.array(None), np.ones((2, 5)), np.ones((1, 5)), object(), lambda *_: 0.0,
    lambda *_: None, lambda state: state, int, Exception("value"), range(3), "0.9",
]  # fmt: skip


def changed(good, keys, rng):
    """Return good options with some keys removed, misspelled or given another value."""
    options = dict(good)
    for _ in range(rng.integers(1, 4)):
        key = keys[rng.integers(len(keys))]
        kind = rng.integers(8)
        if kind == 0 and key in options:
            del options[key]
        elif kind == 1:
            place = rng.integers(len(key))
            options[key[:place] + key[place + 1 :]] = options.get(key, 1)
        else:
            options[key] = VALUES[rng.integers(len(VALUES))]
    return options


def outcome(options, action):
    """Return in a word what came of options, and the sentence of an error that is not clear."""
    from psychrnn import ParameterError
    from psychrnn.backend.loop import TrainingError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            losses, weights = action(options)
    except ParameterError as reason:
        clear = "\n" not in str(reason) and 20 < len(str(reason)) < 600
        return "refused in a sentence" if clear else f"UNCLEAR: {reason}"
    except TrainingError:
        return "stopped for a loss that is not finite"
    except Exception as reason:
        return f"OTHER ERROR: {type(reason).__name__}: {' '.join(str(reason).split())[:150]}"
    finite = np.isfinite(losses).all() and all(np.isfinite(w).all() for w in weights)
    return "trained" if finite else "SILENT NaN"


def main():
    """Print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dicts", type=int, default=4000)
    parser.add_argument("--parts", nargs="+", default=["network", "training"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    import os
    import tempfile

    os.chdir(tempfile.mkdtemp())  # names of files that are made up land here
    from psychrnn import Basic, PerceptualDiscrimination
    from psychrnn.backend import params

    rng = np.random.default_rng(options.seed)
    task = PerceptualDiscrimination(20, 100, 100, 3, seed=1)
    of_network = {**task.get_task_params(), "name": "random", "N_rec": 5, "engine": "eager"}
    of_training = {"training_iters": 6, "loss_epoch": 1, "verbosity": False}
    network_keys = sorted(params.NETWORK_KEYS - {"engine"})
    training_keys = sorted(params.TRAIN_KEYS - {"verbosity", "workers"})

    def weights_of(model):
        return [value for value in model.get_weights().values() if isinstance(value, np.ndarray)]

    def make(given):
        model = None
        try:
            model = Basic(given)
            batch = task.get_trial_batch()
            if model.N_in == model.N_out == 2 and model.N_rec * model.N_steps <= 10**6:
                losses = model.train(iter([batch] * 2), **of_training).losses
            else:
                losses = []
            return losses, weights_of(model)
        finally:
            if model is not None:
                model.destruct()

    def train(given):
        trials = given.get("training_iters")
        none = trials is None or (isinstance(trials, np.ndarray) and trials.dtype == object)
        if none or (isinstance(trials, (int, float)) and trials > 60):
            given = {**given, "training_iters": 60}  # what was there is right, and takes long
        model = Basic(of_network)
        try:
            return model.train(task, given).losses, weights_of(model)
        finally:
            model.destruct()

    for what, good, keys, action in (
        ("network", of_network, network_keys, make),
        ("training", of_training, training_keys, train),
    ):
        if what not in options.parts:
            continue
        found = collections.Counter(
            outcome(changed(good, keys, rng), action) for _ in range(options.dicts // 2)
        )
        print(f"options of {what}: {options.dicts // 2}")
        for result, count in found.most_common():
            print(f"{count:7}  {result}", flush=True)


if __name__ == "__main__":
    main()
