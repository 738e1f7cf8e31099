"""The embeddings are those that were scored, the projection repeats, and neighbours are counted rightly."""

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from coftad import trial
from coftad.devices import repeatable
from coftad.embeddings import embed_augmented, to_float
from coftad.finetune import finetune
from coftad.metrics import evaluate
from coftad.scorers import Fits
from coftad.seeding import derive, torch_generator
from coftad.types import Episode, Scoring
from coftad.views import POSITIVES
from tune_runner.paper import tsne

CPU = torch.device("cpu")


def clusters(apart, counts=(40, 12), width=6):
    labels = np.repeat([0, 1], counts).astype(np.int8)
    return np.random.default_rng(0).normal(size=(len(labels), width)) + apart * labels[:, None], labels


@pytest.mark.slow
def test_the_embeddings_are_those_that_the_trial_scored(ablation):
    steps, training, scoring = 1, ablation.records.of(2)[0].training, Scoring(n_a=3)
    episode, state = ablation.prepared.episodes[1], None
    with repeatable(1):
        found = tsne.test_embeddings(ablation.prepared, training, steps, 1)
        result = trial.run(trial.TrialConfig(training, (steps,), (scoring,)), episode, state, device=CPU)
        [(_, network)] = finetune(
            episode.train, training, state, points=[steps], seed=episode.seed, device=CPU, on_step=lambda *_: None
        )
        augmented = embed_augmented(
            network,
            to_float(episode.train, CPU),
            POSITIVES[training.positive_augmentation],
            n_a=3,
            normalisation=training.normalisation,
            generator=torch_generator(episode.seed, "gaussian"),
        )
    again = Fits([scoring], augmented, seed=derive(episode.seed, "scorer")).score(torch.from_numpy(found.test))[0]
    on_test = np.isin(result.image_rows, episode.test_rows)
    np.testing.assert_allclose(again.numpy(), result.scores[0, on_test], rtol=1e-12)
    labels = episode.pool.labels[episode.test_rows]
    assert evaluate(labels, again.numpy()) == evaluate(labels, result.scores[0, on_test])
    assert found.support.shape == (len(episode.train_rows), found.test.shape[1])


def test_the_projection_is_the_same_bit_for_bit_on_any_number_of_threads():
    features, _ = clusters(2)
    one = tsne.project(features, seed=5)
    with threadpool_limits(limits=2):
        two = tsne.project(features, seed=5)
    assert one.shape == (52, 2)
    assert one.tobytes() == two.tobytes()


def test_neighbours_of_clusters_that_are_apart_are_alike_and_of_one_cluster_by_chance():
    assert tsne.alike(*clusters(50), seed=0).value == 1
    mixed = tsne.alike(*clusters(0, counts=(900, 100)), seed=0)
    assert mixed.value == pytest.approx(0.5, abs=0.03)  # although nine of ten neighbours are normal
    assert mixed.interval[0] < 0.5 < mixed.interval[1]
    assert mixed.neighbours == tsne.NEIGHBOURS


def test_neighbours_on_a_line_by_hand():
    """One neighbour each, as there are two anomalies: 0 and 1 have each other, 3 has 3.5, 3.5 has 3, and 6 has 3.5."""
    found = tsne.alike(np.array([[0.0], [1], [3], [3.5], [6]]), np.array([0, 0, 0, 1, 1], np.int8), seed=0)
    assert found.neighbours == 1
    assert found.value == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_at_most_1500_images_are_drawn_from_all_of_them():
    def episode(count):
        rows = np.arange(count)
        return Episode(None, 0, 0, rows[:0], rows, rows)

    assert tsne.sample(episode(1500), seed=0).tolist() == list(range(1500))
    drawn = tsne.sample(episode(4000), seed=0)
    assert len(drawn) == len(set(drawn.tolist())) == tsne.LIMIT
    assert (np.diff(drawn) > 0).all()
    assert drawn.max() > 3900


def test_the_picture_has_lettered_square_panels():
    flat, labels = clusters(3, width=2)
    panels = [tsne.Panel(name, flat, flat[:4] + 1, labels, 0.75, tsne.alike(flat, labels, seed=0)) for name in "wxyz"]
    figure = tsne.draw(panels, seed=0)
    assert [axes.get_title(loc="left").split("\n")[0] for axes in figure.axes] == ["a) w", "b) x", "c) y", "d) z"]
    assert all("AUROC 75.0 %, like neighbours" in axes.get_title(loc="left") for axes in figure.axes)
    assert [len(points.get_offsets()) for points in figure.axes[1].collections] == [52, 4]
    figure.canvas.draw()
    sizes = [axes.get_window_extent().size for axes in figure.axes]
    assert np.allclose(sizes, sizes[0][0], rtol=0.01)
