"""Figure 4, connectivity constraints: free, no autapses, Dale's principle, three areas.

Recurrent weights before and after training, and the psychometric function of each network; that the
constraints hold is checked entry by entry, exactly.
"""

import common
import figure_3
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Basic, plotting

SEED = 41
EXCITATORY = 0.8
AREAS = {"sensory": range(20), "association": range(20, 35), "motor": range(35, 50)}
SIGNS = {"E": range(40), "I": range(40, 50)}
BETWEEN = 0.1  # fraction of the connections between neighbouring areas that exist
NAMES = {
    "free": "unconstrained",
    "no_autapses": "no autapses",
    "dale": "Dale's principle, E-I weights fixed",
    "areas": "sensory, association and motor area",
}


def run(store):
    """Train the networks, check them, and draw them."""
    figure, axes = plt.subplots(3, 4, figsize=(12, 9.4), layout="constrained")
    numbers = {}
    for column, (name, title) in zip(axes.T, NAMES.items()):
        numbers[name] = one(store, name, column)
        column[0].set_title(f"{title}\nbefore training", fontsize=9)
        column[1].set_title("after training", fontsize=9)
    store.picture("figure_4", figure)
    return {"stim_noise": figure_3.NOISE, "networks": numbers}


def one(store, name, axes):
    """Train one network, draw it, and return its numbers."""
    task = figure_3.make_task(common.SETTINGS["N_batch"], figure_3.TRAINED_ON, SEED)
    model, report = store.network(f"constraints_{name}", lambda: trained(store, task, name))
    untrained = make(task, name)
    before, after = untrained.get_weights()["W_rec"], model.get_weights()["W_rec"]
    test = figure_3.make_task(300 if store.quick else 4000, figure_3.TESTED_ON, SEED + 1)
    table = common.choices(model, test)
    fit = common.psychometric(table, SEED + 2)
    for ax, W in zip(axes, (before, after)):
        blocks = {"dale": SIGNS, "areas": {key[0].upper(): units for key, units in AREAS.items()}}
        plotting.weights(W, blocks=blocks.get(name), ax=ax)
    if fit is not None:
        plotting.psychometric(fit, ax=axes[2])
        if axes[2].get_legend() is not None:
            axes[2].get_legend().remove()
        low, high = fit.intervals["slope"]
        axes[2].set_title(f"slope {fit.slope:.2f} ({low:.2f} to {high:.2f})", fontsize=9)
    axes[2].set_xlabel("coherence, positive for channel 1")
    axes[2].set_ylabel("choices of channel 1")
    found = {
        "seed": SEED,
        "updates": report["updates"],
        "training_seconds": report["training_seconds"],
        "accuracy": figure_3.accuracies(table),
        "psychometric": common.numbers_of(fit),
        "mean_absolute_change": float(abs(after - before).mean()),
        "violations": violations(name, before, after),
    }
    model.check_constraints()
    for network in (model, untrained):
        network.destruct()
    return found


def make(task, name):
    """Return the untrained network of a name."""
    options = {
        "free": {},
        "no_autapses": {"autapses": False},
        "dale": {"dale_ratio": EXCITATORY, "autapses": False},
        "areas": areas(),
    }
    return Basic.for_task(task, N_rec=common.N_REC, seed=SEED, **options[name])


def trained(store, task, name):
    """Return the network of a name, trained for 1,500 updates, and a report."""
    model = make(task, name)
    fixed = {"W_rec": across()} if name == "dale" else None
    updates = 20 if store.quick else 1500
    return model, common.train_for(model, task, updates, fixed_weights=fixed)


def across():
    """Return 1 for each connection between an excitatory and an inhibitory unit."""
    inhibitory = np.arange(common.N_REC) >= EXCITATORY * common.N_REC
    return (inhibitory[:, np.newaxis] != inhibitory).astype(float)


def areas():
    """Return masks: dense within areas, sparse between neighbours; inputs first, outputs last."""
    names, rng = list(AREAS), np.random.default_rng(SEED)
    mask = np.zeros((common.N_REC, common.N_REC))
    for k, one_area in enumerate(names):
        mask[np.ix_(AREAS[one_area], AREAS[one_area])] = 1
        for other in names[max(k - 1, 0) : k] + names[k + 1 : k + 2]:
            size = (len(AREAS[other]), len(AREAS[one_area]))
            mask[np.ix_(AREAS[other], AREAS[one_area])] = rng.random(size) < BETWEEN
    into, out = np.zeros((common.N_REC, 2)), np.zeros((2, common.N_REC))
    into[list(AREAS["sensory"])] = 1
    out[:, list(AREAS["motor"])] = 1
    return {"rec_connectivity": mask, "input_connectivity": into, "output_connectivity": out}


def violations(name, before, after):
    """Count the weights that break the constraint of a network; all of them are to be 0."""
    size = common.N_REC
    if name == "no_autapses":
        return {"autapses": int((np.diag(after) != 0).sum())}
    if name == "dale":
        signs = np.where(np.arange(size) < EXCITATORY * size, 1, -1)
        fixed = across() == 1
        return {
            "wrong sign": int((after * signs < 0).sum()),
            "autapses": int((np.diag(after) != 0).sum()),
            "fixed weights that changed": int((after[fixed] != before[fixed]).sum()),
            "plastic weights that did not change": int(
                ((after == before) & ~fixed & ~np.eye(size, dtype=bool)).sum()
            ),
        }
    if name == "areas":
        return {"absent connections": int((after[areas()["rec_connectivity"] == 0] != 0).sum())}
    return {}


if __name__ == "__main__":
    common.main("figure_4", run)
