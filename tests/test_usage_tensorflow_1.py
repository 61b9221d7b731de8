"""Scripts as labs wrote them for PsychRNN 1.0: loops, seeds, what is left of TensorFlow 1."""

import warnings

import matplotlib
import numpy as np
import pytest
import tensorflow as tf
from usage_scripts import WEIGHTS, run_script, small_params, small_task

from psychrnn.backend.models.basic import Basic, BasicScan
from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

matplotlib.use("Agg")


# -- U10: loops, seeds, and what is left of TensorFlow 1 ---------------------------------------


def seeded_run(seed):
    np.random.seed(seed)
    tf.random.set_seed(seed)
    pd = small_task()
    model = Basic(small_params("net", rec_noise=0.1))
    losses, _, _ = model.train(pd, {"training_iters": 60, "loss_epoch": 1, "verbosity": False})
    outputs, _ = model.test(pd.get_trial_batch()[0])
    weights = model.get_weights()
    model.destruct()
    return losses, weights, outputs


def test_u10_seeds_repeat_a_whole_run():
    losses, weights, outputs = seeded_run(11)
    tf.random.normal([3])  # other draws in between must not matter
    np.random.rand(5)
    again_losses, again_weights, again_outputs = seeded_run(11)
    assert losses == again_losses and len(set(losses)) == 6
    for key in WEIGHTS:
        np.testing.assert_array_equal(weights[key], again_weights[key])
    np.testing.assert_array_equal(outputs, again_outputs)


def test_u10_noise_follows_the_tensorflow_seed_alone():
    outputs = []
    for tf_seed in (1, 2, 1):
        np.random.seed(3)
        tf.compat.v1.set_random_seed(tf_seed)
        model = Basic(small_params("noisy", rec_noise=0.5))
        outputs.append(model.test(np.zeros((10, 20, 2)))[1])
        model.destruct()
    assert (outputs[0] != outputs[1]).any()
    np.testing.assert_array_equal(outputs[0], outputs[2])


@pytest.mark.parametrize("cleanup", ["destruct", "reset_default_graph"])
def test_u10_loop_over_seeds_keeps_one_name(cleanup):
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    kept, final = [], []
    for seed in (1, 2, 1):
        if cleanup == "reset_default_graph":
            tf.compat.v1.reset_default_graph()
        tf.compat.v1.set_random_seed(seed)
        np.random.seed(seed)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore")
            pd = small_task()
            model = Basic(small_params("same_name"))
            losses, _, _ = model.train(
                pd, {"training_iters": 50, "loss_epoch": 1, "verbosity": False}
            )
        kept.append(model)  # the old models stay referenced
        final.append(losses[-1])
        if cleanup == "destruct":
            model.destruct()
    assert final[0] == final[2] != final[1]
    if cleanup == "reset_default_graph":  # and they still work, apart from each other
        x = small_task().get_trial_batch()[0]
        first, second = kept[0].test(x)[0], kept[1].test(x)[0]
        assert (first != second).any()
        for model in kept:
            model.destruct()


def test_u10_reset_in_the_middle_does_not_harm_a_model():
    pd = small_task()
    model = Basic(small_params("survivor", rec_noise=0.1))
    model.train(pd, {"training_iters": 20, "verbosity": False})
    tf.compat.v1.reset_default_graph()
    before = model.get_weights()["W_rec"]
    losses, _, _ = model.train(pd, {"training_iters": 20, "loss_epoch": 1, "verbosity": False})
    assert len(losses) == 2 and (model.get_weights()["W_rec"] != before).any()
    model.destruct()
    Basic(small_params("survivor")).destruct()  # its name is free


def test_u10_duplicate_name_is_a_user_warning():
    model = Basic(small_params("twin"))
    with pytest.raises(UserWarning, match=r"model\.destruct\(\) or changing params\['name'\]"):
        Basic(small_params("twin"))
    model.destruct()
    model.destruct()
    second = Basic(small_params("twin"))
    assert second.get_weights()["W_rec"].shape == (12, 12)
    second.destruct()


@pytest.mark.parametrize("where", ["params", "task"])
def test_u10_vector_tau(where):
    tau = np.random.RandomState(0).uniform(50, 200, 12)
    if where == "task":
        params = PerceptualDiscrimination(20, tau, 400, 10).get_task_params()
        params.update(name="slow_and_fast", N_rec=12)
    else:
        params = small_params("slow_and_fast", tau=tau)
    params["W_rec"] = np.zeros((12, 12))
    params["W_in"] = np.zeros((12, 2))
    params["init_state"] = np.ones((1, 12))
    model = Basic(params)
    _, states = model.test(np.zeros((10, 20, 2)))
    decay = (1 - 20 / tau) ** np.arange(1, 21)[:, np.newaxis]
    np.testing.assert_allclose(states[0], decay, atol=1e-5)
    losses, _, _ = model.train(small_task(), {"training_iters": 20, "loss_epoch": 1})
    assert np.isfinite(losses).all()
    model.destruct()


def test_u10_graph_mode_script_gives_the_eager_numbers(tmp_path):
    script = """
        import numpy as np
        import tensorflow as tf
        from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination
        from psychrnn.backend.models.basic import Basic

        def run(name):
            pd = PerceptualDiscrimination(dt=20, tau=100, T=400, N_batch=10)
            params = pd.get_task_params()
            params["name"] = name
            params["N_rec"] = 12
            params["rec_noise"] = 0.1
            model = Basic(params)
            losses, _, _ = model.train(
                pd, {"training_iters": 60, "loss_epoch": 1, "verbosity": False}
            )
            return model, losses, pd.get_trial_batch()[0]

        np.random.seed(5)
        tf.random.set_seed(5)
        first, eager, x = run("eager")
        before = first.test(x)[0]
        weights = first.get_weights()

        tf.compat.v1.disable_eager_execution()
        np.random.seed(5)
        tf.random.set_seed(5)
        second, graph, x = run("graph")
        print("set_seed", eager == graph)

        tf.compat.v1.disable_eager_execution()
        np.random.seed(5)
        tf.compat.v1.set_random_seed(5)
        third, graph, _ = run("graph_v1")
        print("set_random_seed", eager == graph)

        # a model made earlier goes on after the switch
        tf.compat.v1.disable_eager_execution()
        print("weights", np.array_equal(first.get_weights()["W_rec"], weights["W_rec"]))
        tf.compat.v1.disable_eager_execution()
        print("outputs", first.test(x)[0].shape)
        tf.compat.v1.disable_eager_execution()
        optimizer = tf.compat.v1.train.AdamOptimizer(learning_rate=0.01)
        losses, _, _ = first.train(
            PerceptualDiscrimination(20, 100, 400, 10),
            {"training_iters": 20, "loss_epoch": 1, "verbosity": False, "optimizer": optimizer},
        )
        print("losses", len(losses), bool(np.isfinite(losses).all()))
    """
    done = run_script(script, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [
        "set_seed True",
        "set_random_seed True",
        "weights True",
        "outputs (10, 20, 2)",
        "losses 2 True",
    ]


def test_u10_graph_mode_from_the_first_line(tmp_path):
    script = """
        import tensorflow as tf
        tf.compat.v1.disable_eager_execution()
        tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
        import numpy as np
        from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination
        from psychrnn.backend.initializations import GaussianSpectralRadius
        from psychrnn.backend.models.basic import Basic

        pd = PerceptualDiscrimination(dt=20, tau=100, T=400, N_batch=10)
        params = pd.get_task_params()
        params.update(name="m", N_rec=12, rec_noise=0.1, transfer_function=tf.nn.tanh)

        # a graph that the script itself began
        x = tf.compat.v1.placeholder(tf.float32, [None, 3])
        y = tf.reduce_sum(x)
        try:
            Basic(params)
        except ValueError as problem:
            print(problem)
        with tf.compat.v1.Session() as session:  # it is left alone
            print(session.run(y, {x: [[1.0, 2.0, 3.0]]}))

        # the usual loop
        finals = []
        for run in range(2):
            tf.compat.v1.reset_default_graph()
            tf.compat.v1.set_random_seed(3)
            np.random.seed(3)
            params["initializer"] = GaussianSpectralRadius(**params)
            model = Basic(params)
            losses, _, _ = model.train(
                pd,
                {
                    "training_iters": 40,
                    "loss_epoch": 4,
                    "optimizer": tf.compat.v1.train.AdamOptimizer(learning_rate=0.01),
                    "save_weights_path": "runs/%d/final" % run,
                },
            )
            finals.append(losses[-1])
            del params["initializer"]
        print("same", finals[0] == finals[1])
    """
    done = run_script(script, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    message, value, *lines = done.stdout.splitlines()
    assert "disable_eager_execution()" in message and "delete the line" in message
    assert float(value) == 6.0
    assert lines[0].startswith("Iter 40, Minibatch Loss= ") and lines[-1] == "same True"
    with np.load(tmp_path / "runs/0/final.npz") as one, np.load(tmp_path / "runs/1/final.npz") as b:
        np.testing.assert_array_equal(one["W_rec"], b["W_rec"])


# -- U11: another network ----------------------------------------------------------------------


def test_u11_basic_scan_in_place_of_basic():
    pd = small_task()
    params = small_params("swap_a", dale_ratio=0.75, autapses=False)
    basic = Basic(params)
    weights = basic.get_weights()
    scan_params = params.copy()
    scan_params["name"] = "swap_b"
    scan_params.update(weights)
    scan = BasicScan(scan_params)
    x = pd.get_trial_batch()[0]
    for one, other in zip(basic.test(x), scan.test(x)):
        np.testing.assert_allclose(one, other, atol=1e-6)
    batch = pd.get_trial_batch()
    for model in (basic, scan):
        model.train(iter([batch] * 5), {"training_iters": 50, "verbosity": False})
    after, scan_after = basic.get_weights(), scan.get_weights()
    assert (after["W_rec"] != weights["W_rec"]).any()
    for key in WEIGHTS:
        np.testing.assert_allclose(after[key], scan_after[key], atol=1e-5)
    basic.destruct()
    scan.destruct()


class ClippedScan(BasicScan):
    def recurrent_timestep(self, state, rnn_in):
        new_state = (1 - self.alpha) * state + self.alpha * (
            tf.matmul(
                self.transfer_function(state),
                self.get_effective_W_rec(),
                transpose_b=True,
                name="1",
            )
            + tf.matmul(rnn_in, self.get_effective_W_in(), transpose_b=True, name="2")
            + self.b_rec
        )
        return tf.clip_by_value(new_state, -0.05, 0.05)


class ClippedBasic(Basic):
    def recurrent_timestep(self, rnn_in, state):
        return tf.clip_by_value(super().recurrent_timestep(rnn_in, state), -0.05, 0.05)

    def output_timestep(self, state):
        return super().output_timestep(state) + 3.0


def test_u11_subclasses_keep_their_argument_order():
    np.random.seed(1)
    pd = PerceptualDiscrimination(dt=20, tau=100, T=400, N_batch=12)  # as many trials as units
    params = pd.get_task_params()
    params.update(name="clipped_scan", N_rec=12)
    scan = ClippedScan(params)
    basic = ClippedBasic({**params, **scan.get_weights(), "name": "clipped_basic"})
    x = pd.get_trial_batch()[0]
    outputs, states = scan.test(x)
    shifted, same_states = basic.test(x)
    assert np.abs(states).max() == np.float32(0.05)
    np.testing.assert_allclose(states, same_states, atol=1e-6)
    np.testing.assert_allclose(outputs + 3, shifted, atol=1e-5)
    losses, _, _ = scan.train(pd, {"training_iters": 240, "loss_epoch": 1, "verbosity": False})
    assert len(losses) == 20 and np.mean(losses[-5:]) < np.mean(losses[:5])
    scan.destruct()
    basic.destruct()
