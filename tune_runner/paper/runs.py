"""What a table's run left behind: its parts, each a sweep of its own, and the AUROC of every row that was recorded."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coftad.types import InputError
from tune_runner.directory import SPEC
from tune_runner.journal import RecordingError
from tune_runner.parts_index import INDEX, Entry, is_parted, read_index
from tune_runner.reconcile import load_study
from tune_runner.records import Records
from tune_runner.yaml_lines import parse, read_text

Settings = tuple[tuple[str, Any], ...]
"""Every field of FineTuning and Scoring, and `steps`, with its value."""


@dataclass(frozen=True, eq=False)
class Run:
    """One sweep. choices, missing: as in the index of a run. spec: its sweep.yaml as plain data, empty where there is
    none. aurocs: AUROC on the search images in %, by the settings of a row and by episode. noted: in the study, of what
    it is made with."""

    folder: Path
    choices: Mapping[str, str]
    spec: Mapping[str, Any] = field(default_factory=dict)
    aurocs: Mapping[Settings, Mapping[int, float]] = field(default_factory=dict)
    missing: str = ""
    noted: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, key: str, value: object) -> bool:
        """Whether `value` is what the part was told for a key such as `dataset` or `dataset.normal`. A part that has
        not begun is only known by its choices, and may be anything else."""
        if key in self.choices:
            return self.choices[key] == str(value)
        section, _, name = key.partition(".")
        return not self.spec or str(self.spec[section].get(name or "name")) == str(value)

    @property
    def holdout(self) -> float:
        """0 where search and test are one pool, as in the paper."""
        return float(self.spec["dataset"]["holdout"]) if self.spec else 0.0

    @property
    def weights(self) -> Mapping[str, str]:
        """SHA-256 or `random`, by backbone."""
        found: Mapping[str, str] = self.noted.get("weights", {})
        return found

    @property
    def profile(self) -> str:
        """Of the sweep's file."""
        return str(self.noted.get("profile", ""))

    @property
    def partial(self) -> str:
        """What its data set lacks."""
        allowed = self.spec.get("dataset", {}).get("allow_partial", False)
        unknown = "allowed to be; what it lacks was not recorded" if allowed else ""  # by earlier versions
        return str(self.noted.get("partial", unknown))


def read(directory: Path) -> tuple[Run, ...]:
    """All parts of a run; of a plain sweep the one that it is. Raises InputError for a folder that is neither, and
    RecordingError for files in it that are damaged."""
    if is_parted(directory):
        return tuple(_run(directory / entry.folder, entry) for entry in read_index(directory))
    if (directory / SPEC).is_file():
        return (_run(directory, Entry("", {})),)
    raise InputError(f"paper: {directory} is not the folder of a run: it has neither {INDEX} nor {SPEC}")


def _run(folder: Path, part: Entry) -> Run:
    if not (folder / SPEC).is_file():
        return Run(folder, part.choices, missing=part.missing)
    study = load_study(folder)
    return Run(
        folder,
        part.choices,
        spec=_spec(folder / SPEC),
        aurocs=_aurocs(Records(folder)),
        missing=part.missing,
        noted={} if study is None else study.user_attrs,
    )


def _spec(path: Path) -> Mapping[str, Any]:
    root, problems = parse(read_text(path))
    if root is None or problems or not isinstance(root.value, dict):
        raise RecordingError(path, "damaged, or not the specification of a sweep")
    found: Mapping[str, Any] = root.data()
    return found


def _aurocs(records: Records) -> Mapping[Settings, Mapping[int, float]]:
    """An episode that was run twice, as it is after an interruption, has the same scores, and counts once."""
    found: dict[Settings, dict[int, float]] = defaultdict(dict)
    for record in records.read():
        for row in record.rows:
            settings = {**vars(record.training), "steps": row.steps, **vars(row.scoring)}
            found[tuple(settings.items())].setdefault(record.episode, 100 * row.search.auroc)
    return found
