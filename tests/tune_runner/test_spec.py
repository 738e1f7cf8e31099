"""A sweep file becomes a spec."""

import pickle
from pathlib import Path
from typing import Any

import optuna
import pytest

from coftad.datasets.semicon import SemiCon
from coftad.detectors.coftad import CoftAD
from coftad.types import FineTuning, Scoring
from tests.tune_runner.sweep_files import FULL, SMALL, Files
from tune_runner.parameters import Choice, Int, LogComplement, LogUniform, Uniform
from tune_runner.spec_model import Budget, Resources, Search, seconds
from tune_runner.yaml_lines import SpecErrors, redact_url


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


def test_scalars_mean_what_people_write(files: Files) -> None:
    values: dict[str, Any] = {"1e-3": 1e-3, "1E-3": 1e-3, "1.e-3": 1e-3, "+1e-3": 1e-3, "0.001": 1e-3, "1": 1.0}
    for text, value in values.items():
        assert files.load(SMALL, f"trainer.learning_rate={text}").trainer_values["learning_rate"] == value
    assert files.load(SMALL.replace("name: s\n", "name: 2024-01-31\n")).name == "2024-01-31"


@pytest.mark.parametrize(
    ("text", "number"),
    [("010", 10), ("0012", 12), ("08", 8), ("009", 9), ("+7", 7), ("0x10", 16), ("00", 0)],
)
def test_a_whole_number_is_decimal_as_it_is_written(files: Files, text: str, number: int) -> None:
    files.environment["ID"] = text
    for override in (f"seed={text}", "seed=${ID}", "seed=${NONE:-" + text + "}"):
        assert files.load(SMALL, override).seed == number
    assert files.load(f"{SMALL}seed: {text}\n").seed == number


def test_numbers_with_zeros_in_front_are_decimal_everywhere(files: Files) -> None:
    assert files.load(SMALL, "budget.trials=0100").budget.trials == 100
    assert files.load(SMALL, "budget.wall_time=010").budget.wall_time == 10
    space = files.load(SMALL, "space.projector_out={choice: [064, 128]}").space
    assert space.parameters["projector_out"].values == (64, 128)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=1_0", "1_0 is text, because of the _; write 10"),
        ('seed="010"', '"010" is text, because of its quotes; write 10'),
        ("seed=1:30", "1:30 is not allowed; a whole number >= 0"),
        ("seed=0b1", "0b1 is not allowed; a whole number >= 0"),
        ("seed=0o17", "0o17 is not allowed; a whole number >= 0"),
        ("seed=!!int 1_0", "1_0 is not readable as int"),
        ("trainer.learning_rate=0.00_1", "0.00_1 is text, because of the _; write 0.001"),
        ("trainer.learning_rate=1:30.5", "1:30.5 is not allowed; a number > 0"),
        ("name=2024", "2024 is read as the number 2024; if you mean text, quote it: --set 'name=\"2024\"'"),
        ("name=007", "007 is read as the number 7; if you mean text, quote it: --set 'name=\"007\"'"),
        ("name=${YEAR}", "${YEAR} is read as the number 2024; if you mean text, quote it: --set 'name=\"${YEAR}\"'"),
        ("name=on", "on is read as true; if you mean text, quote it"),
        ("name=null", "null is read as null; if you mean text, quote it"),
        ("tracking.experiment=2024", "2024 is read as the number 2024; if you mean text, quote it"),
        ("output=2024", "2024 is read as the number 2024; if you mean text, quote it"),
        ("dataset={name: folder, root: 1e3}", "1e3 is read as the number 1000.0; if you mean text, quote it"),
    ],
)
def test_a_value_that_yaml_takes_for_another_kind_says_so(files: Files, override: str, message: str) -> None:
    files.environment["YEAR"] = "2024"
    assert message in files.problems(SMALL, override)[0]


def test_a_number_in_quotes_is_a_name(files: Files) -> None:
    files.environment["YEAR"] = "2024"
    assert files.load(SMALL, 'name="007"').name == "007"
    assert files.load(SMALL, 'name="${YEAR}"').name == "2024"
    for name in ("010", "1_0", "2024", "on"):
        spec = files.load(SMALL, f'name="{name}"')
        assert files.load(spec.to_yaml()).name == name
    assert 'quote it: "007"' in files.problems(SMALL.replace("name: s\n", "name: 007\n"))[0]
