"""Percentiles and the choice of pictures against a case by hand; the picture shows both."""

import numpy as np
import pytest

from tune_runner.paper import gallery

LABELS = np.array([0, 1, 0, 0, 1, 0], np.int8)
SCORES = np.array([[6.0, 5, 4, 3, 2, 1], [1, 2, 2, 3, 9, 8]])


def test_percentiles_of_six_images_by_hand():
    found = gallery.percentiles(SCORES)
    assert found[0] == pytest.approx(np.array([5.5, 4.5, 3.5, 2.5, 1.5, 0.5]) / 6 * 100)
    assert found[1] == pytest.approx(np.array([0.5, 2, 2, 3.5, 5.5, 4.5]) / 6 * 100)  # equal scores, equal percentiles


def test_pictures_are_chosen_by_the_last_method_and_shown_once():
    found = gallery.bands(np.array([20, 21]), np.arange(10, 16), LABELS, gallery.percentiles(SCORES))
    assert [band.rows.tolist() for band in found] == [[20, 21], [10, 12], [15, 13], [11, 14]]
    assert found[0].percentiles is None
    assert found[2].percentiles == pytest.approx(np.array([[0.5, 2.5], [4.5, 3.5]]) / 6 * 100)


def test_of_many_images_the_ends_are_shown_and_of_the_anomalous_what_lies_between():
    count = 100
    labels = np.repeat([0, 1], count // 2).astype(np.int8)
    _, low, high, anomalous = gallery.bands(np.arange(5), np.arange(count), labels, np.arange(count)[None] * 1.0)
    assert low.rows.tolist() == list(range(8))
    assert high.rows.tolist() == list(range(49, 41, -1))
    assert anomalous.rows.tolist() == [50, 57, 64, 71, 78, 85, 92, 99]


def test_rows_without_images_are_left_out():
    labels = np.array([0, 1], np.int8)
    found = gallery.bands(np.array([2]), np.array([0, 1]), labels, np.array([[25.0, 75.0]]))
    assert [band.rows.tolist() for band in found] == [[2], [0], [1]]


def test_the_picture_has_a_panel_for_each_row_and_a_number_for_each_method():
    labels = np.r_[LABELS, np.zeros(2, np.int8)]
    images = np.random.default_rng(0).integers(0, 256, (8, 3, 16, 16), dtype=np.uint8)
    rows = gallery.bands(np.array([6, 7]), np.arange(6), LABELS, gallery.percentiles(SCORES))
    figure = gallery.draw(rows, ["before", "after"], images, labels)
    assert [axes.get_title(loc="left").split(":")[0] for axes in figure.axes] == [
        "Support set",
        "Test, normal",
        "Test, normal",
        "Test, anomalous",
    ]
    texts = [text.get_text() for text in figure.texts]
    assert texts.count("before") == texts.count("after") == 3
    assert texts[-6:] == ["before", "75", "25", "after", "33", "92"]
