"""A figure as one HTML file that opens anywhere: the picture, how to read it, and what was run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from tune_runner.journal import write_whole
from tune_runner.paper.stages import Ablation
from tune_runner.study.page import STYLE, still
from tune_runner.study.templates import template

_TEMPLATE = Path(__file__).with_name("figure.html.jinja")


@dataclass(frozen=True)
class Page:
    """title: without the figure's number. columns, lines: of its table, as text."""

    title: str
    caption: str
    reading: Sequence[str]
    columns: Sequence[str]
    lines: Sequence[Sequence[str]]


def write(page: Page, found: Ablation, figure: str, picture: Path, beside: Sequence[Path]) -> Path:
    """`<figure>.html` in the sweep's directory. beside: files that the page names. Raises RecordingError."""
    directory = found.records.directory
    text = template(_TEMPLATE, still=still).render(
        title=f"Figure {figure.removeprefix('figure')}: {page.title}",
        page=page,
        picture=picture,
        warnings=_warnings(found),
        facts=facts(found),
        beside=beside,
        yaml=(directory / "sweep.yaml").read_text(),
        style=Markup(STYLE.read_text()),  # noqa: S704 (our own file)
    )
    path = directory / f"{figure}.html"
    write_whole(path, lambda file: file.write(text.encode()))
    return path


def _warnings(found: Ablation) -> list[str]:
    partial = found.prepared.image_set.provenance.get("partial")
    return [
        *([found.kept["banner"]] if found.kept.get("banner") else []),
        *([f"A part of the data set. Lacking: {partial}"] if partial else []),
    ]


def facts(found: Ablation) -> dict[str, str]:
    """What was run, of the first episode, for people."""
    prepared, stage = found.prepared, found.stages[-1]
    spec, episode, training, scoring = prepared.spec, prepared.episodes[0], stage.training, stage.row.scoring
    labels = prepared.image_set.labels[episode.test_rows]
    normal, anomalous = (int(np.count_nonzero(labels == label)) for label in (0, 1))
    pool = "search and test are one pool, as in the paper" if episode.shared else "no search has seen them"
    weights = found.kept.get("weights", {}).get(training.backbone, "unknown")
    return {
        "data set": f"{prepared.image_set.name}, digest {prepared.image_set.digest[:12]}",
        "image size": f"{spec.dataset.image_size} px, square",
        "support set": f"{len(episode.train_rows)} normal images; episode {episode.index}, the first of "
        f"{found.episodes}, of seed {spec.seed}",
        "test images": f"{normal} normal and {anomalous} anomalous; {pool}",
        "network": f"{training.backbone}, weights {spec.trainer.weights_of(training.backbone)} ({weights[:12]})",
        "fine-tuning": f"{stage.row.steps} steps; w/ pp: lambda_pp {training.lambda_pp:g}; w/ np: "
        f"{training.negative_augmentation}, lambda_np {training.lambda_np:g}",
        "scores": f"{scoring.scorer}, {scoring.n_a} views of each support image, "
        f"{'with' if scoring.l2_norm else 'without'} L2 norm",
        "sweep": f"{spec.name}, {found.records.directory.name}",
    }
