"""What MLflow and the artifacts are to show of a sweep, worked out when it is driven."""

from pathlib import Path

from tune_runner.commands import moved, reproduction
from tune_runner.context import SweepContext, git_tags
from tune_runner.plan import Prepared
from tune_runner.resources import Share
from tune_runner.space import walk
from tune_runner.trial_inputs import trial_inputs


def context(prepared: Prepared, directory: Path, share: Share) -> SweepContext:
    """What MLflow and the artifacts show beside the records. Its tracking URI is empty if tracking is off."""
    spec = prepared.spec
    tags = git_tags()
    for name, found in prepared.weights.items():
        tags[f"weights.{name}"] = f"{spec.trainer.weights_of(name)}: {found.kind}"
        tags[f"weights_sha256.{name}"] = found.sha256 or "none"
    if prepared.banner:
        tags["coftad.warning"] = prepared.banner
    return SweepContext(
        name=spec.name,
        directory=directory,
        tracking_uri=spec.tracking.uri or "",
        experiment=spec.tracking.experiment,
        image_set=prepared.image_set,
        episodes=dict(enumerate(prepared.episodes)),
        common={
            "seed": spec.seed,
            "dataset": spec.dataset.name,
            "image_size": spec.dataset.image_size,
            "shots": spec.dataset.protocol.shots,
            "holdout": spec.dataset.protocol.holdout,
            "episodes": spec.episodes,
            "sampler": spec.search.sampler,
            "scheduler": spec.search.scheduler,
            "profile": spec.profile,
            "weights": str(spec.trainer.weights),
            "threads": share.threads,
        },
        tags=tags,
        reproduce=reproduction(directory, "{trial}") + moved(spec, directory),
        varied=tuple(dict.fromkeys(name for _, name, _ in walk(spec.space.parameters))),
        objective=spec.objective,
        inputs=trial_inputs(prepared, device="auto" if share.gpu else "cpu"),
    )
