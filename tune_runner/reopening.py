"""A sweep's directory opened again, on any machine that has its images and weights.

Digests decide whether these are the ones that the sweep was run on; the folders that they lie in may be others.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import optuna

from coftad.types import InputError
from tune_runner import plan
from tune_runner.as_begun import as_begun
from tune_runner.directory import SPEC
from tune_runner.plan import Prepared
from tune_runner.reconcile import load_study
from tune_runner.spec import SweepSpec, load, loads

_ROOT = "dataset.root="
_NO_TRACKING = "tracking.uri=null"  # not needed here, and without its credentials the file would not load


def reopen(directory: Path, command: str, overrides: Sequence[str] = ()) -> tuple[Prepared, optuna.Study]:
    """A sweep with its images and without weights.

    overrides: `key=value` as in `--set`, of where things are. Several `dataset.root` may be given for several sweeps:
    the one whose images have the recorded digest is taken. Raises InputError, in the name of `command`, where the
    directory is no sweep's, the images are others than they were, or an override would change what was run.
    """
    if not (directory / SPEC).is_file():
        raise InputError(f"{command}: {directory} is not a sweep's directory: it has no {SPEC}")
    kept = load(directory / SPEC, [_NO_TRACKING])
    study = load_study(directory)
    if study is None:
        raise InputError(f"{command}: {directory} has no study.db: nothing was run there yet")
    problems = []
    for choice in _choices(overrides):
        spec = load(directory / SPEC, [*choice, _NO_TRACKING])
        if spec.fingerprint() != kept.fingerprint():
            raise InputError(
                f"{command}: --set {' --set '.join(choice)}: the sweep in {directory} was run with other settings; "
                "only where its images and weights are (dataset.root, trainer.weights) can be set here"
            )
        try:
            image_set, episodes = plan.data(spec)
            refuse_other_images(directory, study, image_set.digest, command)
        except InputError as error:
            problems.append(error)
        else:
            return Prepared(as_begun(spec, study), image_set, episodes, weights={}), study
    raise problems[0]


def _choices(overrides: Sequence[str]) -> Iterator[list[str]]:
    """What to try, in order: the overrides with each root that they give, and, of several, the sweep's own at last."""
    roots = [each for each in overrides if each.startswith(_ROOT)]
    others = [each for each in overrides if not each.startswith(_ROOT)]
    for root in roots:
        yield [*others, root]
    if len(roots) != 1:
        yield others


def with_weights(prepared: Prepared, directory: Path, command: str) -> Prepared:
    """The same with the weights that its trials started from. Raises InputError where these are others by now."""
    opened = Prepared(prepared.spec, prepared.image_set, prepared.episodes, plan.weights(prepared.spec))
    refuse_other_weights(directory, opened, command)
    return opened


def refuse_other_images(directory: Path, study: optuna.Study, digest: str, command: str) -> None:
    """Raise InputError, in the name of `command`, where the trials in `directory` saw other images."""
    before = study.user_attrs.get("images", {}).get("all", digest)
    if before != digest:
        raise InputError(
            f"{command}: the images are not those of {directory}: their digest is {digest[:12]}, it was {before[:12]}"
        )


def refuse_other_weights(directory: Path, prepared: Prepared, command: str) -> None:
    """Raise InputError, in the name of `command`, where the trials in `directory` started from others."""
    study = load_study(directory)
    before = study.user_attrs.get("weights", {}) if study is not None else {}
    for name, digest in prepared.weight_digests.items():
        if before.get(name, digest) != digest:
            raise InputError(
                f"{command}: the weights of {name} are not those of {directory}: their SHA-256 is {digest[:12]}, "
                f"it was {before[name][:12]}"
            )


def same_specification(study: optuna.Study, spec: SweepSpec) -> bool:
    """Whether a study was made from `spec`, wherever images and weights are by now. True for a study that is new.

    Its text decides where its fingerprint is that of an earlier version, which depended on folders.
    """
    made_from = study.user_attrs
    if "fingerprint" not in made_from:  # new, or its driver was killed before it could say
        return True
    if made_from["fingerprint"] == spec.fingerprint():
        return True
    try:
        return loads(made_from["spec"], [_NO_TRACKING]).fingerprint() == spec.fingerprint()
    except InputError:  # a text that this version does not read
        return False


def is_tracked(directory: Path) -> bool:
    """Whether the sweep.yaml of a directory names an MLflow, with or without the credentials for it."""
    try:
        return load(directory / SPEC).tracking.uri is not None
    except InputError:
        pass
    try:
        load(directory / SPEC, [_NO_TRACKING])
    except InputError:  # it cannot be read at all
        return False
    return True  # it loads without a tracking URI: that one lacks its credentials
