"""Figure 6, a perturbation: lesions of excitatory and inhibitory units of the Dale network.

Units of the network of figure 4 that keeps Dale's principle are silenced for the whole trial.
"""

import common
import figure_3
import figure_4
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Silence, plotting

SEED = 61
COUNTS = (1, 2, 4, 8)  # units
REPEATS = 20  # random choices of units for each count
KINDS = ("excitatory", "inhibitory")
SHOWN = {"excitatory": 4, "inhibitory": 1}  # units silenced in the psychometric functions


def run(store):
    """Silence units, and draw what it does to choices."""
    task = figure_3.make_task(common.SETTINGS["N_batch"], figure_3.TRAINED_ON, figure_4.SEED)
    model, _ = store.network("constraints_dale", lambda: figure_4.trained(store, task, "dale"))
    numbers = store.part("figure_6/lesions", lambda: lesions(store, model))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
    fits = {}
    for name, units in (("intact", None), *((k, typical(numbers, k)) for k in KINDS)):
        test = figure_3.make_task(300 if store.quick else 4000, figure_3.TESTED_ON, SEED)
        silenced = None if units is None else [Silence(units)]
        fit = common.psychometric(common.choices(model, test, silenced), SEED + 1)
        fits[name] = common.numbers_of(fit)
        label = name if units is None else f"{SHOWN[name]} {name} silenced"
        if fit is not None:
            plotting.psychometric(fit, ax=left, label=label)
    left.set_xlabel("coherence, positive for channel 1")
    left.set_ylabel("choices of channel 1")
    for kind, color, marker in (
        ("excitatory", common.COLOURS[1], "o"), ("inhibitory", common.COLOURS[0], "s")
    ):  # fmt: skip
        values = np.array([numbers[kind][str(count)] for count in COUNTS])
        spread = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        right.errorbar(COUNTS, values.mean(axis=1), spread, color=color, marker=marker,
                       capsize=2, label=kind)  # fmt: skip
    right.axhline(numbers["intact"], color="0.4", ls="--", lw=1, label="intact")
    right.axhline(0.5, color="0.7", ls=":", lw=1, label="chance")
    right.set_xlabel("units silenced")
    right.set_ylabel("accuracy, coherences 0.1 to 0.7")
    right.set_xticks((0, *COUNTS))
    right.set_ylim(
        top=1.0, bottom=min(0.45, *np.ravel([numbers[k][str(c)] for k in KINDS for c in COUNTS]))
    )
    right.legend()
    store.picture("figure_6", figure)
    model.destruct()
    means = {
        kind: {str(c): float(np.mean(numbers[kind][str(c)])) for c in COUNTS} for kind in KINDS
    }
    return {"seed": SEED, "repeats": len(numbers["excitatory"]["1"]), "shown_units": SHOWN,
            "intact": numbers["intact"], "accuracy": means, "psychometric": fits}  # fmt: skip


def typical(numbers, kind):
    """Return the choice of units, among those of the number that is shown, of median effect."""
    values = numbers[kind][str(SHOWN[kind])]
    return picks(kind, SHOWN[kind], int(np.argsort(values)[len(values) // 2]))


def picks(kind, count, repeat):
    """Return units of a kind, drawn without replacement."""
    size, split = common.N_REC, int(figure_4.EXCITATORY * common.N_REC)
    units = np.arange(split) if kind == "excitatory" else np.arange(split, size)
    rng = np.random.default_rng([SEED, count, repeat])
    return np.sort(rng.choice(units, count, replace=False))


def lesions(store, model):
    """Return the accuracy, intact and for each kind, count and choice of silenced units."""
    test = figure_3.make_task(200 if store.quick else 1000, figure_3.TRAINED_ON, SEED + 2)
    batch = test.get_trial_batch()

    def accuracy(perturbations):
        outputs = model.test(batch.x, perturbations=perturbations).outputs
        return float(test.accuracy_function(batch.y, outputs, batch.mask))

    repeats = 2 if store.quick else REPEATS
    found = {"intact": accuracy(None)}
    for kind in KINDS:
        found[kind] = {
            str(count): [accuracy([Silence(picks(kind, count, r))]) for r in range(repeats)]
            for count in COUNTS
        }
    return found


if __name__ == "__main__":
    common.main("figure_6", run)
