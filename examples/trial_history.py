"""A task whose right answer depends on the network's own last choice.

Two lights ask for a choice between left and right. Where one light is on, its side is right
(a forced trial). Where both are on, right is the side that was not chosen in the last trial (a
free trial). An animal that remembers its last choice is rewarded in every free trial, and one
that forgets it in half of them, whatever it does. Run ``python examples/trial_history.py``.
"""

import os

import numpy as np

from psychrnn import Basic, Task, Trial, in_sequence

UPDATES = int(os.environ.get("PSYCHRNN_EXAMPLE_UPDATES", 1000))  # fewer show that it runs


class Alternate(Task):
    """Follow a single light; with two lights choose the side that you did not choose last time."""

    input_names = ("light left", "light right")
    output_names = ("left", "right")

    def __init__(self, seed):
        super().__init__(N_in=2, N_out=2, dt=20, tau=100, T=400, N_batch=64, seed=seed)
        self.last_choice = None  # of each row of the batch, which is one animal's session

    def periods(self, params):
        """Return start and end of each period."""
        return in_sequence(wait=100, choice=200, gap=100)

    def generate_trial_params(self, batch, trial):
        """Draw whether a trial is forced, and tell its right side."""
        forced = self.last_choice is None or self.rng.random() < 0.5
        side = self.rng.choice(2) if forced else 1 - self.last_choice[trial]
        return {"forced": bool(forced), "side": int(side)}

    def generate_trial(self, params):
        """Build a trial."""
        trial = Trial(self, params)
        trial.add_noise(0.02)
        lights = self.input_names[params["side"]] if params["forced"] else self.input_names
        trial.add(lights, 1, during="choice")
        trial.target(self.output_names[params["side"]], 1, during="choice")
        return trial.arrays()

    def observe(self, batch, outputs):
        """Remember what the network chose."""
        self.last_choice = self.choices(batch, outputs)

    @staticmethod
    def choices(batch, outputs):
        """Return the output channel that was the larger one, for each trial."""
        return (outputs * batch.mask).sum(axis=1).argmax(axis=1)


def rewarded(session):
    """Return the fraction of free trials that were rewarded."""
    right = []
    for batch, result in session:
        chosen = Alternate.choices(batch, result.outputs)
        right += [c == p["side"] for c, p in zip(chosen, batch.params) if not p["forced"]]
    return np.mean(right)


def main():
    """Train a network that keeps its state between trials, and one that does not."""
    for carry_state in (True, False):
        task = Alternate(seed=1)
        model = Basic.for_task(task, N_rec=30, seed=1)
        model.train(
            task,
            training_iters=UPDATES * task.N_batch,
            carry_state=carry_state,
            verbosity=False,
        )
        session = model.test_sessions(Alternate(seed=2), trials=30, carry_state=carry_state)
        kept = "keeps its state" if carry_state else "starts anew"
        print(f"A network that {kept}: {rewarded(session):.2f} of free trials rewarded")


if __name__ == "__main__":
    main()
