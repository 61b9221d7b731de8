"""Scripts as labs wrote them for PsychRNN 1.0: the whole way, snapshots, old files."""

import matplotlib
import numpy as np
import pytest
import tensorflow as tf
from usage_scripts import (
    BY_HAND,
    KEYS,
    REFERENCE,
    WEIGHTS,
    expected,
    seed_everything,
    small_params,
    small_task,
)

from psychrnn.backend.models.basic import Basic
from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# -- U01: the smallest script ------------------------------------------------------------------


def test_u01_minimal_script_with_all_defaults(capsys):
    pd = PerceptualDiscrimination(dt=20, tau=100, T=200, N_batch=1000)
    network_params = pd.get_task_params()
    network_params["name"] = "minimal"
    network_params["N_rec"] = 8
    model = Basic(network_params)
    results = model.train(pd)
    x, target, mask, trial_params = pd.get_trial_batch()
    output, state_var = model.test(x)
    lines = plt.plot(range(len(output[0, :, :])), output[0, :, :])
    model.destruct()

    losses, training_time, initialization_time = results
    assert len(losses) == 5  # 50000 trials are 50 updates, every tenth is recorded
    assert losses[-1] < losses[0]
    assert training_time > 0 and initialization_time > 0
    assert output.shape == target.shape == mask.shape == (1000, 10, 2)
    assert state_var.shape == (1000, 10, 8)
    assert len(trial_params) == 1000 and "coherence" in trial_params[0]
    np.testing.assert_array_equal(lines[1].get_ydata(), output[0, :, 1])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"Iter 10000, Minibatch Loss= {losses[0]:.6f}"
    assert [line.split(",")[0] for line in printed[:5]] == [
        f"Iter {n}" for n in (10000, 20000, 30000, 40000, 50000)
    ]
    assert printed[5:] == ["Optimization finished!"]
    with pytest.raises(RuntimeError):
        model.test(x)


# -- U02: every option spelled out -------------------------------------------------------------


def every_option(name, task):
    params = task.get_task_params()
    params["name"] = name
    params["N_rec"] = 12
    params["rec_noise"] = 0.0
    for key in ("W_in", "W_rec", "W_out", "b_rec", "b_out", "init_state"):
        params[key + "_train"] = True
    for key in ("L1_in", "L1_rec", "L1_out", "L2_in", "L2_rec", "L2_out", "L2_firing_rate"):
        params[key] = 0
    params["custom_regularization"] = None
    params["loss_function"] = "mean_squared_error"
    params["load_weights_path"] = None
    params["transfer_function"] = tf.nn.relu
    params["which_rand_init"] = "glorot_gauss"
    params["which_rand_W_rec_init"] = params["which_rand_init"]
    params["init_minval"] = -0.1
    params["init_maxval"] = 0.1
    params["autapses"] = True
    params["dale_ratio"] = None
    params["input_connectivity"] = np.ones((12, 2))
    params["rec_connectivity"] = np.ones((12, 12))
    params["output_connectivity"] = np.ones((2, 12))
    return params


def every_training_option():
    return {
        "save_weights_path": None,
        "training_iters": 200,
        "learning_rate": 0.001,
        "loss_epoch": 5,
        "verbosity": True,
        "save_training_weights_epoch": 100,
        "training_weights_path": None,
        "curriculum": None,
        "optimizer": tf.compat.v1.train.AdamOptimizer(learning_rate=0.001),
        "clip_grads": True,
        "fixed_weights": None,
        "performance_cutoff": None,
        "performance_measure": None,
    }


def test_u02_simple_script_with_every_option(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    seed_everything(2020)
    pd = small_task()
    print(pd.get_task_params())
    params = every_option("simple", pd)
    print(params)
    model = Basic(params)
    losses, initialTime, trainTime = model.train(pd, every_training_option())
    plt.plot(losses)
    plt.ylabel("Loss")
    keys = list(model.get_weights().keys())
    model.save("./weights/saved_weights")
    model.destruct()

    assert keys == KEYS
    assert len(losses) == 4 and all(type(loss) is np.float32 for loss in losses)
    assert min(initialTime, trainTime) > 0
    printed = capsys.readouterr().out
    assert "'N_steps': 20" in printed and "'which_rand_init': 'glorot_gauss'" in printed
    assert printed.count("Iter ") == 4 and "Iter 50, Minibatch Loss= " in printed
    with np.load(tmp_path / "weights" / "saved_weights.npz") as saved:  # no allow_pickle
        assert saved.files == [*KEYS, "psychrnn"]
        assert saved["W_rec"].shape == (12, 12)
        assert str(saved["transfer_function"]) == "relu"


def test_u02_spelled_out_defaults_are_the_defaults():
    results = []
    for spelled_out in (True, False):
        seed_everything(7)
        pd = small_task()
        if spelled_out:
            model = Basic(every_option("spelled_out", pd))
            train_params = every_training_option()
        else:
            params = pd.get_task_params()
            params.update(name="left_out", N_rec=12)
            model = Basic(params)
            train_params = {"training_iters": 200, "loss_epoch": 5}
        losses, _, _ = model.train(pd, train_params)
        results.append((losses, model.get_weights()))
        model.destruct()
    (losses, weights), (plain_losses, plain_weights) = results
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-5)  # Keras' Adam against TF1's
    for key in WEIGHTS:
        np.testing.assert_allclose(weights[key], plain_weights[key], atol=1e-6)


# -- U12: snapshots ----------------------------------------------------------------------------


def test_u12_snapshots_in_new_folders(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pd = small_task()
    model = Basic(small_params("snapshots"))
    model.train(
        pd,
        {
            "training_iters": 65,
            "loss_epoch": 2,
            "training_weights_path": "./weights/training/run_",
            "save_training_weights_epoch": 3,
            "save_weights_path": "weights/final/done",
        },
    )
    printed = capsys.readouterr().out.splitlines()
    saved = [line for line in printed if "saved" in line]
    assert saved == [
        "Training weights saved in file: ./weights/training/run_3",
        "Training weights saved in file: ./weights/training/run_6",
        "Model saved in file: weights/final/done",
    ]
    assert printed[-2:] == ["Optimization finished!", saved[-1]]
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*"))
    assert files == [
        "weights/final/done.npz",
        "weights/training/run_3.npz",
        "weights/training/run_6.npz",
    ]
    three, six, final = (dict(np.load(f)) for f in (files[1], files[2], files[0]))
    assert (three["W_rec"] != six["W_rec"]).any() and (six["W_rec"] != final["W_rec"]).any()
    np.testing.assert_array_equal(final["W_rec"], model.get_weights()["W_rec"])

    back = Basic(small_params("from_snapshot", load_weights_path="weights/training/run_3.npz"))
    np.testing.assert_array_equal(back.get_weights()["W_rec"], three["W_rec"])
    for m in (model, back):
        m.destruct()


# -- U13: weight files of older versions -------------------------------------------------------


@pytest.mark.parametrize("function", [None, tf.nn.tanh])
def test_u13_file_from_before_1_0(function):
    params = dict(BY_HAND, name="pre1", load_weights_path=str(REFERENCE / "pre1_basic.npz"))
    if function is not None:
        params["transfer_function"] = function
    with pytest.warns(UserWarning) as caught:
        model = Basic(params)
    about = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    assert len(about) == 2
    assert "dale_ratio" in about[0] and "<1.0" in about[0]
    assert "transfer_function" in about[1]
    assert model.get_weights()["dale_ratio"] is None
    x, outputs, _ = expected("legacy_basic")
    got = model.test(x)[0]
    if function is None:
        np.testing.assert_allclose(got, outputs, atol=2e-5)
    else:
        assert model.get_weights()["transfer_function"] is tf.nn.tanh
        assert np.abs(got - outputs).max() > 1e-2
    model.destruct()


def test_u13_file_without_transfer_function(tmp_path):
    old = dict(np.load(REFERENCE / "legacy_basic_dale.npz", allow_pickle=True))
    del old["transfer_function"]
    np.savez(tmp_path / "between.npz", **old)
    params = dict(BY_HAND, name="between", load_weights_path=str(tmp_path / "between.npz"))
    params["transfer_function"] = tf.nn.tanh
    with pytest.warns(UserWarning, match="transfer_function") as caught:
        model = Basic(params)
    assert len(caught) == 1
    assert model.get_weights()["dale_ratio"] == 0.8
    x, outputs, _ = expected("legacy_basic_dale")
    np.testing.assert_allclose(model.test(x)[0], outputs, atol=2e-5)
    model.destruct()
