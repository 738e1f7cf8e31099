"""Checksums beside what is kept, so that a change from outside is found where nothing else says the same.

A line of a journal ends in its own, a trial and a study carry theirs as attributes, and `checksums.txt` has those of
files, as `sha256sum --check` reads them. Where there is none an earlier version wrote it, and nothing is known.
"""

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from tune_runner.journal import RecordingError, write_whole

ATTRIBUTE = "checksum"
"""Of a trial: its user attribute."""

ATTRIBUTES = "checksums"
"""Of a study: its user attribute with the checksums of the others."""

FILE = "checksums.txt"
_SELF, _SINCE = "sha256", "since_trial"


def digest(value: object) -> str:
    """SHA-256 (hex) of a value as JSON, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def of_trial(trial: FrozenTrial) -> str:
    """Of all that a trial holds when it has ended, but when that was."""
    return digest(
        {
            "number": trial.number,
            "state": trial.state.name,
            "values": trial.values,
            "params": trial.params,
            "distributions": {name: distribution_to_json(each) for name, each in trial.distributions.items()},
            "intermediate_values": {str(step): value for step, value in trial.intermediate_values.items()},
            "user_attrs": {name: value for name, value in trial.user_attrs.items() if name != ATTRIBUTE},
            "fixed_params": trial.system_attrs.get("fixed_params"),
            "started": trial.datetime_start,
        }
    )


def is_as_it_ended(trial: FrozenTrial) -> bool:
    """Whether a trial has its checksum, or none."""
    return trial.user_attrs.get(ATTRIBUTE, of_trial(trial)) == of_trial(trial)


def end_trial(
    study: optuna.Study, trial: FrozenTrial | optuna.Trial, state: TrialState, value: float | None = None
) -> None:
    """Tell a running trial's end to its study, with the checksum of all that it holds by then. value: of a complete
    one; a pruned one has its last intermediate value, a failed one none."""
    ended = copy.deepcopy(study._storage.get_trial(trial._trial_id))
    ended.state = state
    if state == TrialState.PRUNED and (step := ended.last_step) is not None:
        value = ended.intermediate_values[step]
    ended.values = None if value is None else [value]
    study._storage.set_trial_user_attr(trial._trial_id, ATTRIBUTE, of_trial(ended))
    if state == TrialState.COMPLETE:
        study.tell(trial.number, value)
    else:
        study.tell(trial.number, state=state)


def of_attributes(attributes: Mapping[str, Any], trials: int) -> dict[str, Any]:
    """What a study keeps in `ATTRIBUTES`. What has a checksum there already keeps it. trials: that the study has; those
    which follow have checksums."""
    known = attributes.get(ATTRIBUTES, {_SINCE: trials})
    sealed = {
        **{name: digest(value) for name, value in attributes.items() if name != ATTRIBUTES},
        **{name: value for name, value in known.items() if name != _SELF},
    }
    return {**sealed, _SELF: digest(sealed)}


def changed_attributes(attributes: Mapping[str, Any]) -> list[str]:
    """The names of a study's user attributes that are not as they were noted, or are gone."""
    known = attributes.get(ATTRIBUTES)
    if known is None:
        return []
    sealed = {name: value for name, value in known.items() if name != _SELF}
    if digest(sealed) != known.get(_SELF):
        return [ATTRIBUTES]
    named = [name for name in sealed if name != _SINCE]
    return [name for name in named if name not in attributes or digest(attributes[name]) != sealed[name]]


def has_checksum(attributes: Mapping[str, Any], trial: int) -> bool:
    """Whether a trial that ended must have one, by the attributes of its study."""
    since = attributes.get(ATTRIBUTES, {}).get(_SINCE)
    return isinstance(since, int) and trial >= since


def of_file(path: Path) -> str:
    """Raises RecordingError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RecordingError(path, error) from error


def note_files(folder: Path, files: Iterable[Path]) -> Path:
    """Write `checksums.txt` of files in `folder`; those that it had of others, which are still there, are kept. The
    path. Raises RecordingError."""
    noted = {name: each for name, each in noted_files(folder).items() if (folder / name).exists()}
    noted |= {str(file.relative_to(folder)): of_file(file) for file in files}
    text = "".join(f"{each}  {name}\n" for name, each in sorted(noted.items()))
    write_whole(folder / FILE, lambda file: file.write(text.encode("utf-8", "surrogateescape")))
    return folder / FILE


def noted_files(folder: Path) -> dict[str, str]:
    """Name -> checksum of what `checksums.txt` lists; empty where there is none. Raises RecordingError."""
    path = folder / FILE
    try:
        lines = path.read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RecordingError(path, error) from error
    return {name: each for each, space, name in (line.partition("  ") for line in lines) if space}


def changed_files(folder: Path) -> dict[str, str]:
    """Name -> what is wrong with it, of what `checksums.txt` lists. Raises RecordingError."""
    wrong = {}
    for name, noted in noted_files(folder).items():
        path = folder / name
        if not path.exists():
            wrong[name] = "is missing"
        elif of_file(path) != noted:
            wrong[name] = "is not as it was written: its checksum is another one"
    return wrong
