"""What has been told to a tracker, and what is still to tell: `tracking.jsonl` in the sweep's directory.

Lines: `sweep` (its unique id), `context` (what the runs that follow show), `ended` (a configuration's outcome),
`finish` (the sweep's), and for each destination (tracking URI without credentials, and experiment) `contact`, `run` (a
run's id), `sent`, `closed` (as what the sweep's own run ended), `forget`.
"""

import json
import uuid
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from tune_runner.context import Outcome
from tune_runner.flock import locked
from tune_runner.journal import Journal

ParentStatus = Literal["FINISHED", "FAILED", "KILLED"]
PARENT = -1
"""Stands for the sweep's own run where configurations have their trial number."""


class Finish(BaseModel):
    """How the sweep ended. summary: numbers become metrics, everything else tags. files: in the sweep's
    directory relative to it, others absolute."""

    model_config = ConfigDict(frozen=True)

    summary: dict[str, float | int | str]
    files: tuple[str, ...]
    status: ParentStatus
    at_ms: int


class Ledger:
    """The ledger of one directory towards one destination. Holds a lock on it, which ends with the process."""

    def __init__(self, directory: Path, destination: str, name: str) -> None:
        self._journal = Journal(directory / "tracking.jsonl")
        self._destination = destination
        self._lock = locked(directory / "tracking.lock", "a running sweep or sync sends these records already")
        self.sweep_id = ""
        self.pending: dict[int, Outcome] = {}  # ended and not sent
        self.sent: set[int] = set()
        self.runs: dict[int, str] = {}  # ids of what is not sent, and of the parent
        self.finish: Finish | None = None
        self.finish_sent = False
        self.contacted = False
        self._shown: dict[str, Any] = {}
        self._read()
        if not self.sweep_id:
            self.sweep_id = f"{name}-{uuid.uuid4().hex[:12]}"
            self._write(sweep=self.sweep_id)

    def close(self) -> None:
        self._lock.close()

    def show(self, described: dict[str, Any]) -> None:
        """Note what all runs show that are sent from here on: another driver may run on another commit."""
        if self._shown != described:
            self._write(context=described)
            self._shown = described

    def ended(self, outcome: Outcome) -> bool:
        """Note an outcome. It is final: False, and nothing changes, where the trial has one already."""
        if outcome.trial in self.pending or outcome.trial in self.sent:
            return False
        self._write(ended=outcome.model_dump(mode="json"))
        self.pending[outcome.trial] = outcome
        return True

    def finished(self, finish: Finish) -> None:
        """Note how the sweep ended. The last word counts: a resumed sweep ends again."""
        self._write(finish=finish.model_dump(mode="json"))
        self.finish, self.finish_sent = finish, False

    def contact(self) -> None:
        """Note that the destination may hold runs from here on."""
        if not self.contacted:
            self._write(contact=True, to=self._destination)
        self.contacted = True

    def run(self, trial: int, run_id: str) -> None:
        if self.runs.get(trial) != run_id:
            self._write(run=run_id, trial=trial, to=self._destination)
            self.runs[trial] = run_id

    def mark_sent(self, trial: int) -> None:
        self._write(sent=trial, to=self._destination)
        self.sent.add(trial)
        self.pending.pop(trial, None)
        self.runs.pop(trial, None)

    def mark_finish_sent(self) -> None:
        self._write(sent=PARENT, to=self._destination)
        self.finish_sent = True

    def closed(self, status: ParentStatus) -> None:
        """Note how the sweep's own run was ended there."""
        self._write(closed=status, to=self._destination)

    def forget(self) -> None:
        """The destination lost its runs (a new database): everything is to be sent again."""
        self._write(forget=True, to=self._destination)
        self._read()

    def _read(self) -> None:
        self.sent, self.runs, self.contacted, self.finish, self.finish_sent = set(), {}, False, None, False
        self._shown = {}
        outcomes: dict[int, Outcome] = {}
        for end, line in self._journal.lines():
            entry = self._journal.decode(line, end)
            here = entry.get("to") == self._destination
            if "sweep" in entry:
                self.sweep_id = entry["sweep"]
            elif "ended" in entry:
                outcome = Outcome.model_validate(entry["ended"])
                outcomes.setdefault(outcome.trial, outcome)
            elif "context" in entry:
                self._shown = entry["context"]
            elif "finish" in entry:
                self.finish, self.finish_sent = Finish.model_validate(entry["finish"]), False
            elif here and "contact" in entry:
                self.contacted = True
            elif here and "run" in entry:
                self.runs[entry["trial"]] = entry["run"]
            elif here and entry.get("sent") == PARENT:
                self.finish_sent = True
            elif here and "sent" in entry:
                self.sent.add(entry["sent"])
            elif here and "forget" in entry:
                self.sent, self.runs, self.contacted, self.finish_sent = set(), {}, False, False
        self.pending = {trial: outcome for trial, outcome in outcomes.items() if trial not in self.sent}
        self.runs = {trial: run for trial, run in self.runs.items() if trial not in self.sent}

    def _write(self, **entry: Any) -> None:
        self._journal.append(json.dumps(entry))


def known_runs(directory: Path) -> tuple[str, dict[int, str]]:
    """The tracking URI, without credentials, that a directory was last sent to, and its runs there: trial -> run id.
    Takes no lock, so it may be asked while a sweep runs. Empty where nothing was sent. Raises RecordingError."""
    journal = Journal(directory / "tracking.jsonl")
    entries = [journal.decode(line, end) for end, line in journal.lines()]
    destination = next((entry["to"] for entry in reversed(entries) if "to" in entry), "")
    runs: dict[int, str] = {}
    for entry in entries:
        if entry.get("to") == destination and "run" in entry:
            runs[entry["trial"]] = entry["run"]
        elif entry.get("to") == destination and "forget" in entry:
            runs = {}
    runs.pop(PARENT, None)
    return destination.rpartition("#")[0], runs
