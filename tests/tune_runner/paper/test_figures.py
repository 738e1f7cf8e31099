"""From a sweep's directory to a figure's files; what cannot be drawn is refused in words."""

import csv
import re
from dataclasses import replace

import pytest
from PIL import Image
from rich.console import Console

from coftad.metrics import evaluate
from coftad.types import FineTuning, InputError
from tests.tune_runner import planted
from tests.tune_runner.paper.conftest import begun
from tune_runner.paper.distributions import overlap
from tune_runner.paper.figures import FIGURES
from tune_runner.paper.stages import called, opened
from tune_runner.reopening import reopen
from tune_runner.spec_model import Search

STAGES = ["w/o fine-tuning", "w/ contrastive loss", "w/ pp loss", "w/ np loss"]


@pytest.fixture
def sweep(ablation, tmp_path):
    """A copy, opened again from its directory, without weights."""
    directory = planted.copied(ablation, tmp_path)
    prepared, _ = reopen(directory, "paper")
    return prepared, directory


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_picture_a_page_and_a_table(name, sweep, capsys):
    prepared, directory = sweep
    files = FIGURES[name](prepared, directory, Console())
    assert [path.name for path in files] == [f"{name}.{kind}" for kind in ("png", "html", "csv", "parquet")]
    assert all(path.parent == directory for path in files)
    with Image.open(files[0]) as picture:
        assert picture.width > 1200
    page = files[1].read_text()
    assert f"<h1>Figure {name[-1]}: " in page
    assert "data:image/png;base64," in page
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing is fetched
    for words in ("How to read it", "32 px, square", "4 normal images; episode 0, the first of 2", *STAGES):
        assert words in page
    told = capsys.readouterr().out
    assert all(stage in told for stage in STAGES)


def test_the_gallerys_table_has_every_test_image_under_every_network(sweep):
    prepared, directory = sweep
    lines = table(FIGURES["figure5"](prepared, directory, Console(quiet=True))[2])
    pool, rows = prepared.image_set, prepared.episodes[0].test_rows
    assert [line["path"] for line in lines] == [pool.paths[row] for row in rows]
    found = opened(prepared, directory, "figure5")
    for stage in found.stages:
        labels, scores = found.on_test(stage)
        ranked = [float(line[stage.name]) for line in lines]
        assert evaluate(labels, scores) == evaluate(labels, ranked)


def test_the_overlaps_table_has_every_episode(sweep):
    prepared, directory = sweep
    lines = table(FIGURES["figure7"](prepared, directory, Console(quiet=True))[2])
    assert [(line["network"], line["episode"]) for line in lines] == [
        (stage, each) for stage in STAGES for each in "01"
    ]
    found = opened(prepared, directory, "figure7")
    assert float(lines[-1]["overlap"]) == overlap(*found.on_test(found.stages[-1], 1), seed=prepared.spec.seed).value


def test_what_the_data_lack_is_told(sweep):
    prepared, directory = sweep
    lacking = replace(prepared.image_set, provenance={"partial": "jpg: 640 of 1,360"})
    page = FIGURES["figure7"](replace(prepared, image_set=lacking), directory, Console(quiet=True))[1].read_text()
    assert "A part of the data set. Lacking: jpg: 640 of 1,360" in page


def test_what_is_no_whole_ablation_is_refused(ablation, tmp_path):
    half = begun(tmp_path)
    half.finish()
    with pytest.raises(InputError, match=r"figure5: 2 of the 3 configurations in .* are not complete; --resume"):
        opened(half.prepared, half.directory, "figure5")
    grid = replace(ablation.prepared.spec, search=Search(sampler="grid"))
    with pytest.raises(InputError, match=r"figure7: .* search.sampler: ablation is needed"):
        FIGURES["figure7"](replace(ablation.prepared, spec=grid), ablation.directory, Console(quiet=True))


def test_other_weights_are_refused(ablation, tmp_path):
    directory = planted.copied(ablation, tmp_path)
    prepared, study = reopen(directory, "paper")
    study.set_user_attr("weights", {"resnet18": "0" * 64})
    with pytest.raises(InputError, match="figure6: the weights of resnet18 are not those of"):
        FIGURES["figure6"](prepared, directory, Console(quiet=True))


def test_networks_are_called_as_in_the_paper():
    void = FineTuning(negative_augmentation="void")
    assert called(void, 0) == "w/o fine-tuning"
    assert called(void, 20) == "w/ np loss"
    assert called(FineTuning(), 20) == "w/ pp loss"
    assert called(FineTuning(positive_pair="fixed_centre"), 20) == "w/ fixed centre"
    assert called(FineTuning(lambda_pp=0), 20) == "w/ contrastive loss"
