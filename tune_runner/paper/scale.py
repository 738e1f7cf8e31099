"""At which scale a table was run, and in what that is less than the paper's experiment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from torchvision.models import get_model_weights

from tune_runner.paper.runs import Run
from tune_runner.paper.side_by_side import FEWEST

USUAL = 224  # pixels that the backbones' ImageNet weights were trained at


@dataclass(frozen=True)
class Scale:
    """facts: by what they are of, for people. reduced: in what this is less than the paper's; empty if in nothing."""

    facts: dict[str, str]
    reduced: tuple[str, ...]

    @property
    def sentence(self) -> str:
        open_in_the_paper = "The paper names neither image size nor number of steps; ours are below."
        if not self.reduced:
            return open_in_the_paper
        return f"This is a reduced scale, not the paper's: {'; '.join(self.reduced)}. {open_in_the_paper}"


def scale(runs: Sequence[Run]) -> Scale:
    """Of the parts that have results."""
    done = [run for run in runs if run.aurocs]
    parts = {"parts": f"{len(done)} of {len(runs)} have results"}
    if not done:
        return Scale(parts, ("nothing was run yet",))
    sections = [run.spec["dataset"] for run in done]
    sizes = sorted({int(section["image_size"]) for section in sections})
    rows = [dict(row) for run in done for row in run.aurocs]
    episodes = sorted({len(found) for run in done for found in run.aurocs.values()})
    weights = list(dict.fromkeys(told for run in done for told in _weights(run)))
    partial = list(dict.fromkeys(run.partial for run in done if run.partial))
    facts = {
        "images": f"{_listed(sizes)} px",
        "test images": _listed(map(_pool, sections)),
        "fine-tuning": f"{_listed(max(dict(row)['steps'] for row in run.aurocs) for run in done)} steps",
        "backbone": _listed(row["backbone"] for row in rows),
        "weights": "; ".join(weights) or "not recorded",
        "support sets": f"{_listed(episodes)} of a configuration",
        "seed": _listed(run.spec["seed"] for run in done),
        "profile": _listed(run.profile or "not recorded" for run in done),
        **parts,
    }
    if partial:
        facts["partial data"] = "; ".join(partial)
    reduced = [f"images of {size} px, where the weights were trained at {USUAL}" for size in sizes if size < USUAL]
    reduced += [f"{episodes[0]} support set{'s' if episodes[0] > 1 else ''}"] if episodes[0] < FEWEST else []
    reduced += ["an incomplete data set"] if partial else []
    reduced += [told for told in weights if "not torchvision's" in told or "instead" in told]
    return Scale(facts, tuple(reduced))


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(dict.fromkeys(map(str, values)))


def _pool(section: dict[str, Any]) -> str:
    """Without a limit, all that are not in the support set."""
    normal, anomalous = (section.get(key) or "all" for key in ("pool_normal", "pool_anomalous"))
    return f"{normal} normal and {anomalous} anomalous"


def _weights(run: Run) -> list[str]:
    """What each backbone started from. The names of torchvision's files end in the beginning of their digest."""
    asked, found = run.spec["trainer"]["weights"], []
    for backbone, digest in run.weights.items():
        wanted = asked if isinstance(asked, str) else asked[backbone]
        if digest == "random":
            found.append(f"{backbone}: random" + ("" if wanted == "random" else f" instead of {wanted}"))
            continue
        file = get_model_weights(backbone)["IMAGENET1K_V1"].url.removesuffix(".pth")
        whose = "" if digest.startswith(file.rpartition("-")[2]) else "not "
        found.append(f"{backbone}: {wanted}, {whose}torchvision's file, SHA-256 {digest[:12]}")
    return found
