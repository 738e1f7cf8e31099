"""What can be wrong with a sweep's records: read line by line here, because readers of a sound file stop at damage."""

import contextlib
import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from optuna.trial import FrozenTrial
from pydantic import ValidationError

from tune_runner.checksums import is_as_it_ended, of_file
from tune_runner.disagreement import Disagreement
from tune_runner.journal import CHANGED, Journal, RecordingError, intact, is_sealed, write_whole
from tune_runner.records import SCORES_CHECKSUM, EpisodeRecord, Records

RECORDS = "records.jsonl"
SET_ASIDE = "set-aside"

Sealed = Callable[[int], bool]

Span = tuple[int, int]
"""First byte of a line, and the one behind it."""


@dataclass
class Shelf:
    """Where in records.jsonl each episode is, and what else is there. spans: trial -> episode -> line; doubled: the
    later lines of an episode, which do not count; changed: lines with another checksum than their own, and unsealed:
    (trial, episode) of those without one; scores: (trial, episode) -> checksum of the npz, if it was noted; torn: bytes
    behind the last whole line."""

    directory: Path
    spans: dict[int, dict[int, Span]] = field(default_factory=dict)
    doubled: list[tuple[int, int, Span]] = field(default_factory=list)
    damaged: list[Span] = field(default_factory=list)
    changed: list[Span] = field(default_factory=list)
    unsealed: set[tuple[int, int]] = field(default_factory=set)
    scores: dict[tuple[int, int], str] = field(default_factory=dict)
    torn: int = 0

    def of(self, trial: int) -> list[EpisodeRecord]:
        """The records of one trial, by episode."""
        found = []
        with (self.directory / RECORDS).open("rb") as file:
            for _, (start, end) in sorted(self.spans[trial].items()):
                file.seek(start)
                found.append(EpisodeRecord.model_validate_json(file.read(end - start)))
        return found


def scan(directory: Path) -> Shelf:
    """Read every line. Raises RecordingError if the file cannot be read at all."""
    shelf, end = Shelf(directory), 0
    journal = Journal(directory / RECORDS)
    for after, line in journal.lines():
        span, end = (end, after), after
        try:
            record = EpisodeRecord.model_validate_json(line)
        except ValidationError:
            shelf.damaged.append(span)
            continue
        if not intact(line):
            shelf.changed.append(span)
            continue
        episodes = shelf.spans.setdefault(record.trial, {})
        if record.episode in episodes:
            shelf.doubled.append((record.trial, record.episode, span))
            continue
        if not is_sealed(line):
            shelf.unsealed.add((record.trial, record.episode))
        elif checksum := json.loads(line).get(SCORES_CHECKSUM):
            shelf.scores[record.trial, record.episode] = checksum
        episodes.setdefault(record.episode, span)
    shelf.torn = journal.path.stat().st_size - end if journal.path.exists() else 0
    return shelf


def check(shelf: Shelf, *, resting: bool) -> list[Disagreement]:
    """What is wrong whatever the study says. resting: no driver is at work, so nothing is half written."""
    found = [_damaged(span) for span in shelf.damaged] + [_changed(span) for span in shelf.changed]
    found += [_doubled(*each) for each in shelf.doubled]
    found += [each for trial in sorted(shelf.spans) for each in _without_scores(shelf, trial)]
    if resting:
        found += _torn(shelf) + _orphans(shelf) + _leftovers(shelf.directory)
    return found


def never(trial: int) -> bool:
    """Of no trial is it known that its lines had checksums."""
    return False


def check_against(
    shelf: Shelf, trials: Mapping[int, FrozenTrial], episodes: int | None, *, resting: bool, sealed: Sealed = never
) -> list[Disagreement]:
    """Records that belong to no trial of the study: a later trial of that number would take them for its own. sealed:
    whether the lines of a trial must have checksums."""
    found = [_unsealed(shelf, *each) for each in sorted(shelf.unsealed) if sealed(each[0])]
    for number in sorted(shelf.spans):
        recorded = shelf.of(number)
        spans, files = shelf.spans[number], shelf.directory
        if number not in trials:
            if resting:
                text = f"trial {number}: the records have {_episodes(spans)}; the study has no such trial"
                found.append(_foreign("records_without_trial", text, number, recorded, spans, files))
            continue
        asked = trials[number].user_attrs.get("ray_trial") if is_as_it_ended(trials[number]) else None
        others = [record for record in recorded if asked is not None and record.ray_trial != asked]
        if others:
            text = (
                f"trial {number}: the study ran it as {asked}; the records have "
                f"{_episodes([record.episode for record in others])} that ran as {others[0].ray_trial}"
            )
            found.append(_foreign("records_of_another", text, number, others, spans, files))
        beyond = [record for record in recorded if episodes is not None and record.episode >= episodes]
        if beyond:
            text = (
                f"trial {number}: the records have {_episodes([record.episode for record in beyond])}; "
                f"sweep.yaml has {episodes} episodes, counted from 0"
            )
            found.append(_foreign("records_beyond", text, number, beyond, spans, files))
    return found


def mend(directory: Path, found: Iterable[Disagreement]) -> None:
    """Set the lines and files of `found` aside, into a new folder: nothing that was a result is ever deleted.

    Raises RecordingError.
    """
    lines = sorted({span for each in found for span in each.lines})
    files = sorted({path for each in found for path in each.files if path.exists()})
    if not lines and not files:
        return
    aside, path = fresh_folder(directory), directory / RECORDS
    if lines:
        before = path.read_bytes()
        write_whole(aside / RECORDS, lambda file: [file.write(before[start:end]) for start, end in lines])
        ends = [0, *(end for _, end in lines)]
        starts = [*(start for start, _ in lines), len(before)]
        kept = [before[start:end] for start, end in zip(ends, starts, strict=True)]
        write_whole(path, lambda file: file.writelines(kept))
    for file in files:
        target = aside / file.relative_to(directory)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
        except OSError as error:
            raise RecordingError(file, error) from error


def fresh_folder(directory: Path) -> Path:
    """A new folder for what is set aside now. Raises RecordingError."""
    parent, now = directory / SET_ASIDE, time.strftime("%Y-%m-%d_%H-%M-%S", time.gmtime())
    try:
        parent.mkdir(exist_ok=True)
        for suffix in itertools.chain([""], (f"_{number}" for number in itertools.count(2))):
            with contextlib.suppress(FileExistsError):
                (parent / (now + suffix)).mkdir()
                break
    except OSError as error:
        raise RecordingError(parent, error) from error
    return parent / (now + suffix)


def _damaged(span: Span) -> Disagreement:
    text = f"{RECORDS}: the line at bytes {span[0]} to {span[1]} is not a record"
    return Disagreement("damaged_line", text, f"it is moved to {SET_ASIDE}/", lines=(span,))


def _changed(span: Span) -> Disagreement:
    text = f"{RECORDS}: the line at bytes {span[0]} to {span[1]}: {CHANGED}"
    return Disagreement("changed_line", text, f"it is moved to {SET_ASIDE}/", lines=(span,))


def _doubled(trial: int, episode: int, span: Span) -> Disagreement:
    text = f"trial {trial}, episode {episode}: recorded again at byte {span[0]} of {RECORDS}; the first record counts"
    return Disagreement("doubled_record", text, f"the later line is moved to {SET_ASIDE}/", trial, lines=(span,))


def _unsealed(shelf: Shelf, trial: int, episode: int) -> Disagreement:
    text = f"trial {trial}, episode {episode}: its line in {RECORDS} has lost its checksum"
    return Disagreement(
        "changed_line", text, f"it is moved to {SET_ASIDE}/", trial, lines=(shelf.spans[trial][episode],)
    )


def _torn(shelf: Shelf) -> list[Disagreement]:
    if not shelf.torn:
        return []
    end = (shelf.directory / RECORDS).stat().st_size
    text = f"{RECORDS}: the last line was torn off after {shelf.torn} bytes, by a crash while it was written"
    return [Disagreement("torn_line", text, "it is cut off", lines=((end - shelf.torn, end),))]


def _without_scores(shelf: Shelf, trial: int) -> list[Disagreement]:
    found = []
    records = Records(shelf.directory)
    for record in shelf.of(trial):
        path = shelf.directory / record.scores_file
        why = ""
        try:
            arrays = records.scores(record)
            if arrays.scores.shape != (len(record.rows), len(arrays.image_rows)):
                why = f"has scores of shape {arrays.scores.shape}, for {len(record.rows)} rows of the record"
            elif of_file(path) != shelf.scores.get((trial, record.episode), of_file(path)):
                why = "is not as it was written: its checksum is another one"
        except RecordingError as error:
            why = error.reason
        if why:
            text = f"trial {trial}, episode {record.episode}: recorded, but {record.scores_file}: {why}"
            mend = f"record and scores are moved to {SET_ASIDE}/, as if the episode had never run"
            span = shelf.spans[trial][record.episode]
            found.append(Disagreement("scores_lost", text, mend, trial, lines=(span,), files=(path,)))
    return found


def _orphans(shelf: Shelf) -> list[Disagreement]:
    known = {f"trial-{trial:04d}-episode-{each:03d}.npz" for trial, spans in shelf.spans.items() for each in spans}
    files = sorted((shelf.directory / "scores").glob("trial-*-episode-*.npz"))
    mend = f"the file is moved to {SET_ASIDE}/"
    return [
        Disagreement("orphan_scores", f"scores/{path.name}: no record belongs to it", mend, files=(path,))
        for path in files
        if path.name not in known
    ]


def _leftovers(directory: Path) -> list[Disagreement]:
    """What a writer that was killed left behind, under the names that it gives to what is unfinished."""
    folders = (directory, directory / "scores", directory / "artifacts")
    files = sorted(path for folder in folders for path in folder.glob(".*.tmp"))
    mend = f"it is moved to {SET_ASIDE}/"
    return [
        Disagreement("unfinished_file", f"{path.relative_to(directory)}: never finished", mend, files=(path,))
        for path in files
    ]


def _foreign(
    kind: str, text: str, trial: int, records: list[EpisodeRecord], spans: Mapping[int, Span], directory: Path
) -> Disagreement:
    return Disagreement(
        kind,
        text,
        f"they are moved to {SET_ASIDE}/",
        trial,
        lines=tuple(spans[record.episode] for record in records),
        files=tuple(directory / record.scores_file for record in records),
    )


def _episodes(numbers: Iterable[int]) -> str:
    listed = sorted(numbers)
    return f"episode{'s' if len(listed) > 1 else ''} {', '.join(map(str, listed))}"
