"""The page of a report: every section that there is evidence for, in one file, with nothing of it taken for HTML."""

import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.tune_runner import full_summary, planted
from tune_runner.study import page, report
from tune_runner.study.summary import summarise

SECTIONS = {
    "settings": "The settings that are good here",
    "matters": "How much each setting matters",
    "again": "The same again",
    "label-free": "Tuning without labels",
    "explore": "Look around",
    "all-trials": "Trials",
    "repeat": "Repeat it",
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return planted.whole_sweep(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def found(sweep):
    return summarise(sweep.prepared, sweep.study, sweep.records, {"resume": "python -m tune_runner --resume x"})


def written(sweep, summary):
    page.write(summary, sweep.prepared, sweep.study, sweep.records)
    return (sweep.directory / "report.html").read_text()


@pytest.fixture(scope="module")
def full(sweep, found):
    return written(sweep, full_summary.full(found))


def unpacked(text):
    """What report.js unpacks: the figures, the trials' lines and plotly."""
    blocks = re.findall(r'<script type="text/plain"( id="\w+")?>([^<]*)</script>', text)
    return [(name.strip(), gzip.decompress(base64.b64decode(block)).decode()) for name, block in blocks]


class Headings(HTMLParser):
    """Headings by their id, and every other tag's name and attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "h2" and "id" in dict(attrs):
            self.ids.add(dict(attrs)["id"])


def test_every_section_is_there_where_there_is_evidence(full):
    assert Headings(full).ids == set(SECTIONS)
    for heading in SECTIONS.values():
        assert heading in full
    for said in ("points of optimism", "From the reference to the best", "The noise floor", "Shares of importance"):
        assert said in full
    assert "negative_augmentation = void: not enough evidence: 12 of 20 trials" in full
    assert "not enough evidence: 12 of 20</td>" in full  # a criterion without labels


def test_what_there_is_no_evidence_for_is_left_out(sweep, found):
    bare = written(sweep, replace(found, optimism=None, label_free=[], branches=[]))
    assert Headings(bare).ids == set(SECTIONS) - {"again", "label-free"}
    for said in ("optimism", "The noise floor", "Shares of importance", "Means of each level", "Pairs of settings"):
        assert said not in bare
    nothing = replace(found, best=None, effects=[], too_few=[], curves=[], optimism=None, label_free=[])
    assert Headings(written(sweep, nothing)).ids == {"explore", "all-trials", "repeat"}


def test_it_is_one_file_that_needs_no_network(full):
    for tag, attributes in Headings(full).tags:
        for name in ("src", "href", "srcset", "data", "action"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, name)
        assert tag not in ("iframe", "object", "embed")
    ours = re.sub(r'<script type="text/plain".*?</script>|"data:[^"]*"', "", full)
    assert not re.search(r"https?:|url\(|@import|import\(|fetch\(", ours)
    assert [name for name, _ in unpacked(full)].count('id="plotly"') == 1


def test_figures_are_json_without_nan(full):
    blocks = [(name, text) for name, text in unpacked(full) if name != 'id="plotly"']
    assert len(blocks) > 8

    def refuse(constant):
        raise AssertionError(constant)

    for name, text in blocks:
        found = json.loads(text, parse_constant=refuse)
        assert set(found) >= ({"lines", "address", "command"} if name else {"data", "layout"})
    visible = re.sub(r"<(script|style).*?</\1>", "", full, flags=re.S)
    assert not re.search(r"\b(nan|inf|None|Undefined)\b", re.sub(r'src="data:[^"]*"', "", visible))


def test_all_trials_are_listed_the_best_first(sweep, full):
    listed = json.loads(dict(unpacked(full))['id="lines"'])
    assert {line[0]: line[1] for line in listed["lines"]} == {
        0: "complete", 1: "complete", 2: "pruned", 3: "fail (non_finite)"
    }  # fmt: skip
    aurocs = [line[2] for line in listed["lines"]]
    assert aurocs == [*sorted(aurocs[:3], reverse=True), None]
    assert listed["command"].endswith(f"--reproduce {sweep.directory} --trial {{trial}}")
    assert listed["address"] == ""  # nothing was tracked


def test_trials_link_to_their_runs(sweep, found):
    noted = sweep.directory / "tracking.jsonl"
    to = {"to": "https://***@mlflow.example:5000/#semicon"}
    entries = [{"sweep": "s"}, {"run": "old", "trial": 0, "to": "sqlite:///m.db#s"}, {"run": "p", "trial": -1, **to}]
    entries += [{"run": "lost", "trial": 1, **to}, {"forget": True, **to}, {"run": "a1", "trial": 0, **to}]
    noted.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    text = written(sweep, found)
    local = [{"run": "b2", "trial": 1, "to": "sqlite:///m.db#s"}]
    noted.write_text("".join(json.dumps(entry) + "\n" for entry in entries + local))
    elsewhere = written(sweep, found)
    noted.unlink()
    listed = json.loads(dict(unpacked(text))['id="lines"'])
    assert listed["address"] == "https://mlflow.example:5000/#/runs/"
    assert {line[0]: line[6] for line in listed["lines"]} == {0: "a1", 1: "", 2: "", 3: ""}
    listed = json.loads(dict(unpacked(elsewhere))['id="lines"'])
    assert listed["address"] == "http://127.0.0.1:5000/#/runs/"
    assert {line[0]: line[6] for line in listed["lines"]} == {0: "old", 1: "b2", 2: "", 3: ""}


def test_text_is_text(sweep, found):
    evil = "<script>alert(1)</script>"
    best = replace(found.best, parameters={evil: evil})
    text = written(sweep, replace(found, name=evil, banner=evil, best=best, commands={evil: evil}))
    assert evil not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6


def test_the_specification_and_digests_are_on_it(sweep, found):
    sweep.study.set_user_attr("images", {"all": "f" * 64})
    sweep.study.set_user_attr("environment", {})  # as of a study of an earlier version
    text = written(sweep, found)
    assert "lambda_pp:\n    uniform: [0.0, 1.5]" in text
    assert "f" * 64 in text
    assert "when this report was made" in text
    sweep.study.set_user_attr("environment", {"python": "3.11.0"})
    text = written(sweep, found)
    assert "The environment, when the sweep began" in text
    assert "3.11.0" in text


@pytest.mark.slow
def test_the_same_summary_gives_the_same_bytes(sweep, found):
    assert written(sweep, found) == written(sweep, found)


def test_its_files_are_beside_it(sweep):
    _, files = report.make(sweep.prepared, sweep.study, sweep.directory, {})
    assert all(path.is_file() for path in files)
    assert {"report.html", "summary.json", "trials.csv", "trials.parquet", "rows.parquet"} <= {
        path.name for path in files
    }
