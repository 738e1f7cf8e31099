"""Everything that was measured, as tidy tables for whoever wants to analyse it elsewhere."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import IO, Any

from optuna.trial import FrozenTrial

from coftad.criteria import SIGNS
from tune_runner.journal import write_whole
from tune_runner.records import EpisodeRecord, Records
from tune_runner.searcher import counts, reason
from tune_runner.study.scored import search_auroc

TRIALS = "trials.csv"
ROWS = "rows.csv"


def write_tables(directory: Path, trials: Sequence[FrozenTrial], records: Records) -> list[Path]:
    """`trials.csv`: one line a trial that counts. `rows.csv`: one line for each episode, point of the trajectory and
    set of scoring values, with the metrics on the search images and the criteria
    without labels; settings as trained, constant ones too."""
    paths = [directory / TRIALS, directory / ROWS]
    ended = [_trial(trial) for trial in trials if counts(trial)]
    _write(paths[0], list(dict.fromkeys(name for line in ended for name in line)), ended)
    rows = _rows(record for trial in records.episodes() for record in records.of(trial))  # one at a time: they are many
    first = next(rows, {})
    _write(paths[1], list(first), chain([first] if first else [], rows))
    return paths


def _trial(trial: FrozenTrial) -> dict[str, Any]:
    best = trial.user_attrs.get("best_row", {})
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
        for row in record.rows:
            yield {
                "trial": record.trial,
                "episode": record.episode,
                **training,
                "steps": row.steps,
                **asdict(row.scoring),
                **asdict(row.search),
                **{name: row.criteria.get(name) for name in SIGNS},
                "seconds": round(sum(record.seconds.values()), 3),
                "host": record.host,
            }


def _write(path: Path, columns: list[str], lines: Iterable[dict[str, Any]]) -> None:
    """A column that is missing in a line is empty there."""

    def write(file: IO[bytes]) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
        text.detach()  # flushes; the file is closed by whoever opened it

    write_whole(path, write)
