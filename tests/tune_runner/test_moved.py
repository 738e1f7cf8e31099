"""Images, weights or a whole sweep in another place: digests decide whether a sweep can go on there."""

import io
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from rich.console import Console

from coftad.types import InputError
from tests.tune_runner import planted
from tests.tune_runner.doctored import run_doctor
from tests.tune_runner.sweep_files import FULL, Files
from tune_runner import cli, cluster, launch, parted, parts_index, plan, reproduce, run
from tune_runner.context import SweepContext
from tune_runner.reopening import reopen
from tune_runner.spec import load
from tune_runner.spec_model import Hardware

pytestmark = pytest.mark.slow  # whole commands on sweeps that are copied and moved


@pytest.fixture
def moved(tmp_path):
    """A sweep whose images were moved to `there`."""
    sweep = planted.whole_sweep(tmp_path)
    (tmp_path / "images").rename(tmp_path / "there")
    return sweep


def test_the_fingerprint_knows_no_folders(files: Files) -> None:
    def fingerprint(*overrides: str) -> str:
        return files.load(FULL.replace("shots", "root: a, shots"), *overrides).fingerprint()

    assert fingerprint() == fingerprint("dataset.root=/elsewhere")
    both = "trainer.weights={{resnet18: {}, resnet50: random}}"
    assert fingerprint(both.format("a.pth")) == fingerprint(both.format("b.pth"))
    assert len({fingerprint(), fingerprint(both.format("a.pth")), fingerprint("trainer.weights=random")}) == 3
    assert fingerprint() != files.load(FULL).fingerprint(), "simulated slices are no folder's"


def test_a_sweep_of_an_earlier_version_goes_on_although_its_fingerprint_held_folders(moved, tmp_path):
    moved.study.set_user_attr("fingerprint", "of an earlier version")
    spec = load(moved.directory / "sweep.yaml", [f"dataset.root={tmp_path / 'there'}"])
    run.open_study(moved.directory, spec)
    other = load(moved.directory / "sweep.yaml", ["dataset.shots=3"])
    with pytest.raises(InputError, match="another specification"):
        run.open_study(moved.directory, other)


@pytest.mark.parametrize("command", ["report", "compare", "doctor", "--reproduce", "doctor --fix"])
def test_moved_images_are_taken_where_they_are(moved, tmp_path, command, capsys, monkeypatch):
    monkeypatch.setattr(reproduce.trial, "run", lambda *_, **__: pytest.fail("it reached the training"))
    root, directory = tmp_path / "there", str(moved.directory)
    if command == "compare":
        assert cli.main(["report", directory, "--set", f"dataset.root={root}"]) == 0
        capsys.readouterr()
    arguments = [*command.split()[:1], directory, *command.split()[1:]]
    arguments += ["--trial", "0"] if command == "--reproduce" else []
    if command in ("report", "--reproduce"):
        assert cli.main(arguments) == 2
        assert "images does not exist" in capsys.readouterr().err
    assert cli.main([*arguments, "--set", f"dataset.root={tmp_path}/none"]) == (0 if command == "compare" else 2)
    capsys.readouterr()
    trained = []
    monkeypatch.setattr(reproduce.trial, "run", lambda *_, **__: trained.append(1) or _recorded(moved, trained))
    assert cli.main([*arguments, "--set", f"dataset.root={root}"]) == 0, capsys.readouterr()
    told = capsys.readouterr().out
    assert "are not told" not in told
    assert len(trained) == (2 if command == "--reproduce" else 0)
    if command == "report":
        assert f"--resume {directory} --set dataset.root={root}\n" in told
        assert f"--trial N --set dataset.root={root}<" in (moved.directory / "report.html").read_text()


def _recorded(sweep, trained):
    """What a training would give: the very scores that were recorded of trial 0."""
    record = sweep.records.of(0)[len(trained) - 1]

    class Result:
        scores, rows = sweep.records.scores(record).scores, record.rows

    return Result


@pytest.mark.parametrize("command", ["report", "doctor", "--reproduce"])
def test_other_images_and_other_settings_are_refused(moved, tmp_path, command, capsys):
    root = tmp_path / "there"
    arguments = [command, str(moved.directory), *(["--trial", "0"] if command == "--reproduce" else [])]
    assert cli.main([*arguments, "--set", f"dataset.root={root}", "--set", "dataset.shots=3"]) == 2
    assert "only where its images and weights are" in capsys.readouterr().err
    Image.new("L", (32, 32)).save(next((root / "normal").iterdir()))
    assert cli.main([*arguments, "--set", f"dataset.root={root}"]) == 2
    assert "the images are not those of" in capsys.readouterr().err


def test_of_several_roots_the_one_with_the_digest_is_taken(moved, tmp_path):
    planted.images(tmp_path / "others", normal=20)
    roots = [f"dataset.root={tmp_path / name}" for name in ("others", "there")]
    prepared, _ = reopen(moved.directory, "compare", roots)
    assert prepared.spec.dataset.source.root == tmp_path / "there"
    with pytest.raises(InputError, match="are not those of"):
        reopen(moved.directory, "compare", roots[:1])


def test_a_resumed_sweep_takes_images_from_another_root(moved, tmp_path):
    spec = load(moved.directory / "sweep.yaml", [f"dataset.root={tmp_path / 'there'}"])
    text = io.StringIO()
    assert run.drive(plan.prepare(spec), moved.directory, planted.SHARE, Console(file=text, width=200)) == 0
    assert f"--resume {moved.directory} --set dataset.root={tmp_path / 'there'}" in text.getvalue()


def test_weights_may_be_elsewhere_and_must_be_the_same(tmp_path):
    """A file of weights has a digest, too."""
    sweep = planted.whole_sweep(tmp_path)
    study = sweep.study
    study.set_user_attr("weights", {"resnet18": "0" * 64})
    with pytest.raises(InputError, match="the weights of resnet18 are not those of"):
        reproduce.reproduce(sweep.directory, 0, Console(file=io.StringIO()))


def test_a_copied_sweep_works_where_it_is(tmp_path, capsys):
    sweep = planted.whole_sweep(tmp_path / "one", tracking={"uri": f"sqlite:///{tmp_path}/one/mlflow.db"})
    copy = tmp_path / "two" / "copy"
    shutil.copytree(sweep.directory, copy)
    shutil.rmtree(sweep.directory)
    assert cli.main(["report", str(copy)]) == 0
    assert str(sweep.directory) not in capsys.readouterr().out
    assert str(sweep.directory) not in (copy / "report.html").read_text().partition("<pre")[0]
    assert run_doctor(copy) == (0, "study, records and MLflow agree\n")
    assert cli.main(["--sync", str(copy), "--tracking-uri", f"sqlite:///{tmp_path}/two/mlflow.db"]) == 0
    assert "4 run(s) sent, 0 left" in capsys.readouterr().out
    context = SweepContext.load(copy, f"sqlite:///{tmp_path}/two/mlflow.db")
    assert f"--reproduce {copy} --trial" in context.reproduce
    spec = load(copy / "sweep.yaml")
    assert run.drive(plan.prepare(spec), copy, planted.SHARE, Console(file=io.StringIO())) == 0


def test_without_its_mlflow_every_command_works_or_says_so(tmp_path, capsys):
    sweep = planted.whole_sweep(tmp_path / "one", tracking={"uri": f"sqlite:///{tmp_path}/one/mlflow.db"})
    copy = tmp_path / "two"
    shutil.copytree(sweep.directory, copy)
    shutil.copytree(tmp_path / "one" / "images", tmp_path / "images")
    shutil.rmtree(tmp_path / "one")
    there = ["--set", f"dataset.root={tmp_path / 'images'}"]
    assert cli.main(["report", str(copy), *there]) == 0
    assert cli.main(["doctor", str(copy)]) == 1
    told = capsys.readouterr().out
    assert f"{tmp_path}/one/mlflow.db does not exist" in told
    (tmp_path / "one").write_text("a file is in the way of a new database")
    command = [sys.executable, "-m", "tune_runner", "--sync", str(copy)]  # this process still has the old one open
    synced = subprocess.run(command, capture_output=True, text=True, check=False)
    assert synced.returncode == 1, synced
    assert "0 run(s) sent, 0 left: FileExistsError" in synced.stdout
    assert f"{tmp_path}/one" in synced.stdout
    uri = f"sqlite:///{tmp_path}/two.db"
    assert cli.main(["--sync", str(copy), "--tracking-uri", uri]) == 0
    assert cli.main(["doctor", str(copy), "--tracking-uri", uri]) == 0, capsys.readouterr().out


def test_without_tracking_every_command_works_or_says_so(tmp_path, capsys):
    sweep = planted.whole_sweep(tmp_path)
    assert cli.main(["report", str(sweep.directory)]) == 0
    assert cli.main(["doctor", str(sweep.directory)]) == 0
    capsys.readouterr()
    assert cli.main(["--sync", str(sweep.directory)]) == 2
    assert "was run with `tracking: null`" in (error := capsys.readouterr().err)
    assert f"--resume {sweep.directory} --set tracking.uri=URI" in error
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    spec = load(sweep.directory / "sweep.yaml", [f"tracking.uri={uri}"])
    assert run.drive(plan.prepare(spec), sweep.directory, planted.SHARE, Console(file=io.StringIO())) == 0
    assert cli.main(["doctor", str(sweep.directory)]) == 0, capsys.readouterr().out


def test_commands_work_from_any_folder(tmp_path, monkeypatch, capsys):
    sweep = planted.whole_sweep(tmp_path)
    monkeypatch.chdir(sweep.directory)
    assert cli.main(["report", "."]) == 0
    told = capsys.readouterr().out
    assert f"--resume {sweep.directory}\n" in told
    assert f"--reproduce {sweep.directory} --trial" in told
    page = (sweep.directory / "report.html").read_text()
    assert f"--reproduce {sweep.directory} --trial" in page
    assert "--reproduce . " not in page
    assert f"{sweep.directory}/report.html" in told


def test_credentials_are_not_needed_to_repeat_a_trial(tmp_path, monkeypatch):
    sweep = planted.whole_sweep(tmp_path)
    path = sweep.directory / "sweep.yaml"
    document = yaml.safe_load(path.read_text())
    document["tracking"]["uri"] = "postgresql://***@host/db"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    trained = []
    monkeypatch.setattr(reproduce.trial, "run", lambda *_, **__: trained.append(1) or _recorded(sweep, trained))
    assert cli.main(["--reproduce", str(sweep.directory), "--trial", "0"]) == 0
    assert len(trained) == 2


def test_a_trial_is_not_repeated_on_other_images(tmp_path, capsys):
    sweep = planted.whole_sweep(tmp_path)
    Image.new("L", (32, 32)).save(next((tmp_path / "images" / "normal").iterdir()))
    assert cli.main(["--reproduce", str(sweep.directory), "--trial", "0"]) == 2
    assert "the images are not those of" in capsys.readouterr().err


PROFILES = {"cpu": {"dataset": {"image_size": 32}}, "gpu": {"dataset": {"image_size": 64}}}


@pytest.mark.parametrize("began", [0, 8])
@pytest.mark.parametrize("laptop", [0, 1])
@pytest.mark.parametrize("goes_on", [None, 0, 8])
def test_a_sweep_goes_on_on_other_hardware(tmp_path, monkeypatch, began, laptop, goes_on):
    """GPUs where the sweep began, where the command is typed, and of the cluster that it goes on, if any."""
    monkeypatch.setattr(planted.resources, "hardware", lambda: Hardware(2, began))
    sweep = planted.begin(tmp_path, profile="auto", profiles=PROFILES)
    size = sweep.prepared.spec.dataset.image_size
    driven = []
    monkeypatch.setattr(launch.resources, "hardware", lambda: Hardware(2, laptop))
    monkeypatch.setattr(cluster, "connected", lambda address, **_: _Connected(Hardware(2, goes_on or laptop)))
    monkeypatch.setattr(launch, "drive", lambda prepared, *_: driven.append(prepared) or 0)
    where = launch.Where(None if goes_on is None else "ray://there:10001", insecure=True)
    for path in (tmp_path / "sweep.yaml", None):
        launch.resume(sweep.directory, path, [], where, Console(file=io.StringIO()))
        run.open_study(sweep.directory, driven[-1].spec)
        assert driven[-1].spec.dataset.image_size == size


def test_a_sweep_that_never_began_takes_the_clusters_profile(tmp_path, monkeypatch):
    monkeypatch.setattr(launch.resources, "hardware", lambda: Hardware(2, 0))
    sweep = planted.begin(tmp_path, profile="auto", profiles=PROFILES)
    (sweep.directory / "study.db").unlink()
    driven = []
    monkeypatch.setattr(cluster, "connected", lambda address, **_: _Connected(Hardware(2, 8)))
    monkeypatch.setattr(launch, "drive", lambda prepared, *_: driven.append(prepared) or 0)
    where = launch.Where("ray://there:10001", insecure=True)
    launch.resume(sweep.directory, tmp_path / "sweep.yaml", [], where, Console(file=io.StringIO()))
    assert driven[0].spec.dataset.image_size == 64


class _Connected:
    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware

    def __enter__(self) -> Hardware:
        return self.hardware

    def __exit__(self, *_: object) -> None:
        pass


def test_moved_parts_go_on(tmp_path):
    """The index of parts holds no paths, and each part is asked for the same overrides."""
    sweep = planted.whole_sweep(tmp_path)
    folder = tmp_path / "parts"
    shutil.copytree(sweep.directory, folder / "one")
    (folder / parts_index.INDEX).write_text('[{"folder": "one", "choices": {"a": "b"}}]')
    (tmp_path / "images").rename(tmp_path / "there")
    [part] = parted.read_parts(folder, [f"dataset.root={tmp_path / 'there'}"])
    assert part.spec.dataset.source.root == tmp_path / "there"
    assert cli.main(["report", str(folder), "--set", f"dataset.root={tmp_path / 'there'}"]) == 0


def test_paths_with_blanks_stay_whole_in_commands(tmp_path):
    there = tmp_path / "a b: #c"
    sweep = planted.whole_sweep(tmp_path)
    (tmp_path / "images").rename(there)
    spec = load(sweep.directory / "sweep.yaml", [f"dataset.root={str(there)!r}"])
    command = shlex.split(run.commands(spec, sweep.directory, 0)["reproduce"])
    override = command[command.index("--set") + 1]
    assert load(sweep.directory / "sweep.yaml", [override]).dataset.source.root == Path(os.path.abspath(there))
