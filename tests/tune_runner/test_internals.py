"""The private parts of Ray and Optuna: each that is renamed or changed is said before a sweep begins."""

import importlib
import tomllib
from pathlib import Path

import optuna
import pytest
from packaging.specifiers import SpecifierSet

from coftad.types import InputError
from tune_runner import cluster, internals
from tune_runner.searcher import create_or_load
from tune_runner.sqlite import sqlite_url

PARTS = [*internals.RAY, *internals.OPTUNA]


def owner(part: internals.Private) -> tuple[object, str]:
    found = importlib.import_module(part.module)
    *path, last = part.name.split(".")
    for word in path:
        found = getattr(found, word)
    return found, last


def test_the_installed_versions_have_all_of_them():
    internals.check(PARTS)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_one_that_is_renamed_is_said(part, monkeypatch):
    place, name = owner(part)
    if part.name == "AuthenticationTokenLoader.reset_cache" or name == "__init__":  # they stay
        renamed = internals.Private(part.module, f"{part.name}_of_old", part.use, part.parameters, part.mentions)
        assert renamed.problem() == f"{part.module}.{part.name}_of_old is missing"
        return
    for base in place.__mro__ if isinstance(place, type) else [place]:
        if name in vars(base):
            monkeypatch.delattr(base, name)
    with pytest.raises(InputError, match=rf"{part.distribution} \S+ does not fit: .*{name} is missing, by which"):
        internals.check([part])


@pytest.mark.parametrize("part", [part for part in PARTS if part.parameters is not None], ids=lambda part: part.name)
def test_one_with_other_parameters_is_said(part, monkeypatch):
    place, name = owner(part)
    monkeypatch.setattr(place, name, lambda self, other: None)
    with pytest.raises(InputError, match="takes other parameters than"):
        internals.check([part])


@pytest.mark.parametrize("part", [part for part in PARTS if part.mentions], ids=lambda part: part.name)
def test_one_that_no_longer_uses_a_name_is_said(part, monkeypatch):
    place, name = owner(part)
    monkeypatch.setattr(place, name, lambda self: None)
    with pytest.raises(InputError, match=f"has no {part.mentions[0]}, by which"):
        internals.check([part])


def test_a_sweep_does_not_start_with_another_ray(monkeypatch):
    monkeypatch.delattr("ray.tune.execution.tune_controller.TuneController._process_trial_failure")
    monkeypatch.setattr("ray.init", lambda **_: pytest.fail("started"))
    with pytest.raises(InputError, match=r"install the version that was tested: pip install 'ray>=2\.60,<2\.61'"):
        cluster.connected(None, insecure=False).__enter__()


def test_a_study_is_not_opened_with_another_optuna(monkeypatch, tmp_path):
    monkeypatch.setattr(optuna.storages.RDBStorage, "set_trial_user_attr", lambda self: None)
    with pytest.raises(InputError, match="a trial is written to study"):
        create_or_load(sqlite_url(tmp_path / "study.db"), "s")
    assert not list(tmp_path.iterdir())


def test_only_tested_versions_are_installed_with_the_project():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["cluster"]]
    for name, specifier in internals.TESTED.items():
        found = [each for each in asked if each.partition(">")[0].partition("[")[0] == name]
        assert found
        assert all(each.endswith(specifier) for each in found)
        assert importlib.metadata.version(name) in SpecifierSet(specifier)
