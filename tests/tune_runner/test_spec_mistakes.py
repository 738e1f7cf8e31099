"""Every mistake of a sweep file is named, with its line."""

import pickle
from pathlib import Path

import pytest

from coftad.types import InputError
from tests.tune_runner.sweep_files import FULL, SMALL, Files
from tune_runner.spec import load
from tune_runner.spec_model import Hardware
from tune_runner.yaml_lines import MAX_BYTES, Problem, SpecErrors

# Each: an edit of FULL (old, new), and the beginnings of the lines it must give, in order.
MISTAKES: list[tuple[str, str, list[str]]] = [
    ("name: semicon-1", "name: a/b", ["s.yaml:1: name: a/b is not allowed; "]),
    ("name: semicon-1", "name: ..", ["s.yaml:1: name: .. is not allowed; "]),
    ("name: semicon-1\n", "", ["s.yaml:1: name: is missing; "]),
    ("seed: 3", "seed: true", ["s.yaml:2: seed: true is not allowed; a whole number"]),
    ("seed: 3", "seed: 3\nseed: 4", ["s.yaml:3: seed: is given twice; first on line 2"]),
    ("seed: 3", "sed: 3", ["s.yaml:2: sed: is unknown (did you mean seed?); accepted here: name, seed, "]),
    ("name: semicon,", "name: semcon,", ["s.yaml:3: dataset.name: semcon is not allowed; one of semicon, "]),
    ("name: semicon,", "", ["s.yaml:3: dataset.name: is missing; one of semicon, "]),
    ("shots: 10", "shot: 10", ["s.yaml:3: dataset.shot: is unknown", "s.yaml:3: dataset.shots: is missing; "]),
    ("shots: 10", "shots: 1", ["s.yaml:3: dataset.shots: 1 is not allowed; a whole number >= 2 and <= 100000 is"]),
    ("shots: 10", "shots: 10, normal_at_most: 8", ["s.yaml:3: dataset: normal_at_most: 8 must be below"]),
    ("lambda_pp: 1", "lambda_pp: -1", ["s.yaml:6: trainer.lambda_pp: -1 is not allowed; a number >= 0 and <= 100 is"]),
    ("lambda_pp: 1", "lambda_pp: .nan", ["s.yaml:6: trainer.lambda_pp: .nan is not allowed; a finite number"]),
    ("lambda_pp: 1", "beta: 0.9", ["s.yaml:6: trainer.beta: is also in the space (line 9)"]),
    ("lambda_pp: 1", "lambda_np: 0.9", ["s.yaml:6: trainer.lambda_np: is also in the space (line 18)"]),
    ("lambda_pp: 1", "lambda_pp: !!python/name:os.system", ["s.yaml:6: trainer.lambda_pp: the tag "]),
    ("lambda_pp: 1", "<<: {lambda_pp: 1}", ["s.yaml:6: trainer: the key '<<' is not allowed"]),
    ("lambda_pp: 1", "1: 2", ["s.yaml:6: trainer: the key 1 is not allowed; text is"]),
    ("l2_norm: false", "l2_norm: 0", ["s.yaml:7: trainer.l2_norm: 0 is not allowed; true or false is"]),
    ("[0.9, 0.999]", "[0.9, 1]", ["s.yaml:9: space.beta.log_complement: [0.9, 1] is not allowed; "]),
    ("[0.9, 0.999]", "[0.9, 1.1]", ["s.yaml:9: space.beta.log_complement[1]: 1.1 is not allowed; a number >= 0"]),
    ("[0.9, 0.999]", "[0.9]", ["s.yaml:9: space.beta.log_complement: [0.9] is not allowed; [low, high] is"]),
    ("[1e-5, 1.0e-3]", "[0, 1]", ["s.yaml:10: space.learning_rate.loguniform[0]: 0 is not allowed; a number > 0"]),
    ("[1e-5, 1.0e-3]", "[0.1, 0.01]", ["s.yaml:10: space.learning_rate.loguniform: [0.1, 0.01] is reversed; "]),
    ("[1e-5, 1.0e-3]", "[0.1, 0.1]", ["s.yaml:10: space.learning_rate.loguniform: [0.1, 0.1] is empty; "]),
    (
        "  beta:",
        "  lambda_pp: {loguniform: [0, 1]}\n  beta:",
        ["s.yaml:6: trainer.lambda_pp: ", "s.yaml:9: space.lambda_"],
    ),
    ("int: [64, 512]", "int: [64, 512, 100]", ["s.yaml:11: space.projector_out.int: [64, 512, 100] is not allowed; "]),
    ("int: [64, 512]", "int: [64, 512, 1.5]", ["s.yaml:11: space.projector_out.int[2]: 1.5 is not allowed; "]),
    ("int: [64, 512]", "uniform: [64, 512]", ["s.yaml:11: space.projector_out.uniform: projector_out takes a whole"]),
    ("int: [64, 512]", "itn: [64, 512]", ["s.yaml:11: space.projector_out: itn is unknown; "]),
    ("{int: [64, 512]}", "[64, 512]", ["s.yaml:11: space.projector_out: [64, 512] is not allowed; a mapping with one"]),
    ("choice: [1, 5]", "choice: [1, 1]", ["s.yaml:12: space.n_a.choice[1]: 1 is given twice"]),
    ("choice: [1, 5]", "choice: []", ["s.yaml:12: space.n_a.choice: [] is not allowed; "]),
    ("choice: [1, 5]", "choice: [1, x]", ["s.yaml:12: space.n_a.choice[1]: x is not allowed; a whole number >= 1"]),
    ("n_a: {choice", "shots: {choice", ["s.yaml:12: space.shots: is fixed for a sweep: write it as dataset.shots"]),
    (
        "n_a: {choice",
        "weights: {choice",
        ["s.yaml:12: space.weights: is fixed for a sweep: write it as trainer.weights"],
    ),
    ("n_a: {choice", "n_b: {choice", ["s.yaml:12: space.n_b: is unknown (did you mean n_a?)"]),
    (
        "[1, 5]}",
        "[1, 5]}\n  lambda_np: {uniform: [0, 1]}",
        ["s.yaml:13: space.lambda_np: lambda_np only matters", "s.yaml:16:"],
    ),
    (
        "- none",
        "- none: {lambda_np: {choice: [1]}}",
        ["s.yaml:17: space.negative_augmentation.choice[0].none.lambda_np: la"],
    ),
    ("- void: {}", "- viod: {}", ["s.yaml:19: space.negative_augmentation.choice[2].viod: viod is not allowed; "]),
    (
        "- void: {}",
        "- void: {backbone: {choice: [resnet18]}}",
        ["s.yaml:15: space.negative_augmentation: backbone would"],
    ),
    ("sampler: random", "sampler: tpee", ["s.yaml:20: search.sampler: tpee is not allowed; one of tpe, random, qmc"]),
    (
        "sampler: random",
        "sampler: random, reference: {beta: 2}",
        ["s.yaml:20: search.reference.beta: 2 is not allowed"],
    ),
    (
        "sampler: random",
        "sampler: random, target: {beta: 0.95}",
        ["s.yaml:20: search.target: is only read with sampler: ablation, not with random"],
    ),
    (
        "sampler: random",
        "sampler: listed, configurations: [{}, {beta: 0.95}, {gamma: 1}, {beta: 2}]",
        [
            "s.yaml:20: search.configurations[2].gamma: is no parameter of the space; ",
            "s.yaml:20: search.configurations[3].beta: 2 is not allowed; ",
        ],
    ),
    (
        "sampler: random",
        "sampler: listed",
        ["s.yaml:20: search.configurations: is missing or empty; with sampler: listed one configuration or more"],
    ),
    (
        "output: runs",
        "output: runs\nvalidation: {episodes: -1}",
        ["s.yaml:26: validation.episodes: -1 is not allowed; a whole number >= 0"],
    ),
    ("sampler: random", "sampler: grid", [f"s.yaml:{n}: space." for n in (9, 10, 18)]),
    ("episodes: 3", "episodes: 1", ["s.yaml:20: search: asha is not allowed with episodes: 1"]),
    ("gpu: 0.25", "gpu: 1.5", ["s.yaml:22: resources.gpu: 1.5 is not allowed; a share up to 1"]),
    ("{cpu: 1, gpu: 0.25, concurrent: 4}", "all", ["s.yaml:22: resources: all is not allowed; auto, or a mapping"]),
    ("wall_time: 9m", "wall_time: soon", ["s.yaml:23: budget.wall_time: soon is not allowed; a duration such as"]),
    ("sqlite:///mlflow.db", "./mlruns", ["s.yaml:24: tracking.uri: ./mlruns is not allowed; a URI with sqlite:///"]),
    ("sqlite:///mlflow.db", "'file:mlruns'", ["s.yaml:24: tracking.uri: "]),
    ("output: runs", "output: [runs]", ["s.yaml:25: output: ['runs'] is not allowed; a path is"]),
    (
        "output: runs",
        f"output: {'x' * 5000}",
        ["s.yaml:25: output: a text of 5000 characters is not allowed; 4096 are"],
    ),
    ("output: runs", f"output: 1{':1' * 9000}", ["s.yaml:25: output: a text of 18001 characters is not allowed; "]),
    ("output: runs", "output: runs\n\tx", ["s.yaml:26: not YAML: "]),
    ("output: runs", "output: &a [*a]", ["s.yaml: nested deeper than 24 levels"]),
    ("output: runs", f"output: {'[' * 30}{']' * 30}", ["s.yaml: nested deeper than 24 levels"]),
    ("output: runs", 'output: "a\\0b"', ["s.yaml:25: output: 'a\\x00b' is not allowed; text without control"]),
    ("output: runs", 'output: "\\UFFFFFFFF"', ["s.yaml: not YAML: "]),
    ("output: runs", "output: runs\n---\nname: x", ["s.yaml:26: not YAML: "]),
]


@pytest.mark.parametrize(("old", "new", "expected"), MISTAKES, ids=[repr(new[:60]) for _, new, _ in MISTAKES])
def test_mistakes(files: Files, old: str, new: str, expected: list[str]) -> None:
    assert old in FULL
    # Without profiles, so that one mistake is one problem.
    text = FULL.replace(old, new, 1).split("profile: auto")[0]
    lines = files.problems(text)
    assert len(lines) == len(expected), lines
    for line, beginning in zip(lines, expected, strict=True):
        assert line.startswith(beginning)


def test_all_mistakes_are_reported_at_once_in_the_order_of_the_file(files: Files) -> None:
    text = FULL
    for old, new in [
        ("seed: 3", "seed: -3"),
        ("lambda_pp: 1", "lambda_qp: 1"),
        ("[0.9, 0.999]", "[0.999, 0.9]"),
        ("trials: 99", "trails: 99"),
        ("experiment: other", "experiment: a b"),
    ]:
        text = text.replace(old, new)
    lines = files.problems(text, "episodes=0", "nonsense")
    places = [line.split(": ")[:2] for line in lines]
    assert places == [
        ["s.yaml:2", "seed"],
        ["s.yaml:6", "trainer.lambda_qp"],
        ["s.yaml:9", "space.beta.log_complement"],
        ["s.yaml:24", "tracking.experiment"],
        ["s.yaml:31", "profiles.gpu.budget.trails"],
        ["--set nonsense", "is not understood; key=value is, such as trainer.steps=20"],
        ["--set episodes=0", "episodes"],
    ]


def test_problems_are_values(files: Files) -> None:
    with pytest.raises(InputError) as caught:
        files.load(FULL.replace("lambda_pp: 1", "lambda_pp: -1"))
    assert isinstance(caught.value, SpecErrors)
    (problem,) = caught.value.problems
    message = "-1 is not allowed; a number >= 0 and <= 100 is"
    assert problem == Problem("trainer.lambda_pp", message, line=6, value=-1)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("trainer..x=1", "--set trainer..x=1: is not understood"),
        ("=1", "--set =1: is not understood"),
        ("trainer.steps=[", "--set 'trainer.steps=[': trainer.steps: not YAML: "),
        ("trainer.steps={a: 1, a: 2}", "--set 'trainer.steps={a: 1, a: 2}': trainer.steps.a: is given twice"),
        ("profiles.cpu.seed=1", "--set profiles.cpu.seed=1: profiles.cpu.seed: cannot be set"),
        ("seed.x=1", "--set seed.x=1: seed: {'x': 1} is not allowed; a whole number"),
        ("trainer=5", "--set trainer=5: trainer: 5 is not allowed; a mapping of weights, "),
    ],
)
def test_wrong_overrides(files: Files, override: str, expected: str) -> None:
    lines = files.problems(SMALL, override)
    assert any(line.startswith(expected) for line in lines), lines


def test_a_bomb_of_aliases_is_refused(files: Files) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    assert "s.yaml: more than 20000 values, aliases expanded" in files.problems("\n".join(levels))


def test_too_many_rows(files: Files) -> None:
    space = "space: {steps: {choice: [%s]}, n_a: {choice: [%s]}}\n" % ((", ".join(map(str, range(1, 51))),) * 2)
    (line,) = files.problems(SMALL + space)
    assert line.startswith("s.yaml:3: space: up to 2500 scores of each trained model (steps, n_a) are too many; 2000")


def test_too_large_a_grid(files: Files) -> None:
    space = "search: {sampler: grid}\nspace: {projector_out: {int: [1, 1000]}, predictor_hidden: {int: [1, 1000]}}\n"
    assert files.problems(SMALL + space) == [
        "s.yaml:4: space: a grid of 1000000 configurations is too large; 100000 are accepted"
    ]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "is empty"),
        (b"- 1\n", "is not a mapping"),
        (b"name: \xff\n", "is not UTF-8 text: byte 0xff on line 1"),
        (b"#" * (MAX_BYTES + 1), f"is larger than {MAX_BYTES} bytes"),
    ],
)
def test_files_that_are_no_sweeps(tmp_path: Path, raw: bytes, expected: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(raw)
    with pytest.raises(SpecErrors, match=expected):
        load(path, [], Hardware(), {})


@pytest.mark.parametrize("name", [".", "missing.yaml", "a\0b"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecErrors, match="cannot be read"):
        load(f"{tmp_path}/{name}", [], Hardware(), {})
