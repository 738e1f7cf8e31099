"""The paper's Figures 5, 6 and 7, drawn of a sweep of ours that has run its ablation to the end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console

from coftad.devices import repeatable
from tune_runner import plan
from tune_runner.journal import write_whole
from tune_runner.paper import distributions, gallery, tsne
from tune_runner.paper.page import Page, write
from tune_runner.paper.stages import Ablation, Stage, opened
from tune_runner.plan import Prepared
from tune_runner.reopening import refuse_other_weights
from tune_runner.study.tables import write_table
from tune_runner.study.words import percent, spread


def figure5(prepared: Prepared, directory: Path, console: Console) -> list[Path]:
    """The gallery, of the first episode. Raises InputError as `opened` does, and RecordingError."""
    found = opened(prepared, directory, "figure5")
    pool, episode = prepared.image_set, prepared.episodes[0]
    labels, scores = found.on_test(found.stages[0])[0], [found.on_test(stage)[1] for stage in found.stages]
    normalised = gallery.percentiles(np.stack(scores))
    methods = [stage.name for stage in found.stages]
    bands = gallery.bands(episode.train_rows, episode.test_rows, labels, normalised)
    last = methods[-1]
    page = Page(
        "test images and their normalised scores",
        f"The support set, and test images ordered by their score {last} (bold). Under each: its score's percentile "
        f"among all {len(labels)} test images under each network; 0 is the most normal, 100 the most anomalous. Blue "
        "frames: normal. Orange frames: anomalous.",
        (
            "A good detector has small numbers under blue frames and large ones under orange frames.",
            "The second row are normal images rightly found normal; the third are its false alarms. The fourth starts "
            "with the anomalies it misses.",
            "The rows are chosen by the last network, so its numbers are in order by choice. What the others say of "
            "the same images is not chosen for them.",
            "A percentile says where an image ranks, and not how far its score is from the next. The images are as "
            "the networks saw them.",
        ),
        ("network", "AUROC on test, %"),
        [(stage.name, percent(found.auroc(stage))) for stage in found.stages],
    )
    lines = [
        {"path": pool.paths[row], "label": int(label), **dict(zip(methods, map(float, values), strict=True))}
        for row, label, values in zip(episode.test_rows, labels, normalised.T, strict=True)
    ]
    return _finish("figure5", page, gallery.draw(bands, methods, pool.images, pool.labels), lines, found, console)


def figure6(prepared: Prepared, directory: Path, console: Console) -> list[Path]:
    """t-SNE, of the first episode, whose networks are fine-tuned again. Raises InputError as `opened` does and for
    other weights than the sweep's, and RecordingError."""
    found = opened(prepared, directory, "figure6")
    prepared = replace(prepared, weights=prepared.weights or plan.weights(prepared.spec))
    refuse_other_weights(directory, prepared, "figure6")
    seed, episode = prepared.spec.seed, prepared.episodes[0]
    chosen = tsne.sample(episode, seed=seed)
    labels = prepared.image_set.labels[episode.test_rows[chosen]]
    panels, lines = [], []
    for stage in found.stages:
        steps, threads = stage.row.steps, stage.side.episodes[0].threads
        console.print(f"figure6: {stage.name}: {steps} steps again, then t-SNE of {len(chosen)} images", markup=False)
        with repeatable(threads):
            embedded = tsne.test_embeddings(prepared, stage.training, steps, 0)
        features, support = embedded.test[chosen], embedded.support
        if stage.row.scoring.l2_norm:
            features, support = tsne.unit(features), tsne.unit(support)
        flat = tsne.project(np.concatenate([features, support]), seed=seed)
        points, stars = flat[: len(chosen)], flat[len(chosen) :]
        alike = tsne.alike(features, labels, seed=seed)
        panels.append(tsne.Panel(stage.name, points, stars, labels, found.auroc(stage), alike))
        rows = [*episode.test_rows[chosen], *episode.train_rows]
        kinds = [*("anomalous" if label else "normal" for label in labels), *["support"] * len(stars)]
        lines += [
            {"network": stage.name, "path": prepared.image_set.paths[row], "kind": kind, "x": float(x), "y": float(y)}
            for row, kind, (x, y) in zip(rows, kinds, flat, strict=True)
        ]
    count = panels[0].alike.neighbours
    perplexity = tsne.perplexity(len(chosen) + len(episode.train_rows))
    page = Page(
        "embeddings of the test images, projected by t-SNE",
        f"{len(chosen)} test images (blue: normal, orange: anomalous) and the support set (stars) in the embedding of "
        "each network of the ablation. AUROC is on all test images; like neighbours are counted in the embedding "
        "itself, before projection.",
        (
            "Look at whether blue and orange mix. Distances between groups, their sizes and the directions of the axes "
            "mean nothing in t-SNE, and each panel is a projection of its own.",
            f"Like neighbours: of the {count} images nearest to an image, the share that has its label, averaged "
            "within each label and then over both: 50 % where the two mix completely, 100 % where they are apart.",
            "AUROC asks more: that the anomalies are far from the support set. Anomalies in a clump of their own near "
            "it have like neighbours and a low AUROC.",
            f"scikit-learn's t-SNE: perplexity {perplexity:.4g}, started from the first two principal components, of "
            "embeddings as the scorer sees them.",
        ),
        ("network", "AUROC on test, %", "like neighbours, % [95 %]"),
        [(each.title, percent(each.auroc), spread(each.alike.value, each.alike.interval)) for each in panels],
    )
    return _finish("figure6", page, tsne.draw(panels, seed=seed), lines, found, console)


def figure7(prepared: Prepared, directory: Path, console: Console) -> list[Path]:
    """Distributions of scores: the picture of the first episode, the table of all. Raises InputError as `opened` does,
    and RecordingError."""
    found = opened(prepared, directory, "figure7")
    measured = {stage: [_overlap(found, stage, each) for each in range(found.episodes)] for stage in found.stages}
    page = Page(
        "distributions of the anomaly scores",
        "Scores of the normal (blue) and the anomalous (orange) test images under each network of the ablation, in one "
        "episode. The hatched area is what both have in common: the overlap, with its 95 % interval.",
        (
            "The less overlap, the better a threshold can tell the two apart. It does not say on which side the "
            "anomalies lie; AUROC does.",
            "Scores of two networks are on scales of their own: compare the shapes and the overlap, and not the "
            "numbers on the axes. The last bin also holds all higher scores: the highest 1 %.",
            "Labels that mean nothing would not overlap by 100 % either, since images are few: the table says by how "
            "much they would, with the same images and bins. What lies near that is no difference.",
            "The table's overlap is the mean over the episodes, each a network and a support set of its own, with the "
            "standard deviation between them.",
        ),
        ("network", "AUROC, %", "overlap in the picture, %", f"over {found.episodes} episode(s), %",
         "if labels meant nothing, %"),
        [_line(stage, each) for stage, each in measured.items()],
    )  # fmt: skip
    lines = [
        {"network": stage.name, "episode": prepared.episodes[place].index, "auroc": each.auroc,
         "overlap": each.overlap.value, "low": each.overlap.interval[0], "high": each.overlap.interval[1],
         "overlap_if_labels_meant_nothing": each.overlap.of_one, "bins": len(each.overlap.edges) - 1}
        for stage, many in measured.items()
        for place, each in enumerate(many)
    ]  # fmt: skip
    figure = distributions.draw([each[0] for each in measured.values()])
    return _finish("figure7", page, figure, lines, found, console)


def _overlap(found: Ablation, stage: Stage, episode: int) -> distributions.Panel:
    overlap = distributions.overlap(*found.on_test(stage, episode), seed=found.prepared.spec.seed)
    return distributions.Panel(stage.name, overlap, found.auroc(stage, episode))


def _line(stage: Stage, episodes: list[distributions.Panel]) -> tuple[str, ...]:
    first, values = episodes[0].overlap, [each.overlap.value for each in episodes]
    deviation = f" ± {percent(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
    return (
        stage.name,
        percent(episodes[0].auroc),
        spread(first.value, first.interval),
        percent(float(np.mean(values))) + deviation,
        percent(first.of_one),
    )


def _finish(
    figure: str, page: Page, drawn: Figure, lines: list[dict[str, Any]], found: Ablation, console: Console
) -> list[Path]:
    """The picture, the page and the table, which are named after the figure."""
    directory = found.records.directory
    picture = directory / f"{figure}.png"
    write_whole(picture, FigureCanvasAgg(drawn).print_png)
    tables = write_table(directory / figure, list(lines[0]), lines)
    html = write(page, found, figure, picture, tables)
    for line in page.lines:
        told = ", ".join(f"{name} {cell}" for name, cell in zip(page.columns[1:], line[1:], strict=True))
        console.print(f"{figure}: {line[0]}: {told}", markup=False, highlight=False, soft_wrap=True)
    return [picture, html, *tables]


FIGURES: dict[str, Callable[[Prepared, Path, Console], list[Path]]] = {
    "figure5": figure5,
    "figure6": figure6,
    "figure7": figure7,
}
"""A prepared sweep, its directory and where to tell -> the files made in the directory: PNG, HTML, CSV, Parquet."""
