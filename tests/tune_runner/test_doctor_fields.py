"""Every field of a sweep that is overwritten from outside is found, whichever it is."""

import copy
import io
import json
import sqlite3
from collections.abc import Iterator

import numpy as np
import pytest
from rich.console import Console

from tests.tune_runner.doctored import run_doctor
from tune_runner.checksums import FILE
from tune_runner.doctor import diagnose
from tune_runner.rebuild import rebuild

pytestmark = pytest.mark.slow  # hundreds of examinations

_KEPT = {"study.db": "study.db", "records": "records.jsonl"}


def changes(value: object) -> Iterator[object]:
    """The value with one of its leaves changed, for each of them; of a mapping or list also without each item."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield {key: each for key, each in value.items() if key != name}
            for other in changes(child):
                yield {**value, name: other}
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield value[:place] + value[place + 1 :]
            for other in changes(child):
                yield [*value[:place], other, *value[place + 1 :]]
        if not value:
            yield ["x"]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield value + 1
    elif isinstance(value, str):
        yield value + "x"
    else:
        yield "x"


def some(values, count: int) -> list:
    """At most `count` of them, the first and the last among them."""
    every = list(values)
    return [every[place] for place in sorted({*np.linspace(0, len(every) - 1, count).astype(int)})] if every else []


def missed(directory, path, variants) -> list[str]:
    """Which of the variants of a file, (name, content), nothing is said of. The file is put back."""
    before = path.read_bytes()
    assert diagnose(directory) == []
    silent = []
    for name, content in variants:
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        if not diagnose(directory):
            silent.append(name)
        path.write_bytes(before)
    assert diagnose(directory) == []
    return silent


def test_every_field_of_every_record(sweep):
    path = sweep.directory / "records.jsonl"
    lines = path.read_text().splitlines()
    variants = [
        (f"line {place}: {json.dumps(other)[:200]}", [*lines[:place], json.dumps(other), *lines[place + 1 :]])
        for place, line in list(enumerate(lines))[:1]
        for other in some(changes(json.loads(line)), 40)
    ]
    variants += [(f"line {place} is gone", lines[:place] + lines[place + 1 :]) for place in range(len(lines))]
    for place, line in list(enumerate(lines))[1:]:  # of the others each name in turn, with any value
        entry = json.loads(line)
        for name in entry:
            other = json.dumps({**entry, name: next(changes(entry[name]))})
            variants.append((f"line {place}: {name}", [*lines[:place], other, *lines[place + 1 :]]))
    assert len(variants) > 80
    encoded = [(name, "".join(line + "\n" for line in each).encode()) for name, each in variants]
    assert missed(sweep.directory, path, encoded) == []


def test_every_array_of_every_score_file(sweep):
    files = sorted((sweep.directory / "scores").iterdir())
    assert len(files) == 5
    for file in files:
        with np.load(file) as opened:
            arrays = {name: opened[name] for name in opened.files}
        variants = []
        for name, array in arrays.items():
            other = array.copy()
            other.flat[-1] += 1
            for kind, changed in (("changed", {**arrays, name: other}), ("gone", arrays.keys() - {name})):
                buffer = io.BytesIO()
                np.savez(buffer, **(changed if isinstance(changed, dict) else {each: arrays[each] for each in changed}))
                variants.append((f"{file.name}: {name} {kind}", buffer.getvalue()))
        assert missed(sweep.directory, file, variants) == []


NOT_COVERED = {"datetime_complete"}  # of a trial; when it ended is nowhere else


def rows_of(database, table) -> list[dict]:
    database.row_factory = sqlite3.Row
    return [dict(row) for row in database.execute(f"SELECT rowid AS line, * FROM {table}")]


STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")


def column_changes(table: str, name: str, value: object) -> Iterator[object]:
    if name == "state":
        yield from (state for state in STATES if state != value)
    elif name == "distribution_json":  # without a key it is read with that key's default
        distribution = json.loads(value)
        yield from some([json.dumps(other) for other in changes(distribution) if not lacks(other, distribution)], 4)
    elif name.endswith("_json"):
        yield from map(json.dumps, some(changes(json.loads(value)), 4))
    elif name in ("line", "key", "objective"):
        yield from ()  # which row it is
    elif name == "direction":
        yield "MINIMIZE"
    elif name in ("datetime_start", "datetime_complete"):
        yield from ["2001-01-01 00:00:00.000000"] * (value is not None)
    elif name == "param_value":
        yield 1.0 - value if value in (0.0, 1.0) else value + 0.01
    elif name in ("intermediate_value_type", "value_type"):
        yield from ()  # how a number is written; another one would make it unreadable
    elif isinstance(value, int | float):
        yield value + 10  # beside the steps that there are
    elif value is not None:
        yield f"{value}x"


def lacks(other, distribution) -> bool:
    return other.keys() != distribution.keys() or other["attributes"].keys() != distribution["attributes"].keys()


TABLES = (
    "trials", "trial_params", "trial_values", "trial_intermediate_values", "trial_user_attributes",
    "trial_system_attributes", "study_user_attributes", "study_system_attributes",
    "study_directions",
)  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_every_field_of_the_study(sweep, table):
    ray_trial, _ = sweep.suggest()  # one that was interrupted, so that its repetition waits
    sweep.searcher.fail(ray_trial, "interrupted", "stopped")
    path = sweep.directory / "study.db"
    before = path.read_bytes()
    assert diagnose(sweep.directory) == []
    with sqlite3.connect(path) as database:
        rows = rows_of(database, table)
    database.close()
    silent, tried = [], 0
    for row in rows:
        columns = [name for name in row if name not in NOT_COVERED and not name.endswith("_id")]
        statements = [
            (f"UPDATE {table} SET {name} = ? WHERE rowid = ?", (other, row["line"]))
            for name in columns
            for other in column_changes(table, name, row[name])
        ]
        if table not in ("trials", "study_directions"):
            statements.append((f"DELETE FROM {table} WHERE rowid = ?", (row["line"],)))
        for statement, values in statements:
            with sqlite3.connect(path) as database:
                database.execute(statement, values)
            database.close()
            tried += 1
            if not diagnose(sweep.directory):
                silent.append((statement, *map(str, values), str(copy.copy(row))[:300]))
            path.write_bytes(before)
    assert silent == []
    assert tried or table == "trial_system_attributes"


def test_every_line_of_the_specification(sweep):
    path = sweep.directory / "sweep.yaml"
    lines = path.read_text().splitlines(keepends=True)
    assert len(lines) > 20
    variants = [(line, "".join([*lines[:place], *lines[place + 1 :]]).encode()) for place, line in enumerate(lines)]
    for place, line in enumerate(lines):
        for end, character in enumerate(line):
            if character.isalnum():
                other = line[:end] + ("1" if character != "1" else "2") + line[end + 1 :]
                variants.append((other, "".join([*lines[:place], other, *lines[place + 1 :]]).encode()))
                break
    assert missed(sweep.directory, path, [*variants, ("gone", None)]) == []


def test_every_file_of_the_report(sweep):
    assert rebuild(sweep.directory, Console(file=io.StringIO())) == 0
    names = {line.split("  ")[1] for line in (sweep.directory / FILE).read_text().splitlines()}
    assert {"report.html", "summary.json", "trials.csv", "rows.csv", "rows.parquet"} <= names
    for name in names:
        path = sweep.directory / name
        text = path.read_bytes()
        middle = len(text) // 2
        other = text[:middle] + bytes([text[middle] ^ 1]) + text[middle + 1 :]
        assert missed(sweep.directory, path, [(name, other), (f"{name} is gone", None)]) == []


def test_what_the_study_notes_is_put_back_from_where_else_it_stands(sweep):
    before = sweep.study.user_attrs
    for name in ("spec", "fingerprint", "banner", "partial"):
        sweep.study.set_user_attr(name, "changed")
        assert [each.kind for each in diagnose(sweep.directory)][-1:] == ["study_attribute"]
        assert run_doctor(sweep.directory, fix=True)[0] == 0
        assert sweep.study.user_attrs == before
    sweep.study.set_user_attr("environment", {"python": "1"})
    code, output = run_doctor(sweep.directory, fix=True)
    assert code == 1
    assert "the study's environment is not as it was noted" in output
    assert "bring study.db back from a copy" in output


def test_a_sweep_of_an_earlier_version_has_nothing_to_mend(sweep):
    """It has no checksums; that is no fault."""
    path = sweep.directory / "records.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    old = [{name: value for name, value in entry.items() if not name.endswith("sha256")} for entry in entries]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in old))
    with sqlite3.connect(sweep.directory / "study.db") as database:
        database.execute("DELETE FROM trial_user_attributes WHERE key = 'checksum'")
        database.execute("DELETE FROM study_user_attributes WHERE key = 'checksums'")
    database.close()
    assert diagnose(sweep.directory) == []
    with sqlite3.connect(sweep.directory / "study.db") as database:
        database.execute("UPDATE trial_user_attributes SET value_json = '0.1' WHERE key = 'search_auroc'")
    assert [each.kind for each in diagnose(sweep.directory)] == ["attribute"] * 3
    assert run_doctor(sweep.directory, fix=True)[0] == 0
