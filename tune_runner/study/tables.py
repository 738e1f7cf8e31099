"""Everything that was measured and found, as tidy tables for whoever wants to analyse it elsewhere: each as CSV and as
Parquet."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import IO, Any

import pyarrow
import pyarrow.csv
import pyarrow.parquet
from optuna.trial import FrozenTrial

from coftad.criteria import SIGNS
from coftad.types import Scoring
from tune_runner.journal import write_whole
from tune_runner.records import EpisodeRecord, Records
from tune_runner.space import scoring_values
from tune_runner.study.scored import search_auroc
from tune_runner.study.summary import Summary
from tune_runner.trial_state import counts, reason
from tune_runner.written import written_row


def write_tables(directory: Path, trials: Sequence[FrozenTrial], records: Records) -> list[Path]:
    """`trials`: one line a trial that counts. `rows`: one line for each episode, point of the trajectory and set of
    scoring values, with the metrics on the search images and the criteria without labels; settings as trained, constant
    ones too. A scoring value that the scorer does not read is left empty.

    trials: as written, see `tune_runner.written`."""
    ended = [_trial(trial) for trial in trials if counts(trial)]
    rows = _rows(record for trial in records.episodes() for record in records.of(trial))  # one at a time: they are many
    first = next(rows, {})
    return [
        *write_table(directory / "trials", _columns(ended), ended),
        *write_table(directory / "rows", list(first), chain([first] if first else [], rows)),
    ]


def write_findings(directory: Path, summary: Summary) -> list[Path]:
    """`effects`, `importance`, `means`, `interactions` and `curves`, those that there are: one line a setting, level,
    pair of levels or value. AUROC and differences are in [0, 1]."""
    found = {
        "effects": [_flat(effect) for effect in summary.effects],
        "importance": [
            {"where": branch.where, "method": method, "trials": branch.trials, **_flat(share)}
            for branch in summary.branches
            for method, shares in (("PED-ANOVA", branch.ped_anova), ("fANOVA", branch.fanova))
            for share in shares
        ],
        "means": [
            {"parameter": each.parameter, "where": each.where, **_flat(level)}
            for each in summary.means
            for level in each.levels
        ],
        "interactions": [
            {"first": pair.first, "second": pair.second, "first_level": one, "second_level": other,
             "auroc": pair.auroc[row][column], "trials": pair.trials[row][column]}
            for pair in summary.interactions
            for row, one in enumerate(pair.first_levels)
            for column, other in enumerate(pair.second_levels)
        ],
        "curves": [
            {"parameter": curve.parameter, "centre": curve.centre, "unit": curve.unit, **_flat(point)}
            for curve in summary.curves
            for point in curve.points
        ],
    }  # fmt: skip
    return [
        path for name, lines in found.items() if lines for path in write_table(directory / name, _columns(lines), lines)
    ]


def _flat(finding: Any) -> dict[str, Any]:
    """A finding's fields, its interval as `low` and `high`."""
    fields = asdict(finding)
    low, high = fields.pop("interval")
    return {**fields, "low": low, "high": high}


def _trial(trial: FrozenTrial) -> dict[str, Any]:
    best = written_row(trial.user_attrs.get("best_row", {}))
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        "reason": reason(trial) or "",
        "search_auroc": None if trial.value is None else search_auroc(trial),
        "auroc_std": trial.user_attrs.get("auroc_std"),
        **trial.params,
        **{f"best.{name}": value for name, value in best.items()},
    }


def _rows(episodes: Iterable[EpisodeRecord]) -> Iterator[dict[str, Any]]:
    for record in episodes:
        training = asdict(record.training)
        unread = dict.fromkeys(asdict(Scoring()))
        for row in record.rows:
            yield {
                "trial": record.trial,
                "episode": record.episode,
                **training,
                "steps": row.steps,
                **unread,
                **scoring_values(row.scoring),
                **asdict(row.search),
                **{name: row.criteria.get(name) for name in SIGNS},
                "seconds": round(sum(record.seconds.values()), 3),
                "host": record.host,
            }


def _columns(lines: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for line in lines for name in line))


def write_table(path: Path, columns: list[str], lines: Iterable[dict[str, Any]]) -> list[Path]:
    """`path`.csv, and from it `path`.parquet. A column that is missing in a line is empty there."""
    texts, binary = path.with_suffix(".csv"), path.with_suffix(".parquet")

    def write(file: IO[bytes]) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        text.detach()  # flushes; the file is closed by whoever opened it

    write_whole(texts, write)
    if not columns:
        return [texts]
    whole = pyarrow.csv.ReadOptions(block_size=texts.stat().st_size + 1)  # types are told from the first block
    table = pyarrow.csv.read_csv(texts, read_options=whole)
    write_whole(binary, lambda file: pyarrow.parquet.write_table(table, file))
    return [texts, binary]
