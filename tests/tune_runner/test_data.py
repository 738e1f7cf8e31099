"""What `tune-runner data` says of a data set, and that plans and reports tell where only a part of it was there."""

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from coftad.datasets import DATASETS
from coftad.types import InputError
from tests.coftad.datasets.layouts import LAYOUTS
from tests.tune_runner.sweep_files import Files
from tune_runner import plan
from tune_runner.data import data
from tune_runner.study import summary


def told(name, root, *, allow_partial=False):
    """The exit code, and what was printed."""
    console = Console(file=io.StringIO(), width=100)
    return data(name, root, console, allow_partial=allow_partial), console.file.getvalue()


@pytest.mark.parametrize("name", DATASETS)
def test_a_whole_set_needs_no_more_than_its_root(name, tmp_path):
    LAYOUTS[name](tmp_path)
    code, text = told(name, tmp_path)
    assert code == 0
    assert "is whole" in text
    origin = DATASETS[name].origin
    for each in (origin.title, origin.source, origin.terms, origin.layout):
        assert each in text
    assert "missing   " not in text


def test_a_part_is_counted_and_its_missing_files_are_named(tmp_path):
    LAYOUTS["magnetic_tile"](tmp_path)
    for i in range(15):
        (tmp_path / f"MT_Free/Imgs/exp1_num_{i}.jpg").unlink()
    code, text = told("magnetic_tile", tmp_path)
    assert code == 2
    assert "is not whole" in text
    assert "│ MT_Free     │   937 │      952 │ 15 missing │" in text
    assert "missing   MT_Free/Imgs/exp1_num_0.jpg" in text
    assert text.count("missing   MT_Free") == 10
    assert "and 5 more" in text
    assert "--allow-partial" in text
    assert told("magnetic_tile", tmp_path, allow_partial=True)[0] == 0


def test_nothing_at_all_is_no_part(tmp_path):
    code, text = told("aitex", tmp_path, allow_partial=True)
    assert code == 2
    assert text.count("absent") == 3
    assert "--allow-partial" not in text


def test_a_part_of_ones_own_images_is_never_allowed(tmp_path):
    LAYOUTS["semicon"](tmp_path)
    (tmp_path / "slices" / "3.png").unlink()
    code, text = told("semicon", tmp_path)
    assert code == 2
    assert "missing   slices/3.png" in text
    with pytest.raises(InputError, match="--allow-partial would be ignored"):
        told("semicon", tmp_path, allow_partial=True)
    (tmp_path / "labels.csv").unlink()
    assert "missing   labels.csv" in told("semicon", tmp_path)[1]


def test_files_too_many_are_told(tmp_path):
    LAYOUTS["magnetic_tile"](tmp_path)
    (tmp_path / "MT_Fray/Imgs/again.jpg").touch()
    code, text = told("magnetic_tile", tmp_path)
    assert code == 2
    assert "1 too many" in text


def test_without_a_root_solder_is_simulated_and_nothing_else():
    code, text = told("semicon", None)
    assert code == 0
    assert "simulated" in text
    with pytest.raises(InputError, match=r"data: aitex needs --root DIR; expected there: NODefect_images/"):
        told("aitex", None)


def test_unknown_names_and_roots_say_what_is_known(tmp_path):
    with pytest.raises(InputError, match=r"one of semicon, .*mvtec.* \(did you mean mvtec\?\)"):
        told("mvtek", tmp_path)
    with pytest.raises(InputError, match=r"nowhere does not exist; expected <category>/train/good/000.png"):
        told("mvtec", tmp_path / "nowhere")


@pytest.fixture
def prepared(tmp_path):
    """A sweep of four toothbrushes."""
    generator = np.random.default_rng(0)
    for name in ("train/good/000", "train/good/001", "test/good/000", "test/defective/000"):
        path = tmp_path / "toothbrush" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (32, 32), dtype=np.uint8)).save(path)
    text = (
        "name: s\ntrainer: {weights: random}\nspace: {n_a: {choice: [1, 2]}}\n"
        f"dataset: {{name: mvtec, root: {tmp_path}, category: toothbrush, allow_partial: true, image_size: 32, "
        "shots: 2, holdout: 0}\n"
    )
    return plan.prepare(Files(tmp_path).load(text))


def test_plans_and_reports_tell_that_a_part_was_there(prepared):
    told = "toothbrush/train: 2 of 60 (toothbrush/train/good/002.png, "
    console = Console(file=io.StringIO(), width=100)
    plan.show(prepared, plan.Estimate(1, 1, 1), console)
    assert f"a part of the set: {told}" in console.file.getvalue()
    assert f"Only a part of the data set was there: {told}" in summary._protocol(prepared)


def test_a_category_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    [problem] = Files(tmp_path).problems("name: s\ndataset: {name: mvtec, root: x, category: bottel, shots: 5}\n")
    assert "dataset.category: bottel is not allowed; one of bottle, cable" in problem
    assert "did you mean bottle?" in problem


def test_files_that_are_not_read_are_counted(tmp_path):
    LAYOUTS["folder"](tmp_path / "folder")
    for i in range(30):
        (tmp_path / f"folder/abnormal/{i}.heic").touch()
    assert "not read  abnormal: 30 .heic" in told("folder", tmp_path / "folder")[1]
    LAYOUTS["semicon"](tmp_path / "semicon")
    (tmp_path / "semicon/slices/extra.png").touch()
    assert "not read  1 images that labels.csv does not name" in told("semicon", tmp_path / "semicon")[1]


def test_a_plan_tells_of_files_not_read_and_of_copies_in_the_support_set(tmp_path):
    LAYOUTS["folder"](tmp_path)
    (tmp_path / "normal/a.heic").touch()
    text = (
        "name: s\ntrainer: {weights: random}\nspace: {n_a: {choice: [1, 2]}}\nepisodes: 2\n"
        f"dataset: {{name: folder, root: {tmp_path}, image_size: 32, shots: 2, holdout: 0.5}}\n"
    )
    lines = plan.warnings_of(plan.prepare(Files(tmp_path).load(text)))
    assert lines[0] == "not read: normal: 1 .heic"
    assert lines[1].startswith("24 images have the pixels of another (normal/0.png = normal/1.png, abnormal/0.png")
    assert lines[2] == "28 times an image that is scored has the pixels of one in the support set"


def test_an_empty_file_is_damaged_and_no_part_can_do_without_it(tmp_path):
    LAYOUTS["magnetic_tile"](tmp_path)
    for i in range(2):
        (tmp_path / f"MT_Fray/Imgs/exp1_num_{i}.jpg").unlink()
        (tmp_path / f"MT_Fray/Imgs/exp1_num_{i}.jpg").touch()
    code, text = told("magnetic_tile", tmp_path, allow_partial=True)
    assert code == 2
    assert "2 damaged" in text
    assert "damaged   MT_Fray/Imgs/exp1_num_0.jpg" in text
    assert "--allow-partial" not in told("magnetic_tile", tmp_path)[1]
