"""Tables hold what was found, and Parquet holds what the CSV does."""

import csv

import optuna
import pyarrow.parquet
import pytest
from optuna.distributions import FloatDistribution

from tests.tune_runner import full_summary, planted
from tune_runner.records import Records
from tune_runner.study.summary import summarise
from tune_runner.study.tables import write_findings, write_tables


def lines(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def same(path):
    """That the Parquet beside a CSV has its columns, and its values but for their type."""
    texts, values = lines(path), pyarrow.parquet.read_table(path.with_suffix(".parquet")).to_pylist()
    assert len(texts) == len(values)
    for text, value in zip(texts, values, strict=True):
        assert set(text) == set(value)
        for name, found in value.items():
            if isinstance(found, float | int) and not isinstance(found, bool):
                assert float(text[name]) == found
            else:
                assert text[name].lower() == ("" if found is None else str(found).lower())


def test_parquet_holds_what_the_csv_does(tmp_path):
    sweep = planted.whole_sweep(tmp_path)
    summary = full_summary.full(summarise(sweep.prepared, sweep.study, sweep.records, {}))
    files = write_tables(tmp_path, sweep.study.get_trials(), sweep.records) + write_findings(tmp_path, summary)
    tables = [path for path in files if path.suffix == ".csv"]
    assert [path.stem for path in tables] == ["trials", "rows", "importance", "means", "interactions"]
    for path in tables:
        same(path)


def test_findings_are_tidy(tmp_path):
    sweep = planted.whole_sweep(tmp_path)
    summary = full_summary.full(summarise(sweep.prepared, sweep.study, sweep.records, {}))
    write_findings(tmp_path, summary)
    means = lines(tmp_path / "means.csv")
    assert [(each["parameter"], each["value"], each["low"]) for each in means[:2]] == [
        ("negative_augmentation", "none", "0.6"),
        ("negative_augmentation", "void", "0.94"),
    ]
    cells = lines(tmp_path / "interactions.csv")
    assert len(cells) == 6
    assert [(each["first_level"], each["second_level"], each["auroc"]) for each in cells][2] == ("none", "20", "")
    assert [each["method"] for each in lines(tmp_path / "importance.csv")] == ["PED-ANOVA"] * 2 + ["fANOVA"] * 2


def test_a_setting_that_only_the_last_trial_has(tmp_path):
    """Types are told from the whole column, not from its empty beginning."""
    study = optuna.create_study(direction="maximize")
    for number in range(3000):
        has = number == 2999
        study.add_trial(
            optuna.trial.create_trial(
                value=number / 3000,
                params={"void.lambda_np": 0.25} if has else {},
                distributions={"void.lambda_np": FloatDistribution(0, 1)} if has else {},
                user_attrs={"detail": "x" * 500},
            )
        )
    write_tables(tmp_path, study.get_trials(deepcopy=False), Records(tmp_path))
    found = pyarrow.parquet.read_table(tmp_path / "trials.parquet").to_pylist()
    assert found[-1]["void.lambda_np"] == pytest.approx(0.25)
    assert found[0]["void.lambda_np"] is None
    assert not (tmp_path / "rows.parquet").exists()
