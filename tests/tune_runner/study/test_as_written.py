"""What users wrote is what they read: in every file of a report, in the terminal and in MLflow's parameters."""

import base64
import csv
import gzip
import io
import json
import re
from types import SimpleNamespace

import pyarrow.parquet
import pytest
from rich.console import Console

from tests.tune_runner import planted
from tune_runner.callback import Halt, SweepCallback
from tune_runner.progress import Progress, short
from tune_runner.study import page, report
from tune_runner.study.listing import Runs, listing
from tune_runner.study.panels import looking_around
from tune_runner.study.tables import write_tables
from tune_runner.written import written_trials

SPACE = {
    "negative_augmentation": {"choice": ["none", {"void": {"beta": {"log_complement": [0.9, 0.9999]}}}]},
    "lambda_pp": {"uniform": [0.0, 1.5]},
    "scorer": {"choice": ["gaussian", "knn", "patchcore"]},
    "epsilon": {"choice": [0.001, 0.1]},
    "neighbours": {"choice": [1, 3]},
    "steps": {"choice": [0, 2]},
}
REFERENCE = {"negative_augmentation": "void", "beta": 0.99}
COMPLEMENT = re.compile(r"1-beta|0\.0100000000000000\d+")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    search = {"sampler": "random", "reference": REFERENCE}
    made = planted.begin(tmp_path_factory.mktemp("beta"), space=SPACE, search=search, budget={"trials": 8})
    for _ in range(6):
        made.finish()
    return made


@pytest.fixture(scope="module")
def trials(sweep):
    return written_trials(sweep.prepared.spec.space, sweep.study.get_trials())


@pytest.fixture(scope="module")
def tables(sweep, trials, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    write_tables(folder, trials, sweep.records)
    return folder


def lines(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_the_study_really_keeps_the_complement(sweep):
    assert sweep.study.trials[0].params["void.1-beta"] == pytest.approx(0.01)
    assert sum("void.1-beta" in trial.params for trial in sweep.study.trials) >= 2


def test_trials_csv_and_parquet_hold_beta_as_it_was_trained_with(sweep, tables):
    told = [line["void.beta"] for line in lines(tables / "trials.csv")]
    trained = [sweep.records.of(number)[0].training for number in range(6)]
    assert told[0] == "0.99"
    assert told == [repr(each.beta) if each.negative_augmentation == "void" else "" for each in trained]
    columns = pyarrow.parquet.read_table(tables / "trials.parquet")
    assert columns["void.beta"].to_pylist() == [
        each.beta if each.negative_augmentation == "void" else None for each in trained
    ]
    assert not any(COMPLEMENT.search(path.read_text()) for path in tables.glob("*.csv"))
    assert "void.1-beta" not in columns.column_names


def test_tables_leave_out_what_a_scorer_does_not_read(tables):
    rows = lines(tables / "rows.csv")
    assert {row["scorer"] for row in rows} == {"gaussian", "knn", "patchcore"}
    read = {row["scorer"]: {name for name in ("n_a", "l2_norm", "epsilon", "neighbours") if row[name]} for row in rows}
    assert read == {
        "gaussian": {"n_a", "l2_norm", "epsilon"},
        "knn": {"n_a", "l2_norm", "neighbours"},
        "patchcore": {"n_a"},
    }
    for trial in lines(tables / "trials.csv"):
        assert bool(trial.get("best.epsilon")) == (trial["best.scorer"] == "gaussian")
        assert bool(trial.get("best.neighbours")) == (trial["best.scorer"] == "knn")
        assert bool(trial.get("best.l2_norm")) == (trial["best.scorer"] != "patchcore")


def test_the_list_of_trials(trials):
    found = listing(trials, Runs("", {})).lines
    assert len(found) == 6
    by_number = {line[0]: line for line in found}
    assert "void.beta=0.99" in by_number[0][4].split("  ")
    for _, _, _, _, settings, row, _ in found:
        assert not COMPLEMENT.search(settings + row)
        assert ("epsilon=" in row) == ("scorer=gaussian" in row)
        assert ("neighbours=" in row) == ("scorer=knn" in row)


def test_optunas_figures(sweep, trials):
    summary, _ = report.make(sweep.prepared, sweep.study, sweep.directory, {}, measured=False)
    figures = [figure for panel in looking_around(summary, trials).values() for figure in panel.figures]
    text = "".join(figure.to_json() for figure in figures)
    assert len(figures) >= 3
    assert "void.beta" in text
    assert not COMPLEMENT.search(text)


def test_the_page_and_what_is_packed_in_it(sweep):
    report.make(sweep.prepared, sweep.study, sweep.directory, {})
    html = (sweep.directory / page.HTML).read_text()
    packed = re.findall(r'<script type="text/plain"(?: id="(\w+)")?>([^<]*)</script>', html)
    assert len(packed) > 3
    texts = [gzip.decompress(base64.b64decode(block)).decode() for name, block in packed if name != "plotly"]
    for text in [html, *texts]:
        assert not COMPLEMENT.search(text)
    summary = json.loads((sweep.directory / page.JSON).read_text())
    row = summary["best"]["row"]
    assert ("epsilon" in row) == (row["scorer"] == "gaussian")
    for path in (sweep.directory / page.JSON, *sweep.directory.glob("*.csv")):
        assert not COMPLEMENT.search(path.read_text()), path.name


def test_the_live_table(tmp_path):
    sweep = planted.begin(tmp_path, space=SPACE, search={"sampler": "random", "reference": REFERENCE})
    console = Console(file=io.StringIO(), width=200)
    progress = Progress(console, total=1, done=0, failed=0, banner="")
    callback = SweepCallback(sweep.prepared, sweep.searcher, sweep.records, None, None, progress, Halt(None))
    ray_trial, number = sweep.suggest()
    callback.on_trial_start(0, [], SimpleNamespace(trial_id=ray_trial))
    assert callback.halt.error is None
    progress.ended(number, "complete", "0.9")
    assert "void.beta=0.99 " in console.file.getvalue()
    assert not COMPLEMENT.search(console.file.getvalue())


def test_short_settings_keep_the_distance_to_one():
    assert short({"beta": 0.9995, "lambda_pp": 0.123456}) == "beta=0.9995 lambda_pp=0.123"
