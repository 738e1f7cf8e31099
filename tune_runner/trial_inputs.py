"""What the scores of a sweep's trials depend on beside their configurations: written into each trial's config.yaml."""

from typing import Any

from pydantic import TypeAdapter

from coftad.configuration import versions
from coftad.datasets.protocol import Protocol
from tune_runner.plan import Prepared


def trial_inputs(prepared: Prepared, *, device: str) -> dict[str, Any]:
    """By key of config.yaml, as plain values; `weights` by backbone. device: as workers get it."""
    spec = prepared.spec
    source = TypeAdapter(type(spec.dataset.source)).dump_python(spec.dataset.source, mode="json")
    protocol = TypeAdapter(Protocol).dump_python(spec.dataset.protocol, mode="json")
    return {
        "dataset": {"name": spec.dataset.name, "image_size": spec.dataset.image_size, **protocol, **source},
        "images": prepared.image_set.digest,
        "seed": spec.seed,
        "first_episode": spec.first_episode,
        "weights": {
            name: {"asked": spec.trainer.weights_of(name), "kind": weights.kind, "sha256": weights.sha256}
            for name, weights in prepared.weights.items()
        },
        "device": device,
        "versions": versions(),
    }
