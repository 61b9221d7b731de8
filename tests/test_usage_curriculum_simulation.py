"""Scripts as labs wrote them for PsychRNN 1.0: curriculum, simulation, other networks and tasks."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from usage_scripts import REFERENCE

from psychrnn.backend.curriculum import Curriculum, default_metric
from psychrnn.backend.models.basic import Basic, BasicScan
from psychrnn.backend.models.lstm import LSTM
from psychrnn.backend.simulation import BasicSimulator, LSTMSimulator
from psychrnn.tasks.delayed_discrim import DelayedDiscrimination
from psychrnn.tasks.match_to_category import MatchToCategory
from psychrnn.tasks.perceptual_discrimination import PerceptualDiscrimination

# -- U04: curriculum learning ------------------------------------------------------------------


def test_u04_curriculum_script(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    coherences = [0.7, 0.5, 0.3]
    tasks = [
        PerceptualDiscrimination(dt=20, tau=100, T=500, N_batch=50, coherence=c) for c in coherences
    ]
    network_params = tasks[0].get_task_params()
    network_params["name"] = "curriculum"
    network_params["N_rec"] = 30
    curriculumModel = Basic(network_params)
    network_params["name"] = "control"
    controlModel = Basic(network_params)

    accuracies = [tasks[i].accuracy_function for i in range(len(tasks))]
    thresholds = [0.6, 0.6, 0.6]
    c = Curriculum(
        tasks,
        metric=default_metric,
        accuracies=accuracies,
        thresholds=thresholds,
        metric_epoch=1,
        output_file="./metric/curriculum.npz",
    )
    train_params = {"curriculum": c, "loss_epoch": 5, "training_iters": 100_000}
    _, training_time, initialization_time = curriculumModel.train_curric(train_params)
    assert c.stop_training and c.stage == 3
    assert training_time > 0 < initialization_time
    printed = capsys.readouterr().out
    stages = [line for line in printed.splitlines() if line.startswith("Stage")]
    assert stages == ["Stage 1", "Stage 2", "Stage 3"]
    assert "Accuracy: " in printed
    assert "Metric values saved in file: ./metric/curriculum.npz" in printed
    saved = np.load("./metric/curriculum.npz")["metric_values"]
    np.testing.assert_array_equal(saved, c.metric_values)

    def performance_measure(trial_batch, trial_y, output_mask, output, epoch, losses, verbosity):
        return tasks[-1].accuracy_function(trial_y, output, output_mask)

    train_params["curriculum"] = None
    train_params["performance_measure"] = performance_measure
    train_params["performance_cutoff"] = 0.6
    controlModel.train(tasks[-1], train_params)
    assert "performance: " in capsys.readouterr().out

    curriculumModel.destruct()  # the other one goes on
    assert controlModel.test(tasks[0].get_trial_batch()[0])[0].shape == (50, 25, 2)
    controlModel.destruct()


def test_u04_needs_a_curriculum():
    params = PerceptualDiscrimination(20, 100, 500, 50).get_task_params()
    model = Basic({**params, "name": "none", "N_rec": 5})
    with pytest.raises(UserWarning, match="curriculum"):
        model.train_curric({"training_iters": 100})


# -- U08: simulation in NumPy --------------------------------------------------------------------


@pytest.fixture
def trained(tmp_path):
    pd = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=8)
    params = {**pd.get_task_params(), "name": "simulated", "N_rec": 12, "dale_ratio": 0.75}
    model = Basic(params)
    model.train(pd, {"training_iters": 80, "verbosity": False})
    model.save(str(tmp_path / "weights"))
    return pd, model, str(tmp_path / "weights.npz")


def test_u08_simulators_from_model_file_and_dict(trained):
    _, model, file = trained
    x = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=3).get_trial_batch()[0]
    outputs, states = model.test(x)
    simulators = [
        BasicSimulator(rnn_model=model),
        BasicSimulator(weights_path=file, params={"dt": 10, "tau": 100}),
        BasicSimulator(
            weights=dict(np.load(file, allow_pickle=True)), params={"dt": 10, "tau": 100}
        ),
    ]
    model.destruct()
    for simulator in simulators:
        found = simulator.run_trials(x)
        np.testing.assert_allclose(found[0], outputs, atol=1e-5)
        np.testing.assert_allclose(found[1], states, atol=1e-5)


def test_u08_ablation_over_time(trained):
    pd, model, _ = trained
    x = pd.get_trial_batch()[0]
    simulator = BasicSimulator(rnn_model=model)
    t_connectivity = np.ones((x.shape[1], 12, 12))
    whole, _ = simulator.run_trials(x, t_connectivity=t_connectivity)
    np.testing.assert_allclose(whole, simulator.run_trials(x)[0])
    t_connectivity[10:, :, 3] = 0  # nothing reaches others from unit 3 any more
    ablated, _ = simulator.run_trials(x, t_connectivity=t_connectivity)
    np.testing.assert_array_equal(ablated[:, :10], whole[:, :10])
    assert not np.allclose(ablated[:, 11:], whole[:, 11:])


@pytest.mark.filterwarnings("ignore:LSTMSimulator. init_")
def test_u08_lstm():
    pd = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=8)
    model = LSTM({**pd.get_task_params(), "name": "lstm", "N_rec": 12})
    x = pd.get_trial_batch()[0]
    found = LSTMSimulator(rnn_model=model).run_trials(x)
    np.testing.assert_allclose(found[0], model.test(x)[0], atol=1e-5)
    with np.load(REFERENCE / "legacy_lstm_expected.npz") as data:
        old = LSTMSimulator(weights_path=str(REFERENCE / "legacy_lstm.npz"), params=None)
        np.testing.assert_allclose(old.run_trials(data["x"])[0], data["sim_outputs"], atol=2e-5)


def test_u08_a_tanh_network_as_in_old_scripts():
    pd = PerceptualDiscrimination(dt=10, tau=100, T=300, N_batch=8)
    params = {**pd.get_task_params(), "name": "tanh", "N_rec": 12}
    model = Basic({**params, "transfer_function": tf.nn.tanh})
    x = pd.get_trial_batch()[0]
    old_way = BasicSimulator(rnn_model=model, transfer_function=np.tanh)
    for simulator in (old_way, BasicSimulator(rnn_model=model)):
        np.testing.assert_allclose(simulator.run_trials(x)[0], model.test(x)[0], atol=1e-5)


# -- U09: a curriculum metric of one's own -------------------------------------------------------


def test_u09_own_curriculum_metric():
    seen = []

    def metric(curriculum_params, input_data, correct_output, output_mask, output, epoch, losses,
               verbosity):  # fmt: skip
        stage = curriculum_params["stage"]
        accuracy = curriculum_params["accuracies"][stage](correct_output, output, output_mask)
        seen.append((stage, epoch, curriculum_params["thresholds"][stage], len(losses)))
        return epoch >= 4 * (stage + 1), accuracy

    tasks = [PerceptualDiscrimination(20, 100, 500, 10, coherence=c) for c in (0.7, 0.3)]
    c = Curriculum(tasks, metric=metric, metric_epoch=2, thresholds=[0.8, 0.7])
    model = Basic({**tasks[0].get_task_params(), "name": "own metric", "N_rec": 10})
    model.train(None, {"curriculum": c, "verbosity": False, "loss_epoch": 1})
    assert seen == [(0, 2, 0.8, 2), (0, 4, 0.8, 4), (1, 6, 0.7, 6), (1, 8, 0.7, 8)]


# -- U11: other networks, other tasks --------------------------------------------------------------


@pytest.mark.parametrize("network", [Basic, BasicScan, LSTM])
@pytest.mark.parametrize("experiment", [MatchToCategory, DelayedDiscrimination])
def test_u11_swapped_networks_and_tasks(network, experiment):
    task = experiment(dt=50, tau=100, T=2000, N_batch=16)
    network_params = task.get_task_params()
    network_params["name"] = "swapped"
    network_params["N_rec"] = 10
    model = network(network_params)
    model.train(task, {"training_iters": 64, "verbosity": False})
    x, target, mask, _ = task.get_trial_batch()
    output, state_var = model.test(x)
    accuracy = task.accuracy_function(target, output, mask)
    assert 0 <= accuracy <= 1
    assert output.shape == target.shape == mask.shape
    assert state_var.shape == (16, 40, 10)
    model.destruct()
