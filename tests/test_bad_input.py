"""Wrong arguments of tasks, networks and initializers give one sentence and nothing else."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from refusals import INF, NAN, RAGGED, refused, table

from psychrnn import (
    GRU,
    LSTM,
    AlphaIdentity,
    Basic,
    GaussianSpectralRadius,
    LossFunction,
    ParameterError,
    PerceptualDiscrimination,
    Regularizer,
    WeightInitializer,
)
from psychrnn._checks import MissingParameterError
from psychrnn.backend import params as options

SIZES = dict(N_in=2, N_rec=4, N_out=2)
NUMBER = itertools.count()


def full_params(**changes):
    """Return params of a small network under a name that no other test uses."""
    task = PerceptualDiscrimination(dt=10, tau=100, T=50, N_batch=2, seed=1)
    name = f"bad_input_{next(NUMBER)}"
    return {**task.get_task_params(), "name": name, "N_rec": 4, "seed": 1, **changes}


def works_or_refused(action):
    """Run ``action``; any error but a clear one fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return action()
        except ParameterError as error:
            assert 20 < len(str(error)) < 500, str(error)
        except FileNotFoundError as error:
            assert "load_weights_path" in str(error)


def test_the_params_of_these_tests_are_good_ones():
    Basic(full_params()).destruct()


def test_errors_can_be_caught_as_value_error_and_as_the_warning_of_old():
    error = refused(lambda: Basic(full_params(dt=-1)))
    assert isinstance(error, ValueError) and isinstance(error, UserWarning)


@pytest.mark.parametrize("how", ["absent", "None"])
@pytest.mark.parametrize(
    "key", ["name", "N_in", "N_rec", "N_out", "N_steps", "dt", "tau", "N_batch"]
)
def test_missing_required_key(key, how):
    params = full_params()
    if how == "absent":
        del params[key]
    else:
        params[key] = None
    error = refused(lambda: Basic(params), f"Basic.{key}", f"'{key}'", kind=MissingParameterError)
    assert isinstance(error, KeyError)


@pytest.mark.parametrize("dt", [200, 100.5])
def test_time_step_larger_than_tau(dt):
    refused(lambda: Basic(full_params(dt=dt)), f"dt = {dt}", "got 100 ms", "choose a smaller dt")


@pytest.mark.parametrize("params", [None, 5, "relu", ["name"], []])
def test_params_that_are_no_dict(params):
    refused(lambda: Basic(params), "Basic", "dict", "got")


EYE = np.eye(4)
NAN_4, NAN_44 = [0, 0, NAN, 0], np.where(EYE, NAN, 0)
WRONG_PARAMS = table(
    ("N_in N_rec N_out N_steps N_batch", [0, -1, 2.5, "4", True, NAN, [4], RAGGED], "whole number"),
    ("name", [5, "", "  ", ["a"], True], "a string"),
    ("dt", [0, -10, NAN, INF, "ten", [10, 10], RAGGED, 1j, {}], "number"),
    ("tau", [0, -100, NAN, INF, "slow", {}, 1j, [100, 100, 100, NAN], RAGGED], "number"),
    ("tau", [[100, 100], np.full((4, 4), 100.0), [[100] * 4]], "[N_rec] = (4,)"),
    ("tau", [[100, 100, 100, -1], [100, 100, 100, 0]], "above 0"),
    ("tau", [5, [100, 100, 100, 5]], "dt = 10"),
    ("alpha", [0.5, -0.1, NAN, "a", [0.1, 0.5, 0.1, 0.1], RAGGED], "dt / tau"),
    ("rec_noise", [-0.1, NAN, INF, "loud", [0.1, 0.2], RAGGED, np.array(NAN)], "number"),
    ("seed", [-1, 1.5, "x", True, [1], NAN], "whole number"),
    ("load_weights_path", [5, b"w.npz", ["w.npz"], True], "file name"),
    ("initializer", [WeightInitializer, "glorot_gauss", 5, {}, max], "initializer"),
    (
        "W_in_train W_rec_train W_out_train b_rec_train b_out_train init_state_train autapses",
        ["no", 2, [True], NAN, np.ones(2)],
        "True or False",
    ),
    ("input_connectivity", [np.ones((2, 4)), np.ones(4), 1], "[N_rec, N_in] = (4, 2)"),
    ("rec_connectivity", [np.ones((4, 2)), np.ones(4), 1], "[N_rec, N_rec] = (4, 4)"),
    ("output_connectivity", [np.ones((4, 2)), np.ones(4), 1], "[N_out, N_rec] = (2, 4)"),
    ("input_connectivity", [np.zeros((4, 2)), np.zeros((4, 2), bool)], "at least one connection"),
    ("rec_connectivity", [np.zeros((4, 4)), [[0] * 4] * 4], "at least one connection"),
    ("output_connectivity", [np.zeros((2, 4))], "at least one connection"),
    ("input_connectivity", [np.full((4, 2), 0.5), -np.ones((4, 2))], "1 (connected) or 0"),
    ("rec_connectivity", [EYE * 2, EYE * 0.5], "1 (connected) or 0"),
    ("output_connectivity", [np.full((2, 4), 2)], "1 (connected) or 0"),
    ("rec_connectivity Dale_rec Dale_out W_rec", [NAN_44, np.full((4, 4), INF)], "finite numbers"),
    ("input_connectivity rec_connectivity output_connectivity", ["all", RAGGED, {}], "numbers"),
    ("dale_ratio", [-0.1, 1.1, NAN, INF, "most", [0.8, 0.8], RAGGED], "number"),
    ("dale_ratio", [-0.1, 1.1], "at most 1"),
    ("dale_ratio rec_noise dt", [True, np.True_], "number"),
    ("Dale_rec Dale_out", [np.ones(4), np.ones((2, 2))], "[N_rec, N_rec] = (4, 4)"),
    ("Dale_rec Dale_out", [np.ones((4, 4)), 2 * EYE, 0.5 * EYE], "diagonal"),
    ("Dale_rec Dale_out", ["signs", RAGGED, {}], "numbers"),
    ("Dale_out", [np.diag([1, 1, 1, 0])], "dale_ratio or Dale_rec"),
    ("transfer_function", [5, ["relu"], {}], "function"),
    ("transfer_function", ["reluu", "", "RELU"], "relu"),
    (
        "which_rand_init which_rand_W_rec_init",
        ["gauss", "", 5, ["glorot_gauss"], np.ones(2), {}],
        "'glorot_unif'",
    ),
    ("init_minval init_maxval", ["low", NAN, INF, [0, 1], RAGGED], "number"),
    ("W_in", [np.ones((2, 4)), np.ones(4), 1.0], "[N_rec, N_in] = (4, 2)"),
    ("W_rec", [np.ones((4, 3)), np.ones(16), 1.0], "[N_rec, N_rec] = (4, 4)"),
    ("W_out", [np.ones((4, 2)), np.ones(4), 1.0], "[N_out, N_rec] = (2, 4)"),
    ("b_rec", [np.ones(3), np.ones((4, 1)), 1.0], "[N_rec] = (4,)"),
    ("b_out", [np.ones(4), np.ones((1, 2)), 1.0], "[N_out] = (2,)"),
    ("init_state", [np.ones(3), np.ones((2, 4)), np.ones((1, 3)), 1.0], "[N_rec] = (4,)"),
    ("W_in W_rec W_out b_rec b_out init_state", ["zero", RAGGED, {}, max], "numbers"),
    ("b_rec init_state", [NAN_4, [0, 0, 0, -INF]], "at index"),
    ("W_in", [np.full((4, 2), NAN), np.full((4, 2), INF)], "finite numbers"),
    ("W_out", [np.full((2, 4), NAN)], "finite numbers"),
    ("b_out", [[0, NAN]], "finite numbers"),
    ("b_rec init_state", [np.full(4, 1j), np.full(4, 1e300)], "numbers"),
    ("W_rec", [EYE * 1j, EYE * 1e300], "numbers"),
    ("loss_function", ["mse", "", 5, ["mean_squared_error"], {}], "function"),
    ("L1_in L1_rec L1_out L2_in L2_rec L2_out", [-1, NAN, INF, "x", [1], RAGGED], "number"),
    ("L2_firing_rate", [-1, NAN, INF, "x", [1], RAGGED, np.array(NAN)], "number"),
    ("custom_regularization", [5, "L3", [max]], "function"),
    ("engine", ["fast", "", 5, ["fused"], {}], "'generic'"),
    ("shards", [0, -1, 1.5, "two", True, NAN, [1]], "whole number of at least 1"),
    ("unit_groups", [5, {"all": [1]}, {1: [0]}, {"motor": [99]}, {"motor": []}], "unit_groups"),
    ("rec_noise_generator", ["mt19937", "", 5, {}], "'philox'"),
    ("spec_rad", [0, -1, NAN, INF, "x", [1, 1], RAGGED], "number"),
)


@pytest.mark.parametrize("key, value, words", WRONG_PARAMS)
def test_wrong_option_of_a_network(key, value, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(lambda: Basic(full_params(**{key: value})), f".{key}", "expected", "got", words)
    assert not list(tmp_path.iterdir())


OF_GATES = {*options.GRUParams.__dataclass_fields__, *options.LSTMParams.__dataclass_fields__}
OF_GATES -= {"N_in", "N_rec", "N_out"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("key", sorted(OF_GATES))
def test_wrong_option_of_a_network_with_gates(key):
    kind = LSTM if key in options.LSTMParams.__dataclass_fields__ else GRU
    for value in ("zero", RAGGED, {}, max, 1.0, np.ones((3, 3)), np.full((6, 4), NAN)):
        with pytest.raises(ParameterError, match=rf"^{kind.__name__}\.{key}: expected"):
            kind(full_params(**{key: value}))


def test_every_option_of_a_network_is_tried():
    tried = {case.values[0] for case in WRONG_PARAMS}
    assert tried == options.NETWORK_KEYS - {"T"} - OF_GATES | {"alpha"}


INITIALIZER_KEYS = set(WeightInitializer(**SIZES, W_rec=EYE).initializations) | set(SIZES)
WRONG_OF_INITIALIZER = [case for case in WRONG_PARAMS if case.values[0] in INITIALIZER_KEYS]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("key, value, words", WRONG_OF_INITIALIZER)
def test_wrong_option_of_an_initializer(key, value, words):
    arguments = {**SIZES, key: value}
    refused(lambda: WeightInitializer(**arguments), f"WeightInitializer.{key}", words)


@pytest.mark.parametrize("key", SIZES)
def test_initializer_without_a_size(key):
    sizes = {other: SIZES[other] for other in SIZES if other != key}
    refused(lambda: GaussianSpectralRadius(**sizes), f"{key}", kind=MissingParameterError)


WRONG_CALLS = {
    "get": (lambda i: i.get("W_recc"), "WeightInitializer.get", "W_rec"),
    "rule": (lambda i: i.get_rand_init_func("gauss"), "which_rand_init", "glorot_gauss"),
    "rule array": (lambda i: i.get_rand_init_func(["gauss"]), "which_rand_init"),
    "save number": (lambda i: i.save(5), "WeightInitializer.save", "file name"),
    "save nothing": (lambda i: i.save(""), "WeightInitializer.save", "file name"),
    "alpha": (lambda i: AlphaIdentity(alpha="x", **SIZES), "AlphaIdentity.alpha", "number"),
    "alpha nan": (lambda i: AlphaIdentity(alpha=NAN, **SIZES), "AlphaIdentity.alpha", "number"),
    "alpha twice": (lambda i: AlphaIdentity(alpha=1, W_rec=EYE, **SIZES), "alpha", "W_rec"),
    "radius": (lambda i: GaussianSpectralRadius(spec_rad=-1, **SIZES), "Radius.spec_rad"),
    "radius twice": (lambda i: GaussianSpectralRadius(spec_rad=1, W_rec=EYE, **SIZES), "W_rec"),
    "loss": (lambda i: LossFunction({"loss_function": "mse"}), "LossFunction", "'mse'"),
    "loss params": (lambda i: LossFunction(5), "LossFunction", "dict"),
    "penalty": (lambda i: Regularizer({"L1_in": -1}), "Regularizer.L1_in", "number"),
    "penalty params": (lambda i: Regularizer(None), "Regularizer", "dict"),
}


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_wrong_call_beside_a_network(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    action, *words = WRONG_CALLS[call]
    initializer = WeightInitializer(**SIZES, W_rec=EYE)
    refused(lambda: action(initializer), *words)
    assert not list(tmp_path.iterdir())


def test_limits_of_random_weights_the_wrong_way_round():
    params = full_params(which_rand_init="const_unif", init_minval=0.5, init_maxval=-0.5)
    refused(lambda: Basic(params), "init_minval", "init_maxval")


# -- contradictions --------------------------------------------------------------------------------

W = 0.1 * np.arange(16.0).reshape(4, 4)
UPPER = np.triu(np.ones((4, 4)))
CONTRADICTIONS = [
    (dict(W_rec=W), dict(W_rec=W + 1), "W_rec"),
    (dict(W_rec=W, b_rec=np.ones(4)), dict(b_rec=np.zeros(4)), "b_rec"),
    (dict(W_rec=W, rec_connectivity=UPPER), dict(rec_connectivity=UPPER.T), "rec_connectivity"),
    (dict(W_rec=W, dale_ratio=0.5), dict(dale_ratio=0.75), "dale_ratio"),
    (dict(W_rec=W, transfer_function="tanh"), dict(transfer_function="relu"), "transfer_function"),
]


@pytest.mark.parametrize("have, asked, key", CONTRADICTIONS, ids=[c[2] for c in CONTRADICTIONS])
@pytest.mark.parametrize("source", ["initializer", "file"])
def test_params_contradict_the_initializer_or_the_file(have, asked, key, source, tmp_path):
    initializer, path = WeightInitializer(**SIZES, **have), str(tmp_path / "w.npz")
    initializer.save(path)
    other = {"file": {"load_weights_path": path}, "initializer": {"initializer": initializer}}
    refused(lambda: Basic(full_params(**asked, **other[source])), f".{key}", "params", source)


def test_initializer_of_another_size():
    initializer = WeightInitializer(N_in=2, N_rec=5, N_out=2, W_rec=np.eye(5))
    refused(lambda: Basic(full_params(initializer=initializer)), "initializer", "(4", "(5")


def test_initializer_and_file_at_once(tmp_path):
    initializer, path = WeightInitializer(**SIZES, W_rec=EYE), str(tmp_path / "w.npz")
    initializer.save(path)
    params = full_params(initializer=initializer, load_weights_path=path)
    refused(lambda: Basic(params), "initializer", "load_weights_path")


@pytest.mark.parametrize("beside", ["W_rec", "file", "initializer"])
def test_spectral_radius_beside_given_recurrent_weights(beside, tmp_path):
    initializer, path = WeightInitializer(**SIZES, W_rec=W), str(tmp_path / "w.npz")
    initializer.save(path)
    given = {"W_rec": ("W_rec", W), "file": ("load_weights_path", path)}
    key, value = given.get(beside, ("initializer", initializer))
    refused(lambda: Basic(full_params(spec_rad=1.5, **{key: value})), "spec_rad")


def test_random_rule_of_recurrent_weights_is_obeyed_or_reported():
    wide = dict(which_rand_init="const_unif", init_minval=-3.0, init_maxval=-2.0)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = Basic(full_params(**wide, which_rand_W_rec_init="const_unif"))
    assert said or (model.get_weights()["W_rec"] < 0).all()
    model.destruct()


@pytest.mark.parametrize(
    "key, meant",
    [
        ("dale_raito", "dale_ratio"),
        ("rec_connectivty", "rec_connectivity"),
        ("load_weight_path", "load_weights_path"),
        ("transfer_fuction", "transfer_function"),
        ("rec_noise_", "rec_noise"),
        ("L2_firing_rates", "L2_firing_rate"),
    ],
)
def test_near_miss_of_a_key_warns(key, meant):
    with pytest.warns(UserWarning, match=f"{key}.*no effect.*Did you mean '{meant}'") as said:
        Basic(full_params(**{key: None})).destruct()
    assert "Basic" in str(said[0].message)
    if meant in options._known(options.InitializerParams):
        with pytest.warns(UserWarning, match=f"WeightInitializer.*{key}.*'{meant}'"):
            WeightInitializer(**SIZES, W_rec=EYE, **{key: None})


def test_keys_of_ones_own_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Basic(full_params(gain=3.0, my_task_label="a", **{"layer/W": 1})).destruct()


# -- names -----------------------------------------------------------------------------------------


def test_two_models_of_one_name():
    params = full_params()
    model = Basic(params)
    refused(lambda: Basic(params), "Basic.name", params["name"], "destruct()")
    model.destruct()
    Basic(params).destruct()


def test_a_model_that_failed_does_not_keep_its_name():
    params = full_params()
    with pytest.raises(ParameterError):
        Basic({**params, "W_rec": NAN_44})
    Basic(params).destruct()


def test_the_dict_of_options_and_its_arrays_are_not_edited():
    mask = np.ones((4, 4))
    params = full_params(rec_connectivity=mask, autapses=False, tau=-1)
    before = dict(params)
    refused(lambda: Basic(params), "Basic.tau")
    assert params == before and (mask == 1).all()


# -- functions of the user -------------------------------------------------------------------------


def tensor(call):
    """Return a function whose TensorFlow operation is looked up only when it is called."""
    import tensorflow as tf

    return lambda state: call(tf, state)


TRANSFERS = {
    "number": tensor(lambda tf, s: 1.0),
    "nothing": tensor(lambda tf, s: None),
    "numpy": tensor(lambda tf, s: np.tanh(s.numpy())),
    "sum": tensor(lambda tf, s: tf.reduce_sum(s)),
    "transposed": tensor(lambda tf, s: tf.transpose(s)),
    "pair": tensor(lambda tf, s: (s, s)),
    "double": tensor(lambda tf, s: tf.cast(s, tf.float64)),
    "flag": tensor(lambda tf, s: s > 0),
    "whole numbers": tensor(lambda tf, s: tf.cast(s, tf.int32)),
    "fails": tensor(lambda tf, s: 1 / 0),
    "no arguments": lambda: 1.0,
    "two arguments": lambda a, b: a,
    "class": dict,
}


@pytest.mark.parametrize("kind", TRANSFERS)
def test_transfer_function_that_returns_the_wrong_thing(kind):
    params = full_params(transfer_function=TRANSFERS[kind])
    refused(lambda: Basic(params), "Basic.transfer_function")


# -- anything --------------------------------------------------------------------------------------

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=4),
    st.binary(max_size=3),
    st.integers(-3, 6),
    st.floats(),
    st.floats(width=32).map(np.float32),
    st.complex_numbers(),
    st.lists(st.floats() | st.none() | st.text(max_size=2), max_size=5),
    st.lists(st.lists(st.floats(-2, 2), max_size=4), max_size=4),
    hnp.arrays(
        st.sampled_from([float, np.float32, int, bool, complex]), hnp.array_shapes(min_dims=0)
    ),
    st.sampled_from([{}, {1}, object(), Basic, max, RAGGED, np.datetime64("2020"), range(4)]),
    st.sampled_from([EYE, W, np.ones((4, 2)), np.ones((2, 4)), np.ones(4)]).flatmap(
        lambda a: st.sampled_from([a, -a, a * NAN, a * 1e300, a * 1j, a.astype(str), a > 0])
    ),
)
QUICK = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@QUICK
@given(key=st.sampled_from(sorted(options.NETWORK_KEYS)), junk=JUNK)
def test_any_value_of_any_option_works_or_gives_a_sentence(key, junk):
    model = works_or_refused(lambda: Basic(full_params(**{key: junk})))
    if model is not None:
        model.destruct()
