"""Scripts as labs wrote them for PsychRNN 1.0: saved weights and biological constraints."""

import matplotlib
import numpy as np
import pytest
import tensorflow as tf
from usage_scripts import BY_HAND, KEYS, REFERENCE, expected, small_params, small_task

from psychrnn.backend.models.basic import Basic

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# -- U03: saved weights ------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["legacy_basic", "legacy_basic_dale", "own", "own_dale"])
def test_u03a_ablate_a_weight_file(source, tmp_path):
    if source.startswith("legacy"):
        file = REFERENCE / f"{source}.npz"
    else:
        extra = {"dale_ratio": 0.8, "transfer_function": tf.nn.tanh} if "dale" in source else {}
        first = Basic({**BY_HAND, "name": f"saver_{source}", **extra})
        first.save(str(tmp_path / "first"))
        first.destruct()
        file = tmp_path / "first.npz"
    weights = dict(np.load(file, allow_pickle=True))
    before = weights["W_rec"].copy()
    weights["W_rec"][:5, :5] = 0
    np.savez(str(tmp_path / "ablated.npz"), **weights)

    params = dict(BY_HAND)
    params["name"] = f"ablated_{source}"
    params["load_weights_path"] = str(tmp_path / "ablated.npz")
    model = Basic(params)
    loaded = model.get_weights()
    assert not loaded["W_rec"][:5, :5].any()
    np.testing.assert_array_equal(loaded["W_rec"][5:], before[5:])
    assert loaded["dale_ratio"] == (0.8 if "dale" in source else None)
    assert loaded["transfer_function"] is (tf.nn.tanh if "dale" in source else tf.nn.relu)
    assert not [key for key in loaded if "/" in key]
    outputs, _ = model.test(np.ones((8, 50, 3)))
    assert outputs.shape == (8, 50, 2) and np.isfinite(outputs).all()
    model.destruct()


@pytest.mark.parametrize("file", ["legacy_basic", "legacy_basic_dale"])
def test_u03a_old_file_gives_the_old_network(file):
    params = dict(BY_HAND, name=f"old_{file}", load_weights_path=str(REFERENCE / f"{file}.npz"))
    model = Basic(params)
    x, outputs, states = expected(file)
    got_outputs, got_states = model.test(x)
    np.testing.assert_allclose(got_outputs, outputs, atol=2e-5)
    np.testing.assert_allclose(got_states, states, atol=2e-5)
    model.destruct()


@pytest.mark.parametrize("extra", [{}, {"dale_ratio": 0.75, "autapses": False}])
def test_u03b_weights_copied_one_by_one(extra):
    name = "teacher" + "_dale" * bool(extra)
    pd = small_task()
    teacher = Basic(small_params(name, **extra))
    teacher.train(pd, {"training_iters": 50, "verbosity": False})
    weights = teacher.get_weights()
    x = pd.get_trial_batch()[0]
    wanted = teacher.test(x)[0]
    teacher.destruct()

    params = pd.get_task_params()
    params["name"] = "student"
    params["N_rec"] = 12
    for key in weights:
        params[key] = weights[key]
    params["W_in/Adam"] = np.zeros((12, 2))  # 1.0 listed the optimizer's arrays too
    params["W_in/Adam_1"] = np.zeros((12, 2))
    student = Basic(params)
    np.testing.assert_allclose(student.test(x)[0], wanted, atol=1e-6)
    losses, _, _ = student.train(pd, {"training_iters": 100, "loss_epoch": 1, "verbosity": False})
    assert len(losses) == 10 and np.isfinite(losses).all()
    after = student.get_weights()
    assert list(after) == KEYS
    assert (after["W_rec"] != weights["W_rec"]).any()
    if extra:
        assert not np.diag(after["W_rec"]).any()
        assert (after["W_rec"][:, :9] >= 0).all() and (after["W_rec"][:, 9:] <= 0).all()
    student.destruct()


@pytest.mark.parametrize("file", ["legacy_basic", "legacy_basic_dale"])
def test_u03c_file_contents_merged_into_params(file):
    params = dict(BY_HAND, name=f"merged_{file}")
    params.update(dict(np.load(REFERENCE / f"{file}.npz", allow_pickle=True)))
    model = Basic(params)
    x, outputs, _ = expected(file)
    np.testing.assert_allclose(model.test(x)[0], outputs, atol=2e-5)
    assert model.dale_ratio == (0.8 if "dale" in file else None)
    model.destruct()


@pytest.mark.parametrize("extra", [{}, {"dale_ratio": 0.8, "transfer_function": tf.nn.tanh}])
def test_u03c_own_file_merged_into_params(extra, tmp_path):
    first = Basic(small_params("first", **extra))
    first.save(str(tmp_path / "w"))
    params = small_params("second")
    params.update(dict(np.load(str(tmp_path / "w.npz"), allow_pickle=True)))
    second = Basic(params)
    x = small_task().get_trial_batch()[0]
    np.testing.assert_array_equal(second.test(x)[0], first.test(x)[0])
    assert second.get_weights()["dale_ratio"] == extra.get("dale_ratio")
    first.destruct()
    second.destruct()


# -- U05: biological constraints ---------------------------------------------------------------


def test_u05_one_params_dict_many_variants():
    basic_params = small_params("plain", N_rec=20)
    dale_params = basic_params.copy()
    dale_params["name"] = "dale"
    dale_params["dale_ratio"] = 0.8
    autapse_params = basic_params.copy()
    autapse_params["name"] = "no_autapses"
    autapse_params["autapses"] = False
    modular_params = basic_params.copy()
    modular_params["name"] = "modular"
    blocks = np.zeros((20, 20))
    blocks[:10, :10] = 1
    blocks[10:, 10:] = 1
    modular_params["input_connectivity"] = np.ones((20, 2))
    modular_params["rec_connectivity"] = blocks
    modular_params["output_connectivity"] = np.ones((2, 20))

    models = [Basic(p) for p in (basic_params, dale_params, autapse_params, modular_params)]
    weights = [model.get_weights() for model in models]  # none of them was trained
    for w in weights:
        plt.imshow(w["W_rec"], vmin=-1, vmax=1)
    plain, dale, no_autapses, modular = weights
    assert np.diag(plain["W_rec"]).all() and (plain["W_rec"] < 0).any()
    assert (dale["W_rec"][:, :16] >= 0).all() and (dale["W_rec"][:, 16:] <= 0).all()
    assert dale["W_rec"][:, 16:].any() and (dale["W_in"] >= 0).all()
    assert (dale["W_out"][:, :16] >= 0).all() and not dale["W_out"][:, 16:].any()
    assert not np.diag(no_autapses["W_rec"]).any()
    np.testing.assert_array_equal(modular["W_rec"] != 0, blocks == 1)
    assert blocks.sum() == 200 and "dale_ratio" not in basic_params

    pd = small_task()
    for model in models[1:]:
        model.train(pd, {"training_iters": 30, "verbosity": False})
    dale, no_autapses, modular = (model.get_weights() for model in models[1:])
    assert (dale["W_rec"][:, :16] >= 0).all() and (dale["W_rec"][:, 16:] <= 0).all()
    assert not np.diag(no_autapses["W_rec"]).any()
    assert not modular["W_rec"][blocks == 0].any()
    for model in models:
        model.destruct()


def frozen_blocks(N_rec):
    fixed_weights = {
        "W_in": np.zeros((N_rec, 2)),
        "W_rec": np.zeros((N_rec, N_rec)),
        "W_out": np.zeros((2, N_rec)),
    }
    fixed_weights["W_rec"][4:, :4] = 1
    fixed_weights["W_rec"][:4, 4:] = 1
    fixed_weights["W_in"][::2] = 1
    fixed_weights["W_out"][0] = 1
    return fixed_weights


@pytest.mark.parametrize(
    ("optimizer", "dale_ratio"),
    [
        (lambda: None, None),
        (lambda: None, 0.75),
        (lambda: tf.keras.optimizers.AdamW(0.01, weight_decay=0.1), None),
        (lambda: tf.compat.v1.train.MomentumOptimizer(0.01, 0.9), 0.75),
    ],
    ids=["default", "default dale", "adamw", "momentum dale"],
)
def test_u05_fixed_weights_do_not_move(optimizer, dale_ratio):
    pd = small_task()
    fixed_weights = frozen_blocks(12)
    copies = {key: value.copy() for key, value in fixed_weights.items()}
    model = Basic(small_params("fixed", dale_ratio=dale_ratio, L2_rec=1.0))
    before = model.get_weights()
    train_params = {"training_iters": 150, "fixed_weights": fixed_weights, "verbosity": False}
    train_params["optimizer"] = optimizer()
    model.train(pd, train_params)
    after = model.get_weights()
    for key, fixed in fixed_weights.items():
        frozen = fixed == 1
        np.testing.assert_array_equal(after[key][frozen], before[key][frozen])
        assert (after[key][~frozen] != before[key][~frozen]).mean() > 0.4
        np.testing.assert_array_equal(fixed, copies[key])
    model.destruct()


def test_u05_averaged_block_stays_fixed_in_a_second_model():
    pd = small_task()
    fixed_weights = frozen_blocks(12)
    params = small_params("before_averaging")
    model = Basic(params)
    train_params = {"training_iters": 50, "fixed_weights": fixed_weights, "verbosity": False}
    model.train(pd, train_params)
    weights = model.get_weights()
    model.destruct()
    weights["W_rec"][4:, :4] = np.mean(weights["W_rec"][4:, :4])
    new_params = params.copy()
    new_params["name"] = "after_averaging"
    for key in weights:
        new_params[key] = weights[key]
    new_model = Basic(new_params)
    new_model.train(pd, train_params)
    trained = new_model.get_weights()
    assert len(np.unique(trained["W_rec"][4:, :4])) == 1
    np.testing.assert_array_equal(trained["W_rec"][4:, :4], weights["W_rec"][4:, :4])
    assert (trained["W_rec"][4:, 4:] != weights["W_rec"][4:, 4:]).any()
    new_model.destruct()
