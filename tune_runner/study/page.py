"""The report as files: one HTML page that opens anywhere, without a network, and the same facts as JSON."""

import base64
import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from tune_runner import environment
from tune_runner.commands import moved, reproduction
from tune_runner.directory import artifact_folder
from tune_runner.journal import write_whole
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study.answers import answers
from tune_runner.study.explore import MOST_LINES, MOST_MARKS
from tune_runner.study.listing import listing, newest_runs
from tune_runner.study.panels import findings, looking_around
from tune_runner.study.scored import completed
from tune_runner.study.summary import Summary
from tune_runner.study.templates import template
from tune_runner.study.words import chance, curve_title, percent, points, spread, text
from tune_runner.trial_state import counts
from tune_runner.written import written_row, written_trials

HTML = "report.html"
JSON = "summary.json"
_HERE = Path(__file__).parent
STYLE = _HERE / "report.css"


def write(
    summary: Summary, prepared: Prepared, study: optuna.Study, records: Records, beside: Sequence[Path] = ()
) -> list[Path]:
    """`summary.json`, `report.html` and its pictures, into the sweep's directory. beside: files that the page names.
    Raises RecordingError."""
    directory = records.directory
    facts = asdict(summary)
    if summary.best is not None:
        facts["best"]["row"] = written_row(summary.best.row)
    described = json.dumps(facts, indent=1) + "\n"
    write_whole(directory / JSON, lambda file: file.write(described.encode()))
    found, stills = findings(summary, prepared, records)
    complete = written_trials(prepared.spec.space, completed(study))
    ended = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
    page = template(_HERE / "report.html.jinja", **_WORDS).render(
        s=summary,
        answers=answers(summary),
        panels={**found, **looking_around(summary, complete)},
        pictures=_pictures(summary, directory),
        trials=listing(written_trials(prepared.spec.space, ended), newest_runs(directory)),
        command=reproduction(directory, "{trial}") + moved(prepared.spec, directory),
        yaml=(directory / "sweep.yaml").read_text() if (directory / "sweep.yaml").exists() else "",
        recorded=bool(study.user_attrs.get("environment")),
        environment=study.user_attrs.get("environment") or environment.here(),
        digests={what: study.user_attrs[what] for what in ("images", "weights") if study.user_attrs.get(what)},
        beside=[*beside, *stills],
        most_marks=MOST_MARKS,
        most_lines=MOST_LINES,
        complete=len(complete),
        plotly=packed(get_plotlyjs()),
        style=Markup(STYLE.read_text()),  # noqa: S704 (our own files)
        script=Markup((_HERE / "report.js").read_text()),  # noqa: S704
    )
    write_whole(directory / HTML, lambda file: file.write(page.encode()))
    return [directory / HTML, directory / JSON, *stills]


def _pictures(summary: Summary, directory: Path) -> list[tuple[str, Path]]:
    if summary.best is None:
        return []
    folder = artifact_folder(directory, summary.best.trial)
    return [(path.stem.replace("_", " "), path) for path in sorted(folder.glob("*.png"))]


def packed(content: str) -> str:
    """For `unpack` of report.js: a quarter of the size, and nothing in it can be taken for HTML."""
    return base64.b64encode(gzip.compress(content.encode(), mtime=0)).decode()


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def still(picture: Path) -> str:
    """A PNG as an address, so that a page holds it itself."""
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


_WORDS = {
    "percent": percent,
    "points": points,
    "text": text,
    "chance": chance,
    "packed": packed,
    "json": _json,
    "still": still,
    "spread": spread,
    "title": curve_title,
    "written_row": written_row,
}
