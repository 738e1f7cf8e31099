"""What a table's cell says, from records with known answers."""

import numpy as np
import pytest
from scipy.stats import t

from coftad.types import FineTuning, InputError, Scoring
from tests.tune_runner.paper.ran import parts, record, sweep
from tune_runner.journal import RecordingError
from tune_runner.paper.published import Published
from tune_runner.paper.runs import read
from tune_runner.paper.side_by_side import Ours, cells

FIVE = (70.0, 72.0, 74.0, 76.0, 78.0)  # mean 74, standard deviation sqrt(10)
CUTPASTE = FineTuning(negative_augmentation="cutpaste")


def published(values, columns=({"name": "one"},), where=(), **everywhere):
    row = {"name": "COFT-AD", "where": {"negative_augmentation": "none", **dict(where)}, "values": values}
    table = {"title": "T", "caption": "C", "protocol": "P", "columns": columns}
    others = {"name": "AE", "values": [50.0] * len(columns)}
    return Published.model_validate(
        {"everywhere": everywhere or {"n_a": 10}, "tables": {"t": {**table, "rows": [others, row]}}}
    )


def found(given, folder):
    return cells(given.tables["t"], given, read(folder))


def one(given, folder):
    [cell] = found(given, folder)
    return cell


def test_mean_deviation_and_difference(tmp_path):
    record(sweep(tmp_path), FIVE)
    cell = one(published([70.0]), tmp_path)
    assert cell.row.name == "COFT-AD"
    assert cell.ours.aurocs == pytest.approx(FIVE)
    assert (cell.ours.mean, cell.ours.deviation) == pytest.approx((74, np.sqrt(10)))
    assert cell.difference == pytest.approx(4)
    assert cell.told == "within noise"


def test_the_interval_is_that_of_one_more_draw():
    """The t distribution of a new draw: location, scale s sqrt(1 + 1/n) and n - 1 degrees of freedom."""
    expected = t.interval(0.95, 4, loc=74, scale=np.sqrt(10) * np.sqrt(6 / 5))
    assert Ours(FIVE).interval == pytest.approx(expected)
    assert Ours((60, 80, 100)).interval == (0, 100)


def test_the_interval_holds_one_more_draw_in_95_of_100_cases():
    draws = np.random.default_rng(0).normal(70, 3, (1500, 6))
    inside = [low <= row[5] <= high for row in draws for low, high in [Ours(tuple(row[:5])).interval]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


def test_beyond_the_interval_the_direction_is_told(tmp_path):
    record(sweep(tmp_path), FIVE)
    low, high = Ours(FIVE).interval
    for paper, verdict in (
        (low - 0.01, "ours is higher"),
        (low + 0.01, "within noise"),
        (high + 0.01, "ours is lower"),
    ):
        assert one(published([paper]), tmp_path).verdict == verdict


def test_few_episodes_are_marked_and_one_has_no_spread(tmp_path):
    record(sweep(tmp_path / "four"), FIVE[:4])
    assert one(published([73.0]), tmp_path / "four").told == "within noise; fewer than 5 episodes"
    record(sweep(tmp_path / "one"), FIVE[:1])
    cell = one(published([73.0]), tmp_path / "one")
    assert cell.verdict == "one episode has no spread"
    assert cell.ours.deviation is None
    assert cell.difference == pytest.approx(-3)


@pytest.mark.parametrize(("value", "verdict"), [("unreadable", "unreadable in the paper"), (None, "not in the paper")])
def test_what_the_paper_does_not_say_is_never_compared(tmp_path, value, verdict):
    record(sweep(tmp_path), FIVE)
    cell = one(published([value]), tmp_path)
    assert (cell.difference, cell.verdict) == (None, verdict)
    assert cell.ours.mean == pytest.approx(74)


def test_images_kept_back_are_not_the_papers_protocol(tmp_path):
    record(sweep(tmp_path, {"holdout": 0.5}), FIVE)
    cell = one(published([74.0]), tmp_path)
    assert (cell.difference, cell.told) == (None, "not the paper's protocol; holdout 0.5 keeps images back")


def test_settings_choose_the_row(tmp_path):
    records = sweep(tmp_path)
    rows = {
        (20, Scoring(n_a=n_a, l2_norm=l2_norm)): n_a / 10 - 5 * l2_norm for n_a in (1, 10) for l2_norm in (True, False)
    }
    record(records, FIVE, rows=rows)
    record(records, [50.0] * 5, CUTPASTE, rows=rows, trial=1)
    columns = [{"name": str(n_a), "where": {"n_a": n_a}} for n_a in (1, 10)]
    means = [cell.ours.mean for cell in found(published([74.0, 74.0], columns, l2_norm=False), tmp_path)]
    assert means == pytest.approx([74.1, 75])
    with_negatives = published([74.0], where={"negative_augmentation": "cutpaste"}, n_a=10, l2_norm=True)
    assert one(with_negatives, tmp_path).ours.mean == pytest.approx(46)


def test_without_steps_it_is_the_end_of_the_trajectory(tmp_path):
    record(sweep(tmp_path), FIVE, rows={(steps, Scoring()): steps / 10 for steps in (0, 10, 20)})
    assert one(published([74.0]), tmp_path).ours.mean == pytest.approx(76)
    assert one(published([74.0], where={"steps": 0}), tmp_path).ours.mean == pytest.approx(74)


def test_two_rows_that_fit_are_not_chosen_from(tmp_path):
    record(sweep(tmp_path), FIVE, rows={(20, Scoring(epsilon=epsilon)): 0 for epsilon in (0.01, 0.1)})
    cell = one(published([74.0]), tmp_path)
    assert (cell.ours, cell.difference) == (None, None)
    assert cell.told == "not run; 2 rows fit and differ in epsilon; run it with one value of these"


def test_a_row_that_was_not_run_says_what_is_missing(tmp_path):
    record(sweep(tmp_path), FIVE)
    assert one(published([74.0], where={"lambda_pp": 0.5}), tmp_path).told == "not run; no row has lambda_pp: 0.5"


def test_an_episode_that_was_interrupted_and_run_again_counts_once(tmp_path):
    records = sweep(tmp_path)
    record(records, FIVE[:2])
    record(records, FIVE, trial=1)
    assert one(published([74.0]), tmp_path).ours.aurocs == pytest.approx(FIVE)


CLASSES = ("cat", "dog")


def classes(folder, **missing):
    parts(
        folder,
        *({"folder": name, "choices": {"dataset.normal": name, "dataset.shots": "5"}} for name in CLASSES),
        *(
            {"folder": n, "choices": {"dataset.normal": n, "dataset.shots": "5"}, "missing": w}
            for n, w in missing.items()
        ),
    )


def by_class(*extra):
    columns = [{"name": name, "where": {"dataset.normal": name}} for name in (*CLASSES, *extra)]
    average = {"name": "Avg.", "mean_over": {"dataset.normal": [*CLASSES, *extra]}}
    return published([74.0] * (len(columns) + 1), [*columns, average], where={"dataset.shots": 5})


def test_parts_are_found_by_their_choices_and_averaged_within_episodes(tmp_path):
    classes(tmp_path)
    record(sweep(tmp_path / "cat"), FIVE)
    record(sweep(tmp_path / "dog"), FIVE[::-1])
    cat, dog, average = found(by_class(), tmp_path)
    assert cat.ours.aurocs == pytest.approx(FIVE)
    assert dog.ours.aurocs == pytest.approx(FIVE[::-1])
    assert average.ours.aurocs == pytest.approx([74] * 5), "what one class gains in an episode the other loses"
    assert average.ours.deviation == pytest.approx(0)


def test_an_average_takes_the_episodes_that_all_have(tmp_path):
    classes(tmp_path)
    record(sweep(tmp_path / "cat"), FIVE)
    record(sweep(tmp_path / "dog"), (80.0, 90.0), first=3)
    *_, average = found(by_class(), tmp_path)
    assert average.ours.aurocs == pytest.approx([78, 84])


def test_an_average_is_not_taken_of_some(tmp_path):
    classes(tmp_path, bird="dogs and cats only: bird is not there")
    record(sweep(tmp_path / "cat"), FIVE)
    sweep(tmp_path / "dog")
    cat, dog, bird, average = found(by_class("bird"), tmp_path)
    assert cat.told == "within noise"
    assert dog.told == "not run; nothing is recorded yet"
    assert bird.told == "not run; data missing"
    assert average.ours is None
    assert average.told == "not run; 2 of 3 lacking (dog, bird): nothing is recorded yet"


def test_a_plain_sweep_is_known_by_its_specification(tmp_path):
    record(sweep(tmp_path, {"normal": "cat"}), FIVE)
    cat, dog, average = found(by_class(), tmp_path)
    assert cat.verdict == "within noise"
    assert dog.told == "not run; no part has dataset.shots: 5, dataset.normal: dog"
    assert average.ours is None
    record(sweep(tmp_path / "ten", {"normal": "cat", "shots": 10}), FIVE)
    assert found(by_class(), tmp_path / "ten")[0].ours is None


def test_what_is_no_run_or_damaged_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has neither parts.json nor sweep.yaml"):
        read(tmp_path)
    (tmp_path / "parts.json").write_text('[{"folder": 3}]')
    with pytest.raises(RecordingError, match=r"parts.json: damaged"):
        read(tmp_path)
