"""A sweep file becomes a spec, or every one of its mistakes is named with its line."""

import pickle
from pathlib import Path
from typing import Any

import optuna
import pytest

from coftad.datasets.semicon import SemiCon
from coftad.detectors.coftad import CoftAD
from coftad.types import FineTuning, InputError, Scoring
from tune_runner.space import Choice, Int, LogComplement, LogUniform, Uniform
from tune_runner.spec import load
from tune_runner.spec_model import Budget, Hardware, Resources, Search, SweepSpec, seconds
from tune_runner.yaml_lines import MAX_BYTES, Problem, SpecErrors, redact_url

FULL = """\
name: semicon-1
seed: 3
dataset: {name: semicon, image_size: 64, shots: 10, holdout: 0.25, pool_normal: 500, pool_anomalous: 110}
trainer:
  weights: auto
  lambda_pp: 1
  l2_norm: false
space:
  beta: {log_complement: [0.9, 0.999]}
  learning_rate: {loguniform: [1e-5, 1.0e-3]}
  projector_out: {int: [64, 512]}
  n_a: {choice: [1, 5]}
  steps: {choice: [5, 10]}
  backbone: {choice: [resnet18, resnet50]}
  negative_augmentation:
    choice:
      - none
      - cutpaste: {lambda_np: {uniform: [0.1, 1.5]}}
      - void: {}
search: {sampler: random, scheduler: asha}
episodes: 3
resources: {cpu: 1, gpu: 0.25, concurrent: 4}
budget: {trials: 12, wall_time: 9m}
tracking: {uri: sqlite:///mlflow.db, experiment: other}
output: runs
profile: auto
profiles:
  cpu:
    dataset: {image_size: 32}
    space: {projector_out: {choice: [8]}, learning_rate: null}
  gpu: {budget: {trials: 99}}
"""
SMALL = "name: s\ndataset: {name: semicon, shots: 10}\n"


class Files:
    """Writes sweep files and loads them with a fixed environment."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "s.yaml"
        self.environment: dict[str, str] = {}

    def load(self, text: str, *overrides: str, gpus: int = 0) -> SweepSpec:
        self.path.write_text(text, encoding="utf-8")
        return load(self.path, overrides, Hardware(cpus=2, gpus=gpus), self.environment)

    def problems(self, text: str, *overrides: str) -> list[str]:
        with pytest.raises(SpecErrors) as caught:
            self.load(text, *overrides)
        return str(caught.value).replace(str(self.path), "s.yaml").splitlines()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    return Files(tmp_path)


def test_a_full_file(files: Files, tmp_path: Path) -> None:
    spec = files.load(FULL, gpus=1)
    assert (spec.name, spec.seed, spec.episodes, spec.profile) == ("semicon-1", 3, 3, "gpu")
    assert spec.dataset.source == SemiCon()
    assert (spec.dataset.image_size, spec.dataset.protocol.holdout, spec.dataset.protocol.shots) == (64, 0.25, 10)
    assert spec.space.parameters == {
        "beta": LogComplement(0.9, 0.999),
        "learning_rate": LogUniform(1e-5, 1e-3),
        "projector_out": Int(64, 512),
        "n_a": Choice((1, 5)),
        "steps": Choice((5, 10)),
        "backbone": Choice(("resnet18", "resnet50")),
        "negative_augmentation": Choice(("none", "cutpaste", "void"), {"cutpaste": {"lambda_np": Uniform(0.1, 1.5)}}),
    }
    assert spec.search == Search(sampler="random", scheduler="asha")
    assert spec.resources == Resources(cpu=1, gpu=0.25, concurrent=4)
    assert spec.budget == Budget(trials=99, wall_time=540)
    assert spec.tracking.uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert spec.tracking.experiment == "other"
    assert spec.output == tmp_path / "runs"


def test_the_values_that_are_not_swept_are_fixed(files: Files) -> None:
    fixed = files.load(FULL, gpus=1).trainer_values
    assert fixed["lambda_pp"] == 1.0
    assert fixed["l2_norm"] is False
    assert fixed["batch_size"] == FineTuning().batch_size
    assert not {"beta", "lambda_np", "n_a", "steps", "negative_augmentation"} & set(fixed)


def test_defaults(files: Files, tmp_path: Path) -> None:
    spec = files.load(SMALL)
    assert (spec.seed, spec.resources, spec.output, spec.profile) == (0, "auto", tmp_path / "runs", "none")
    assert spec.trainer.weights == "auto"
    assert (spec.tracking.experiment, spec.tracking.uri) == ("s", f"sqlite:///{tmp_path}/mlflow.db")
    config = spec.config(spec.suggest(optuna.trial.FixedTrial({})))
    assert (config.training, config.points, config.scorings) == (FineTuning(), (CoftAD().steps,), (Scoring(),))


@pytest.mark.parametrize(("gpus", "profile", "trials", "size"), [(0, "cpu", 12, 32), (2, "gpu", 99, 64)])
def test_the_profile_follows_the_hardware(files: Files, gpus: int, profile: str, trials: int, size: int) -> None:
    spec = files.load(FULL, gpus=gpus)
    assert (spec.profile, spec.budget.trials, spec.dataset.image_size) == (profile, trials, size)


def test_profiles_merge_deeply_but_replace_parameters_whole(files: Files) -> None:
    space = files.load(FULL).space.parameters
    assert space["projector_out"] == Choice((8,))
    assert "learning_rate" not in space
    assert space["beta"] == LogComplement(0.9, 0.999)
    assert files.load(FULL).dataset.protocol.pool_normal == 500


def test_a_profile_can_be_named_and_refused(files: Files) -> None:
    assert files.load(FULL, "profile=none").budget.trials == 12
    assert files.load(FULL, "profile=gpu").profile == "gpu"
    assert files.problems(FULL, "profile=gup") == [
        "--set profile=gup: profile: gup is not allowed; one of auto, none, cpu, gpu is (did you mean gpu?)"
    ]
    assert files.load(FULL.replace("  cpu:", "  tpu:")).profile == "none"  # auto, and nothing for this machine


def test_all_profiles_are_checked_whichever_is_used(files: Files) -> None:
    text = FULL.replace("trials: 99", "trials: -1")
    expected = ["s.yaml:31: profiles.gpu.budget.trials: -1 is not allowed; a whole number >= 1 and <= 100000 is"]
    assert files.problems(text) == expected
    assert files.problems(text, "profile=gpu") == expected


def test_overrides_win_over_profiles(files: Files) -> None:
    spec = files.load(FULL, "dataset.image_size=96", "budget.trials=4", "budget.trials=5", "space.beta={choice: [0.5]}")
    assert (spec.dataset.image_size, spec.budget.trials, spec.budget.wall_time) == (96, 5, 540)
    assert spec.space.parameters["beta"] == Choice((0.5,))


def test_a_sweep_survives_its_own_yaml(files: Files) -> None:
    spec = files.load(FULL)
    again = files.load(spec.to_yaml())
    assert again == spec
    assert again.fingerprint() == spec.fingerprint()
    assert again.to_yaml() == spec.to_yaml()
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_odd_texts_survive_their_own_yaml(files: Files) -> None:
    files.environment["ROOT"] = "/a/$${x}/é 1e-3: #"
    spec = files.load(SMALL.replace("shots", "root: '${ROOT}', shots") + "output: $${HOME}\n")
    assert spec.output.name == "${HOME}"
    assert str(spec.dataset.source.root) == "/a/$${x}/é 1e-3: #"
    assert files.load(spec.to_yaml()) == spec


def test_the_fingerprint_knows_what_decides_the_results(files: Files) -> None:
    base = files.load(FULL).fingerprint()
    same = ["name=x", "output=elsewhere", "tracking.uri=null", "resources=auto", "budget.trials=50"]
    assert files.load(FULL, *same).fingerprint() == base
    for change in (
        "seed=4",
        "dataset.shots=5",
        "dataset.normal=600",
        "trainer.lambda_pp=0.9",
        "trainer.weights=random",
        "space.n_a={choice: [1, 6]}",
        "search.sampler=tpe",
        "episodes=4",
    ):
        assert files.load(FULL, change).fingerprint() != base, change


def test_credentials_are_never_shown(files: Files) -> None:
    files.environment["PASSWORD"] = "s3cr/t@x"
    uri = "postgresql://me:${PASSWORD}@db:5432/mlflow"
    spec = files.load(f"{SMALL}tracking: {{uri: '{uri}'}}\n")
    assert spec.tracking.uri == "postgresql://me:s3cr/t@x@db:5432/mlflow"
    assert spec.tracking.redacted() == "postgresql://***@db:5432/mlflow"
    for text in (repr(spec), str(spec), spec.to_yaml()):
        assert "s3cr" not in text
    assert files.load(spec.to_yaml(credentials=True)) == spec
    assert "credentials were left out" in files.problems(spec.to_yaml())[0]
    wrong = files.problems(SMALL, "tracking.uri=foo://me:s3cr@h")
    assert "s3cr" not in "".join(wrong)
    assert "s3cr" not in "".join(
        files.problems(SMALL + "tracking: {urii: 'http://me:s3cr@h', uri: ['http://a:s3cr@h']}")
    )
    assert redact_url("http://host/path") == "http://host/path"


@pytest.mark.parametrize(
    ("text", "value"),
    [("90s", 90), ("9m", 540), ("2h", 7200), ("1h30m", 5400), ("45", 45), (90, 90), (0.5, 0.5), ("1d", 86400)],
)
def test_durations(text: object, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "m", "9 minutes", "-3m", 0, -1, True, None, "1.2.3s", "3m4h", "9m9m", [1]])
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match="is not allowed"):
        seconds(text)


def test_environment_variables(files: Files, tmp_path: Path) -> None:
    files.environment |= {"DATA": "tiles", "SHOTS": "7", "EMPTY": ""}
    text = "name: s\ndataset:\n  name: folder\n  root: ${DATA}/x\n  shots: ${SHOTS}\n  image_size: ${SIZE:-96}\n"
    spec = files.load(text)
    assert spec.dataset.source.root == tmp_path / "tiles" / "x"
    assert (spec.dataset.protocol.shots, spec.dataset.image_size) == (7, 96)
    assert files.problems(text.replace("${SHOTS}", '"${SHOTS}"'))[0].startswith("s.yaml:5: dataset.shots: ")
    for name in ("EMPTY", "UNSET"):
        assert files.problems(text.replace("${DATA}", f"${{{name}}}")) == [
            f"s.yaml:4: dataset.root: the environment variable {name} is not set, or empty; set it, "
            f"or write ${{{name}:-default}}"
        ]
    assert "with quotes" in files.problems("name: s\ndataset: {name: folder, root: ${DATA}, shots: 3}\n")[0]


def test_an_override_saves_an_unset_variable(files: Files) -> None:
    text = "name: s\ndataset:\n  name: folder\n  root: ${UNSET}/x\n  shots: 5\n"
    assert files.load(text, "dataset.root=/y").dataset.source.root == Path("/y")


def test_a_variable_of_another_profile_may_be_unset(files: Files) -> None:
    text = SMALL + 'profiles: {gpu: {dataset: {root: "${UNSET}"}}}\n'
    assert files.load(text).profile == "none"
    with pytest.raises(SpecErrors):
        files.load(text, gpus=1)


def test_weights(files: Files, tmp_path: Path) -> None:
    both = SMALL + "space: {backbone: {choice: [resnet18, resnet50]}}\n"
    spec = files.load(both, "trainer.weights={resnet50: w/r50.pth, resnet18: imagenet}")
    assert spec.trainer.weights_of("resnet18") == "imagenet"
    assert spec.trainer.weights_of("resnet50") == str(tmp_path / "w/r50.pth")
    assert files.load(spec.to_yaml()) == spec
    assert files.load(SMALL, "trainer.weights=./r18.pth").trainer.weights == str(tmp_path / "r18.pth")
    assert "a file fits one backbone" in files.problems(both, "trainer.weights=./r18.pth")[0]
    assert "weights.resnet50: is missing" in files.problems(both, "trainer.weights={resnet18: auto}")[0]
    assert "did you mean imagenet?" in files.problems(SMALL, "trainer.weights=imagnet")[0]


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


def test_scalars_mean_what_people_write(files: Files) -> None:
    values: dict[str, Any] = {"1e-3": 1e-3, "1E-3": 1e-3, "1.e-3": 1e-3, "+1e-3": 1e-3, "0.001": 1e-3, "1": 1.0}
    for text, value in values.items():
        assert files.load(SMALL, f"trainer.learning_rate={text}").trainer_values["learning_rate"] == value
    assert files.load(SMALL.replace("name: s\n", "name: 2024-01-31\n")).name == "2024-01-31"
