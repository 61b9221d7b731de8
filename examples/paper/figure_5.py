"""Figure 5, curriculum learning: coherences .7, .5, .3, .1 against coherence .1 alone.

Pairs of networks that start from the same weights. Twice: a stage is done when one batch of trials
is at 90 %, as in the paper, or when 1,000 held-out trials are.
"""

import common
import matplotlib.pyplot as plt
import numpy as np

from psychrnn import Basic, PerceptualDiscrimination

COHERENCES = (0.7, 0.5, 0.3, 0.1)
NOISE = 0.1
PAIRS = 24
MOST = 4000  # updates
EVERY = 5  # updates between tests
SEED = 51
CRITERIA = {"batch": "one batch of 128 trials", "held_out": "1,000 held-out trials"}


def run(store):
    """Train the pairs, compare them, and draw them."""
    pairs = 2 if store.quick else PAIRS
    numbers = {"pairs": pairs, "stim_noise": NOISE, "most_updates": MOST}
    figure, axes = plt.subplots(
        4, 2, figsize=(9, 10.5), layout="constrained", height_ratios=[1, 1, 1, 1.8]
    )
    for column, (criterion, words) in zip(axes.T, CRITERIA.items()):
        runs = [
            {kind: one(store, criterion, kind, pair) for kind in ("curriculum", "direct")}
            for pair in range(pairs)
        ]
        numbers[criterion] = compare(runs)
        draw(column, runs, numbers[criterion])
        column[0].set_title(f"criterion: 90 % of {words}", fontsize=10)
    store.picture("figure_5", figure)
    return numbers


def one(store, criterion, kind, pair):
    """Return the log of one training, whose network starts from the weights of its pair."""
    return store.part(
        f"figure_5/{criterion}/{kind}/{pair}", lambda: train(store, criterion, kind, pair)
    )


def train(store, criterion, kind, pair):
    """Train a network, and test it afterwards on 1,000 trials that nothing else sees."""
    seed = SEED + 1000 * pair
    coherences = COHERENCES if kind == "curriculum" else COHERENCES[-1:]
    tasks = [make_task(c, common.SETTINGS["N_batch"], seed + 10 + k)
             for k, c in enumerate(coherences)]  # fmt: skip
    model = Basic.for_task(tasks[0], N_rec=common.N_REC, seed=seed)
    trials = 1000 if criterion == "held_out" else None
    most = 20 if store.quick else MOST
    report = common.train_to(model, tasks, most=most, every=EVERY, trials=trials)
    fresh = make_task(COHERENCES[-1], 1000, seed + 5).get_trial_batch()
    outputs = model.test(fresh.x).outputs
    report["accuracy_afterwards"] = float(
        fresh.task.accuracy_function(fresh.y, outputs, fresh.mask)
    )
    model.destruct()
    return {"seed": seed, **report}


def make_task(coherence, trials, seed):
    """Return the experiment at one coherence."""
    return PerceptualDiscrimination(
        **{**common.SETTINGS, "N_batch": trials}, coherence=coherence, stim_noise=NOISE, seed=seed
    )


def compare(runs):
    """Return updates to criterion, and the paired test of their difference."""
    from scipy.stats import wilcoxon

    updates = {k: np.array([pair[k]["updates"] for pair in runs]) for k in runs[0]}
    reached = {k: [pair[k]["reached"] for pair in runs] for k in runs[0]}
    difference = updates["direct"] - updates["curriculum"]
    test = wilcoxon(difference) if difference.any() else None
    return {
        "updates": updates,
        "reached": {k: int(np.sum(v)) for k, v in reached.items()},
        "median": {k: float(np.median(v)) for k, v in updates.items()},
        "mean": {k: float(np.mean(v)) for k, v in updates.items()},
        "median_difference": float(np.median(difference)),
        "curriculum_faster": int((difference > 0).sum()),
        "equal": int((difference == 0).sum()),
        "wilcoxon_p": None if test is None else float(test.pvalue),
        "below_90_afterwards": {
            k: int(sum(pair[k]["accuracy_afterwards"] < 0.9 for pair in runs)) for k in runs[0]
        },
        "median_accuracy_afterwards": {
            k: float(np.median([pair[k]["accuracy_afterwards"] for pair in runs])) for k in runs[0]
        },
    }


def draw(axes, runs, numbers):
    """Draw difficulty, accuracy, loss, and the updates of each pair."""
    for kind, color, style in (
        ("curriculum", common.COLOURS[0], "-"),
        ("direct", common.COLOURS[1], "--"),
    ):
        coherences = COHERENCES if kind == "curriculum" else COHERENCES[-1:]
        difficulty = 1 / np.array(coherences)
        for number, pair in enumerate(runs):
            log = pair[kind]["log"]
            look = {"color": color, "ls": style, "lw": 0.8, "alpha": 0.4}
            look["label"] = kind if number == 0 else None
            stage = np.minimum(log["stage"], len(coherences) - 1).astype(int)
            begin = [0, *log["update"]], [difficulty[0], *difficulty[stage]]
            axes[0].step(*begin, where="post", **look)
            axes[1].plot(log["update"], log["accuracy"], **look)
            axes[2].plot(log["update"], log["loss"], **look)
    axes[0].set_ylabel("difficulty (1 / coherence)")
    axes[1].set_ylabel("accuracy at the stage")
    axes[1].axhline(0.9, color="0.4", lw=0.8, ls=":")
    axes[2].set_ylabel("loss")
    axes[0].legend(fontsize=8)
    for ax in axes[1:3]:
        ax.sharex(axes[0])
    axes[2].set_xlabel("updates")
    direct, curriculum = (np.array(numbers["updates"][k]) for k in ("direct", "curriculum"))
    top = 1.05 * max(direct.max(), curriculum.max())
    axes[3].plot([0, top], [0, top], color="0.6", lw=0.8)
    axes[3].plot(direct, curriculum, "o", color=common.COLOURS[2], ms=4, alpha=0.8)
    axes[3].set(xlim=(0, top), ylim=(0, top), aspect="equal")
    axes[3].set_xlabel("updates of direct training")
    axes[3].set_ylabel("updates with curriculum")
    p = numbers["wilcoxon_p"]
    axes[3].set_title(
        f"curriculum faster in {numbers['curriculum_faster']} of {len(direct)} pairs"
        + ("" if p is None else f", Wilcoxon p = {p:.2g}"),
        fontsize=9,
    )


if __name__ == "__main__":
    common.main("figure_5", run)
