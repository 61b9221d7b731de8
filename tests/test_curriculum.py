"""Curriculum learning: the decisions of PsychRNN 1.0, and what was added to them."""

from __future__ import annotations

import numpy as np
import pytest
from networks import make
from reference_data import load
from refusals import refused, refusing

from psychrnn import Basic, Curriculum, PerceptualDiscrimination, Task, default_metric
from psychrnn.backend._tensorflow import tf

ONES = np.ones((2, 3, 2))


def scripted(values, tasks, **options):
    """Return a curriculum whose accuracies are given, and the numbers asked for."""
    left = iter(values)
    accuracies = [lambda *_: next(left)] * len(tasks)
    return Curriculum(tasks, accuracies=accuracies, **options)


def network(**options):
    return make(Basic, "auto", N_in=2, dt=20, **options)


def tasks_of(number, T=220, **options):
    return [PerceptualDiscrimination(20, 40, T, 5, seed=s, **options) for s in range(number)]


def test_the_decisions_of_psychrnn_1(check, tmp_path, capsys):
    data = load("curriculum_script")
    path = str(tmp_path / "cur" / "metric.npz")
    thresholds = [0.9, 0.9, 0.9, 0.99]
    values = data["rows"][:, 0]
    curriculum = scripted(values, tasks_of(4), thresholds=thresholds, output_file=path)
    for accuracy, advanced, stage, stopped in data["rows"]:
        result = curriculum.metric_test(ONES, ONES, ONES, ONES, 10, [0.5], verbosity=True)
        found = (result, curriculum.stage, curriculum.stop_training)
        assert found == (bool(advanced), stage, bool(stopped)), accuracy
    check("metric values", curriculum.metric_values, data["metric_values"], 1e-12)
    said = capsys.readouterr().out.replace(str(tmp_path), "<DIR>").splitlines()
    assert said == data["stdout"].tolist()
    # PsychRNN 1.0 wrote a .npy file, after the last stage alone; here it is an .npz file.
    with np.load(path) as file:
        check("file", file["metric_values"], data["file_content"], 1e-12)
        assert file["update"].tolist() == [10] * 8


def test_a_curriculum_inside_train_as_in_psychrnn_1(tmp_path, capsys):
    data = load("curriculum_script")
    curriculum = scripted([0.1, 0.95, 0.2, 0.93], tasks_of(2), metric_epoch=2)
    model = network()
    result = model.train(
        None,
        {
            "curriculum": curriculum,
            "training_iters": 500,
            "loss_epoch": 1,
            "training_weights_path": str(tmp_path / "at"),
            "save_training_weights_epoch": 4,
            "save_weights_path": str(tmp_path / "end"),
        },
    )
    assert curriculum.metric_values == data["train_metric_values"].tolist()
    assert curriculum.stage == data["train_stage"]
    assert curriculum.stop_training
    assert len(result.losses) == data["train_n_losses"]
    said = [line for line in capsys.readouterr().out.splitlines() if "file" not in line]
    assert [line.split(" Min")[0] for line in said if "Iter" not in line] == [
        line for line in data["train_stdout"].tolist() if "Iter" not in line
    ]
    # stopping comes before the snapshot of the same update, and the last save still happens
    assert (tmp_path / "at4.npz").exists()
    assert not (tmp_path / "at8.npz").exists()
    assert (tmp_path / "end.npz").exists()


def test_batches_are_those_of_the_stage():
    class Constant(Task):
        def __init__(self, level):
            super().__init__(2, 2, 20, 40, 220, 5)
            self.level = level

        def generate_trial_params(self, batch, trial):
            return {}

        def trial_function(self, time, params):
            return self.level, 0, 1

    seen = []

    def metric(cur, x, y, mask, output, epoch, losses, verbosity):
        seen.append((cur["stage"], x.mean(), epoch, output.shape))
        return len(seen) % 2 == 0, 0.5

    curriculum = Curriculum([Constant(1), Constant(2)], metric=metric, metric_epoch=3,
                            accuracies=[max, max])  # fmt: skip
    network().train_curric({"curriculum": curriculum, "training_iters": 1000, "verbosity": False})
    assert seen == [(0, 1, 3, (5, 11, 2)), (0, 1, 6, (5, 11, 2)), (1, 2, 9, (5, 11, 2)),
                    (1, 2, 12, (5, 11, 2))]  # fmt: skip


def test_the_criterion_must_hold_on_many_trials_several_times(tmp_path):
    sizes = []

    def metric(cur, x, y, mask, output, *_):
        sizes.append((len(x), len(output)))
        return decisions.pop(0), 0.9

    decisions = [True, False, True, True, True, True]
    curriculum = Curriculum(tasks_of(2), metric=metric, patience=2, n_trials=12, metric_epoch=1,
                            output_file=str(tmp_path / "log"))  # fmt: skip
    network().train(None, curriculum=curriculum, training_iters=1000, verbosity=False)
    assert curriculum.log.stage.tolist() == [0, 0, 0, 0, 1, 1]
    assert sizes == [(15, 15)] * 6  # whole batches of 5
    with np.load(tmp_path / "log.npz") as file:
        assert file["stage"].tolist() == [0, 0, 0, 0, 1, 1]
        assert file["update"].tolist() == [1, 2, 3, 4, 5, 6]
        assert file["accuracy"].tolist() == [0.9] * 6
        assert np.isnan(file["loss"]).all()  # none was recorded in the first ten updates


def test_demotion_below_a_floor():
    values = [0.95, 0.3, 0.95, 0.95, 0.55, 0.2, 0.1, 0.95, 0.95, 0.95]
    curriculum = scripted(values, tasks_of(3), demote_below=[0.5, 0.5, 0.6])
    changes = []
    for epoch in range(len(values)):
        changed = curriculum.metric_test(ONES, ONES, ONES, ONES, epoch, [])
        changes.append((changed, curriculum.stage))
    assert changes == [(True, 1), (True, 0), (True, 1), (True, 2), (True, 1), (True, 0),
                       (False, 0), (True, 1), (True, 2), (True, 3)]  # fmt: skip


def test_training_stops_early_and_the_log_is_saved(tmp_path):
    curriculum = scripted([0.1] * 9, tasks_of(2), metric_epoch=2, output_file=str(tmp_path / "x"))
    model = network()
    model.train(None, curriculum=curriculum, training_iters=20, verbosity=False, loss_epoch=1)
    with np.load(tmp_path / "x.npz") as file:
        assert file["update"].tolist() == [2, 4]
        assert np.isfinite(file["loss"]).all()


def test_used_again_after_a_reset():
    curriculum = scripted([1.0] * 4, tasks_of(2), metric_epoch=1)
    model = network()
    options = {"curriculum": curriculum, "training_iters": 100, "verbosity": False}
    model.train_curric(options)
    with refusing("finished", "reset()"):
        model.train_curric(options)
    with refusing("finished"):
        curriculum.metric_test(ONES, ONES, ONES, ONES, 1, [])
    with refusing("finished"):
        curriculum.batch_generator()
    curriculum.reset()
    model.train_curric(options)
    assert curriculum.log.update.tolist() == [1, 2]


def test_tasks_of_other_lengths_follow_each_other():
    tasks = [*tasks_of(1, T=220), *tasks_of(1, T=460)]
    curriculum = scripted([1.0, 1.0], tasks, metric_epoch=2)
    network().train(None, curriculum=curriculum, training_iters=1000, verbosity=False)
    assert curriculum.stop_training


def test_workers_make_the_batches_of_every_stage():
    found = []
    for workers in (0, 2):
        curriculum = scripted([1.0, 1.0], tasks_of(2), metric_epoch=2)
        model = network()
        model.train(None, curriculum=curriculum, training_iters=500, verbosity=False,
                    workers=workers)  # fmt: skip
        found.append(model.get_weights()["W_rec"])
    np.testing.assert_array_equal(*found)


def test_a_subclass_with_its_own_generator():
    class Mixed(Curriculum):
        def batch_generator(self):
            for batch in super().batch_generator():
                yield batch._replace(x=batch.x + 100)

    means = []

    def metric(cur, x, *_):
        means.append(x.mean() > 90)
        return True, 1.0

    curriculum = Mixed(tasks_of(2), metric=metric, metric_epoch=1)
    network().train(None, curriculum=curriculum, training_iters=100, verbosity=False)
    assert means == [True, True]


def test_the_default_metric():
    given = {"stage": 1, "accuracies": [None, lambda y, out, mask: (y - out).sum()],
             "thresholds": [0, 2.0]}  # fmt: skip
    assert default_metric(given, None, np.ones(4), None, np.zeros(4), 1, [], False) == (True, 4.0)
    given["thresholds"][1] = 4.1
    assert default_metric(given, None, np.ones(4), None, np.zeros(4), 1, [], False)[0] == False  # noqa: E712


def test_defaults_and_the_old_name():
    tasks = tasks_of(2)
    curriculum = Curriculum(tasks)
    assert curriculum.thresholds == [0.9, 0.9]
    assert curriculum.metric is default_metric
    assert curriculum.metric_epoch == 10
    assert (curriculum.stage, curriculum.stop_training, curriculum.metric_values) == (0, False, [])
    assert Curriculum(tasks, thresholds=0.7).thresholds == [0.7, 0.7]
    with pytest.warns(DeprecationWarning):
        assert next(curriculum.get_generator_function()).x.shape == (5, 11, 2)


def test_wrong_curricula():
    tasks = tasks_of(2)
    refused(lambda: Curriculum([]), "at least one task")
    refused(lambda: Curriculum(tasks[0]), "a list")
    refused(lambda: Curriculum([PerceptualDiscrimination]), "Make an object")
    refused(lambda: Curriculum([tasks[0], 3]), "tasks[1]")
    refused(lambda: Curriculum(tasks, thresholds=[0.9]), "thresholds", "2 numbers")
    refused(lambda: Curriculum(tasks, thresholds=[0.9, "high"]), "thresholds")
    refused(lambda: Curriculum(tasks, thresholds=[0.9, np.nan]), "thresholds[1]")
    refused(lambda: Curriculum(tasks, accuracies=[max]), "accuracies", "2 functions")
    refused(lambda: Curriculum(tasks, accuracies=[max, 3]), "accuracies[1]", "a function")
    refused(lambda: Curriculum(tasks, metric=3), "metric", "a function")
    refused(lambda: Curriculum(tasks, metric_epoch=0), "metric_epoch")
    refused(lambda: Curriculum(tasks, patience=0), "patience")
    refused(lambda: Curriculum(tasks, n_trials=1.5), "n_trials")
    refused(lambda: Curriculum(tasks, demote_below=[0.1] * 3), "demote_below")
    refused(lambda: Curriculum(tasks, output_file=3), "output_file")
    refused(lambda: Curriculum(tasks, thresholds=90), "thresholds", "a fraction")
    refused(lambda: Curriculum(tasks, metric=lambda cur, x: 0), "metric", "curriculum_params")
    with pytest.warns(UserWarning, match="thresholds"):
        Curriculum(tasks, treshold=[0.1, 0.1])
    model = network()
    refused(lambda: model.train(None, curriculum=3, verbosity=False), "curriculum", "a Curriculum")
    refused(lambda: model.train_curric({"training_iters": 5}), "train_curric", "none")
    refused(lambda: model.train_curric(None), "train_curric")
    wide = make(Basic, "auto", dt=20)
    refused(lambda: wide.train(None, curriculum=Curriculum(tasks)), "tasks[0].N_in", "3", "2")
    unusual = ((True, "high"), (True, np.ones(2)), (True, np.nan), ("no", 1.0), (ONES > 0, 1.0))
    for returned in (True, (True,), *unusual):
        curriculum = Curriculum(tasks, metric=lambda *_, r=returned: r)
        refused(lambda c=curriculum: c.metric_test(ONES, ONES, ONES, ONES, 1, []), "metric")


def test_a_task_without_accuracy_says_what_to_define():
    class Plain(Task):
        def generate_trial_params(self, batch, trial):
            return {}

        def trial_function(self, time, params):
            return 0, 0, 1

    curriculum = Curriculum([*tasks_of(1), Plain(2, 2, 20, 40, 220, 5)])
    with refusing("accuracy_function", "Define"):
        network().train(None, curriculum=curriculum, training_iters=50, verbosity=False)


def test_every_stage_is_checked_before_the_first_update():
    class Watching(PerceptualDiscrimination):
        def observe(self, batch, outputs):
            pass

    class Empty(PerceptualDiscrimination):
        def generate_batch(self, batch):
            x, y, mask, params = super().generate_batch(batch)
            return x, y, 0 * mask, params

    class Broken(PerceptualDiscrimination):
        def generate_batch(self, batch):
            return None

    model = network()
    before = model.get_weights()["W_rec"]
    for kind, word in ((Watching, "observe"), (Empty, "0 everywhere"), (Broken, "generate_batch")):
        curriculum = Curriculum([*tasks_of(1), kind(20, 40, 220, 5)])
        with refusing(word):
            model.train(None, curriculum=curriculum, workers=2, verbosity=False)
    np.testing.assert_array_equal(model.get_weights()["W_rec"], before)


def test_another_source_beside_a_curriculum_is_told():
    tasks = tasks_of(2)
    options = {"training_iters": 5, "verbosity": False}
    network().train(tasks[0], curriculum=Curriculum(tasks), **options)
    with pytest.warns(UserWarning, match="is not used"):
        network().train(tasks_of(1)[0], curriculum=Curriculum(tasks), **options)
    with refusing("held_out", "stage"):
        network().train(None, curriculum=Curriculum(tasks), held_out=tasks[0], **options)


def test_a_criterion_that_holds_is_no_reason_to_go_back():
    curriculum = scripted([0.95, 0.85, 0.85], tasks_of(2), thresholds=0.8, demote_below=0.9,
                          patience=1)  # fmt: skip
    for epoch in range(2):
        curriculum.metric_test(ONES, ONES, ONES, ONES, epoch, [])
    assert curriculum.stage == 2


def test_updates_are_counted_on_from_call_to_call():
    curriculum = scripted([0.1] * 9, tasks_of(2), metric_epoch=2)
    model = network()
    for _ in range(2):
        model.train(None, curriculum=curriculum, training_iters=25, verbosity=False)
    assert curriculum.log.update.tolist() == [2, 4, 7, 9]


def test_a_log_is_not_replaced_by_nothing(tmp_path):
    path = tmp_path / "log.npz"
    path.write_bytes(b"of an earlier run")
    curriculum = scripted([], tasks_of(2), output_file=str(path))
    network().train(None, curriculum=curriculum, training_iters=10, verbosity=False)
    assert path.read_bytes() == b"of an earlier run"


def test_a_metric_in_tensorflow():
    def metric(*_):
        return tf.constant(True), tf.constant(0.5)

    curriculum = Curriculum(tasks_of(1), metric=metric)
    assert curriculum.metric_test(ONES, ONES, ONES, ONES, 1, [])
    assert curriculum.metric_values == [[0.5, 0]]
