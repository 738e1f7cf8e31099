"""A file with `parts` is as many sweeps as their levels combine to."""

import pytest

from tests.tune_runner.sweep_files import Files
from tune_runner.spec import load_parts
from tune_runner.spec_layers import option
from tune_runner.spec_model import Hardware
from tune_runner.yaml_lines import SpecErrors

TWO_AXES = """\
name: table
dataset: {holdout: 0}
parts:
  dataset:
    solder: {name: semicon, pool_normal: 500}
    tiles: {name: magnetic_tile, root: "${TILES:-/tiles}"}
  dataset.shots: [5, 10]
profiles:
  cpu: {dataset: {image_size: 32}}
"""


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def parts_of(files, text, *overrides, **options):
    files.path.write_text(text)
    return load_parts(files.path, overrides, Hardware(cpus=2), files.environment, **options)


def problems_of(files, text, *overrides):
    with pytest.raises(SpecErrors) as caught:
        parts_of(files, text, *overrides)
    return str(caught.value).replace(str(files.path), "s.yaml").splitlines()


def test_every_combination_is_a_sweep_the_first_key_outermost(files):
    parts = parts_of(files, TWO_AXES)
    assert [part.name for part in parts] == ["solder_5", "solder_10", "tiles_5", "tiles_10"]
    assert parts[2].choices == {"dataset": "tiles", "dataset.shots": "5"}
    assert [part.spec.dataset.name for part in parts] == ["semicon", "semicon", "magnetic_tile", "magnetic_tile"]
    assert [part.spec.dataset.protocol.shots for part in parts] == [5, 10, 5, 10]
    assert parts[0].spec.dataset.protocol.pool_normal == 500
    assert parts[2].spec.dataset.protocol.pool_normal is None
    assert str(parts[2].spec.dataset.source.root) == "/tiles"
    assert {part.spec.dataset.image_size for part in parts} == {32}
    assert {part.spec.name for part in parts} == {f"table_{part.name}" for part in parts}
    assert {part.spec.tracking.experiment for part in parts} == {"table"}
    assert {part.file for part in parts} == {"table"}
    assert len({part.spec.fingerprint() for part in parts}) == 4


def test_a_file_without_parts_is_one_sweep_without_a_name(files):
    [part] = parts_of(files, "name: s\ndataset: {name: semicon, shots: 10}\n")
    assert (part.name, part.choices, part.spec.name) == ("", {}, "s")


def test_the_command_line_narrows_the_parts(files):
    narrowed = parts_of(files, TWO_AXES, "parts.dataset.shots=[5]", "parts.dataset.tiles=null")
    assert [part.name for part in narrowed] == ["solder_5"]
    assert problems_of(files, TWO_AXES, "dataset.shots=3") == [
        "--set dataset.shots=3: dataset.shots: is what the parts differ in; --set parts.dataset.shots=[...] is accepted"
    ]


def test_one_sweep_is_asked_for_where_one_is_needed(files):
    [problem] = files.problems(TWO_AXES)
    assert "asks for 4 sweeps" in problem


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ("[1, 2]", "a mapping of keys"),
        ("{datset.shots: [5]}", "dataset"),
        ("{dataset.shots: []}", "a list of values"),
        ("{dataset.shots: [5, 5]}", "5 is given twice"),
        ("{dataset.shots: [[5]]}", "a single value"),
        ("{dataset.shots: [5, none]}", "dataset.shots"),
        ("{dataset.name: [semicon, a b, a/b]}", "folder a-b"),
        ("{seed: [" + ", ".join(map(str, range(1001))) + "]}", "1001 sweeps"),
    ],
)
def test_mistakes_are_named_with_their_place(files, parts, words):
    problems = problems_of(files, f"name: s\ndataset: {{name: semicon, shots: 10}}\nparts: {parts}\n")
    assert any(words in problem and "parts" in problem for problem in problems), problems


def test_a_mistake_that_all_parts_share_is_told_once(files):
    problems = problems_of(files, TWO_AXES.replace("holdout: 0", "holdout: 2"))
    assert len(problems) == 1
    assert "holdout" in problems[0]


def test_allow_partial_is_refused_where_no_data_set_knows_it(files):
    files.path.write_text("name: a\ndataset: {name: semicon, shots: 5}\n")
    with pytest.raises(SpecErrors, match="--allow-partial: would be ignored: semicon has no parts"):
        load_parts(files.path, allow_partial=True)
    files.path.write_text("name: a\ndataset: {name: mvtec, root: x, category: bottle, shots: 5}\n")
    [part] = load_parts(files.path, allow_partial=True)
    assert part.spec.dataset.source.allow_partial


def test_a_tracking_uri_is_text_and_its_mistakes_are_in_the_options_name(files):
    files.path.write_text("name: a\ndataset: {name: semicon, shots: 5}\ntracking: null\n")
    uri = "postgresql://user:p {a: 1} #x@host/db"
    [part] = load_parts(files.path, [option("tracking.uri", uri, "--tracking-uri")])
    assert part.spec.tracking.uri == uri
    with pytest.raises(SpecErrors, match=r"^--tracking-uri: tracking\.uri: ftp://x is not allowed"):
        load_parts(files.path, [option("tracking.uri", "ftp://x", "--tracking-uri")])
