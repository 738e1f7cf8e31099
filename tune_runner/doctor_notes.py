"""What a study notes of its sweep, and the files beside it: compared with their checksums and with each other."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.study import StudyDirection

from coftad.types import InputError
from tune_runner import checksums
from tune_runner.directory import SPEC
from tune_runner.disagreement import Disagreement
from tune_runner.doctor_records import SET_ASIDE
from tune_runner.journal import RecordingError
from tune_runner.metric_names import name_metric
from tune_runner.objective import metric_name
from tune_runner.spec import SweepSpec, loads

CONTEXT = "context.json"
_COPY = "bring study.db back from a copy"


def check_study(study: optuna.Study, directory: Path, spec: SweepSpec | None) -> list[Disagreement]:
    """Attributes that are not as they were noted, and a direction that is no sweep's."""
    found = []
    if _lost_checksums(study):
        text = "the study has lost the checksums of what it notes, while its trials have theirs"
        found.append(Disagreement("study_attribute", text, "they are noted anew"))
    right = _right_values(study, directory)
    for name in checksums.changed_attributes(study.user_attrs):
        text = f"the study's {name} is not as it was noted, its checksum is another one"
        mend = "the right one is put back" if name in right else _COPY
        found.append(Disagreement("study_attribute", text, mend, mendable=name in right))
    if _misnamed(study, spec):
        text = f"the study calls its values {study.metric_names}, which is not the sweep's objective"
        found.append(Disagreement("metric_name", text, "the right name is put back"))
    numbers = [trial.number for trial in study.get_trials(deepcopy=False)]
    if sorted(numbers) != list(range(len(numbers))):
        text = f"the study's {len(numbers)} trials are not numbered from 0 on, each once"
        found.append(Disagreement("numbers", text, _COPY, mendable=False))
    if [*study.directions] != [StudyDirection.MAXIMIZE]:
        directions = ", ".join(direction.name for direction in study.directions)
        found.append(Disagreement("direction", f"the study says {directions}, not MAXIMIZE", _COPY, mendable=False))
    return found


def mend_study(study: optuna.Study, directory: Path, spec: SweepSpec | None) -> None:
    for name, value in _right_values(study, directory).items():
        study.set_user_attr(name, value)
    if spec is not None and _misnamed(study, spec):
        name_metric(study, [metric_name(spec.objective)])
    if _lost_checksums(study):
        sealed = [trial.number for trial in study.get_trials(deepcopy=False) if checksums.ATTRIBUTE in trial.user_attrs]
        study.set_user_attr(checksums.ATTRIBUTES, checksums.of_attributes(study.user_attrs, min(sealed)))
    elif checksums.ATTRIBUTES not in study.user_attrs:  # of an earlier version; what is mended has checksums
        noted = checksums.of_attributes(study.user_attrs, len(study.get_trials(deepcopy=False)))
        study.set_user_attr(checksums.ATTRIBUTES, noted)


def _misnamed(study: optuna.Study, spec: SweepSpec | None) -> bool:
    """Earlier versions gave no name, and had no checksums."""
    known = checksums.ATTRIBUTES in study.user_attrs or study.metric_names is not None
    return spec is not None and known and study.metric_names != [metric_name(spec.objective)]


def _lost_checksums(study: optuna.Study) -> bool:
    """Whether trials have checksums, and the study, which had them before, has none."""
    trials = study.get_trials(deepcopy=False)
    return checksums.ATTRIBUTES not in study.user_attrs and any(
        checksums.ATTRIBUTE in trial.user_attrs for trial in trials
    )


def _right_values(study: optuna.Study, directory: Path) -> dict[str, Any]:
    """Of the attributes that were changed those that stand elsewhere too: what has the checksum is right."""
    attributes = study.user_attrs
    changed = checksums.changed_attributes(attributes)
    if changed in ([], [checksums.ATTRIBUTES]):
        return {}
    noted = attributes.get(checksums.ATTRIBUTES, {})
    candidates = list(_elsewhere(attributes, directory))
    return {
        name: value for wanted in changed for name, value in candidates if name == wanted
        if checksums.digest(value) == noted[name]
    }  # fmt: skip


def _elsewhere(attributes: Mapping[str, Any], directory: Path) -> Iterator[tuple[str, Any]]:
    texts = [attributes.get("spec")]
    try:
        texts.append((directory / SPEC).read_text("utf-8"))
        yield "spec", texts[-1]
    except (OSError, ValueError):  # gone or damaged, which is said elsewhere
        texts.append(None)
    for text in texts:
        if isinstance(text, str):
            try:
                yield "fingerprint", loads(text, ["tracking.uri=null"]).fingerprint()
            except InputError:  # it is the one that was changed
                continue
    for name in ("banner", "partial"):
        yield name, ""
    yield "profile", "none"
    try:
        context = json.loads((directory / CONTEXT).read_text())
        yield "images", {"all": context["image_set"]["digest"]}
        yield "partial", context["image_set"]["provenance"].get("partial", "")
        yield "profile", context["common"]["profile"]
        tags = context["tags"]
        yield "banner", tags.get("coftad.warning", "")
        prefix = "weights_sha256."
        weights = {name.removeprefix(prefix): value for name, value in tags.items() if name.startswith(prefix)}
        yield "weights", {name: "random" if value == "none" else value for name, value in weights.items()}
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
    ):  # not tracked, or damaged, which is said elsewhere
        return


def check_specification(study: optuna.Study, directory: Path) -> list[Disagreement]:
    """A sweep.yaml that says the same sweep in other words, or another budget, than when the study was made."""
    attributes = study.user_attrs
    if checksums.ATTRIBUTES not in attributes or "spec" in checksums.changed_attributes(attributes):
        return []
    try:
        same = (directory / SPEC).read_text("utf-8") == attributes["spec"]
    except (OSError, ValueError):  # that is said elsewhere
        return []
    if same:
        return []
    text = f"{SPEC} is not the text that the study keeps, though it means the same results"
    mend = f"the study's copy takes its place, and what is there is moved to {SET_ASIDE}/"
    return [Disagreement("spec_text", text, mend, files=(directory / SPEC,))]


def check_files(folder: Path, shown: str = "") -> list[Disagreement]:
    """Files that are not as `checksums.txt` says. shown: what the folder is called, if it is not the sweep's."""
    try:
        wrong = checksums.changed_files(folder)
    except RecordingError as error:
        return [Disagreement("file", str(error), f"bring {checksums.FILE} back from a copy", mendable=False)]
    return [
        Disagreement("file", f"{shown}{name} {why}", _again(folder, name), mendable=False)
        for name, why in wrong.items()
    ]


def _again(folder: Path, name: str) -> str:
    if name == "parts.json":
        return "bring it back from a copy"
    directory = folder.parents[1] if folder.parent.name == "artifacts" else folder
    return f"`report {directory}` makes it again" if directory == folder else f"delete {folder}, and resume {directory}"
