"""What surrounds a training step: batches of the built-in task, and the whole loop of train()."""

import itertools

SIZES = {"dt": 10, "tau": 100, "T": 2000, "N_batch": 128}
OPTIONS = {"name": "whole", "N_rec": 50}


def task():
    """Return a function that makes a batch of PerceptualDiscrimination."""
    from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

    return PerceptualDiscrimination(**SIZES).get_trial_batch


def _with_each(each):
    from psychrnn.backend.callbacks import Callback

    class Steps(Callback):
        def on_step_end(self, loop):
            each()

    return Steps()


def _train(batches_of):
    from psychrnn import Basic, PerceptualDiscrimination

    drawn = PerceptualDiscrimination(**SIZES, seed=1)
    model = Basic.for_task(drawn, **OPTIONS, seed=1)

    def run(each):
        options = {"training_iters": 1e12, "verbosity": False, "callbacks": [_with_each(each)]}
        model.train(batches_of(drawn), **options)

    return run


def train():
    """Return the loop of training on the task."""
    return _train(lambda drawn: drawn)


def bare():
    """Return the loop of train() on one and the same batch: steps without task generation."""
    return _train(lambda drawn: itertools.cycle([drawn.get_trial_batch()]))


def train_1():
    """Return the loop of train() of PsychRNN 1.0."""
    from psychrnn.backend.models.basic import Basic
    from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

    drawn = PerceptualDiscrimination(**SIZES)
    model = Basic({**drawn.get_task_params(), **OPTIONS})

    def run(each):
        def batches():
            source = drawn.batch_generator()
            yield next(source)  # thrown away by train()
            yield next(source)
            while True:
                each()
                yield next(source)

        model.train(batches(), {"training_iters": 1e12, "verbosity": False})

    return run


def hello_world():
    """Run the first example of the documentation: build, train on 50,000 trials, test."""
    from psychrnn.backend.models.basic import Basic
    from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

    drawn = PerceptualDiscrimination(**SIZES)
    model = Basic({**drawn.get_task_params(), **OPTIONS})
    model.train(drawn, {"verbosity": False})
    model.test(drawn.get_trial_batch()[0])


ALL = {
    "batch, PsychRNN 1.0": task,
    "batch, psychrnn": task,
    "train(), PsychRNN 1.0": train_1,
    "train(), psychrnn": train,
    "train() on one batch, psychrnn": bare,
}
