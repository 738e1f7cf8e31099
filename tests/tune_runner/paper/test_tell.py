"""The side-by-side as a page, a table for other programs, and lines in a terminal."""

import csv
import io
from html.parser import HTMLParser

import pytest
from rich.console import Console

from coftad.types import FineTuning
from tests.tune_runner.paper.ran import parts, record, sweep
from tune_runner.paper.command import tell
from tune_runner.paper.published import published
from tune_runner.paper.runs import read
from tune_runner.paper.scale import scale
from tune_runner.reconcile import STUDY
from tune_runner.searcher import create_or_load

NEGATIVES = {"none": (68.0, 70.0, 72.0, 74.0, 76.0), "cutpaste": (40.0, 41.0, 42.0, 43.0, 44.0)}
OWN, OTHER = "f37072fd" + "0" * 56, "ab" * 32


def noted(folder, **notes):
    study = create_or_load(f"sqlite:///{folder / STUDY}", "made_up")
    for what, note in notes.items():
        study.set_user_attr(what, note)


@pytest.fixture
def run(tmp_path):
    """Table I with one pair run, one begun and one whose images are not there."""
    names = ("daffodil_tulip", "tulip_daffodil", "crocus_bluebell")
    why = {"crocus_bluebell": "image_0241.jpg <missing> [and 79 more]"}
    parts(tmp_path, *({"folder": n, "choices": {"dataset": n}, "missing": why.get(n, "")} for n in names))
    records = sweep(tmp_path / names[0])
    for trial, (negative, aurocs) in enumerate(NEGATIVES.items()):
        record(records, aurocs, FineTuning(negative_augmentation=negative), trial=trial)
    noted(tmp_path / names[0], profile="cpu", partial="Flowers: 640 of 1,360")
    sweep(tmp_path / names[1])
    return tmp_path


def printed(name, folder):
    output = io.StringIO()
    assert tell(name, folder, Console(file=output, width=120)) == 0
    return output.getvalue()


def words(text):
    class Words(HTMLParser):
        def __init__(self):
            super().__init__()
            self.found = []
            self.feed(text)

        def handle_data(self, data):
            self.found.append(data)

    return " ".join(" ".join(Words().found).split())


def test_the_page_has_both_figures_and_what_to_make_of_them(run):
    printed("table1", run)
    text = (run / "side_by_side.html").read_text()
    said = words(text)
    assert "Daffodil / Tulip 68.00 72.0 ± 3.2 (5) +4.0 62.4 to 81.6 within noise" in said
    assert "Daffodil / Tulip 74.13 42.0 ± 1.6 (5) -32.1 37.2 to 46.8 ours is lower" in said
    assert "Tulip / Daffodil 71.49 not run; nothing is recorded yet" in said
    assert "Crocus / Bluebell 89.47 not run; data missing" in said
    assert "crocus_bluebell: image_0241.jpg <missing> [and 79 more]" in said
    assert "2 of the 16 figures that the paper gives for the method are compared." in said
    assert "Of ours 1 within noise, 1 lower; on average they are 14.1 points lower." in said
    for note in published().tables["table1"].notes:
        assert note in said
    assert "<script" not in text
    assert "http" not in text


def test_other_methods_are_context_only(run):
    printed("table1", run)
    text = (run / "side_by_side.html").read_text()
    assert '<tr class="theirs"><th>CFLOW-AD</th>' in text
    assert "83.73" in words(text)
    lines = list(csv.DictReader((run / "side_by_side.csv").open()))
    theirs = [line for line in lines if line["method"] == "CFLOW-AD"]
    assert [line["paper"] for line in theirs] == ["83.73", "52.93", "67.6", "44.27", "81.6", "72.93", "76.4", "90.07"]
    assert not any(line["ours"] or line["difference"] for line in theirs)
    assert {line["verdict"] for line in theirs} == {"another method"}


def test_the_csv_has_every_cell(run):
    printed("table1", run)
    lines = list(csv.DictReader((run / "side_by_side.csv").open()))
    assert len(lines) == 8 * 8
    [line] = [each for each in lines if (each["method"], each["column"]) == ("COFT-AD (w/o np)", "Daffodil / Tulip")]
    assert line["verdict"] == "within noise"
    assert float(line["ours"]) == pytest.approx(72)
    assert float(line["standard_deviation"]) == pytest.approx(10**0.5)
    assert line["episodes"] == "5"
    assert line["per_episode"] == "68.000 70.000 72.000 74.000 76.000"
    assert float(line["low"]) < 68 < float(line["high"])


def test_the_terminal_says_the_same(run):
    said = printed("table1", run)
    for part in ("72.0 ± 3.2 (5)", "+4.0", "within noise", "ours is lower", "CFLOW-AD 83.73", "[and 79 more]"):
        assert part in said
    assert "paper table1 --set profile=cpu" in " ".join(said.split())
    assert "This is a reduced scale, not the paper's" in said


def test_the_scale_is_told(run, monkeypatch):
    found = scale(read(run))
    assert found.facts["images"] == "32 px"
    assert found.facts["fine-tuning"] == "20 steps"
    assert found.facts["test images"] == "70 normal and 10 anomalous"
    assert found.facts["parts"] == "1 of 3 have results"
    assert found.facts["partial data"] == "Flowers: 640 of 1,360"
    assert found.reduced == ("images of 32 px, where the weights were trained at 224", "an incomplete data set")
    assert found.sentence in words(
        (tell("table1", run, Console(quiet=True)), (run / "side_by_side.html").read_text())[1]
    )


@pytest.mark.parametrize(
    ("digest", "asked", "told", "less"),
    [
        (OWN, "imagenet", "imagenet, torchvision's file, SHA-256 f37072fd0000", False),
        (OTHER, "imagenet", "imagenet, not torchvision's file, SHA-256 abababababab", True),
        ("random", "auto", "random instead of auto", True),
        ("random", "random", "random", False),
    ],
)
def test_weights_are_told_by_their_digest(digest, asked, told, less, tmp_path):
    record(sweep(tmp_path, {"image_size": 224}, {"weights": asked}), NEGATIVES["none"])
    [found] = read(tmp_path)
    [found] = [type(found)(**{**vars(found), "noted": {"weights": {"resnet18": digest}}})]
    said = scale([found])
    assert said.facts["weights"] == f"resnet18: {told}"
    assert bool(said.reduced) == less


def test_nothing_run_yet_is_a_page_as_well(tmp_path):
    parts(tmp_path, {"folder": "semicon", "choices": {"dataset": "semicon"}})
    assert "nothing was run yet" in printed("table7", tmp_path)
    assert "0 of the 6 figures" in words((tmp_path / "side_by_side.html").read_text())


@pytest.mark.parametrize("name", published().tables)
def test_every_table_can_be_told(name, tmp_path):
    record(sweep(tmp_path, {"normal": "daffodil", "abnormal": "tulip"}), NEGATIVES["none"])
    printed(name, tmp_path)
