"""The parts of the files in sweeps/paper/, one sweep each. To be replaced by `tune_runner.parts`."""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, get_args

import yaml

from coftad.datasets import DATASETS
from coftad.types import ScorerName
from tune_runner.spec import load
from tune_runner.spec_model import SweepSpec
from tune_runner.yaml_lines import Node, merge, parse

FOLDER = Path(__file__).parents[3] / "sweeps" / "paper"
PROFILES = ("cpu", "gpu")


def expanded(name: str, profile: str) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """(choices, content) of each part of a file, under a profile."""
    root, problems = parse((FOLDER / f"{name}.yaml").read_text())
    assert root is not None
    assert not problems
    whole = merge(root, root.mapping["profiles"].mapping[profile])
    content = {key: node for key, node in whole.mapping.items() if key not in ("parts", "profile", "profiles")}
    axes = whole.mapping["parts"].data() if "parts" in whole.mapping else {}
    for values in product(*axes.values()):
        found = Node(content)
        for key, value in zip(axes, values, strict=True):
            section, _, field = key.partition(".")
            laid = {field: value} if field else axes[key][value]
            found = merge(found, _node({section: laid}))
        yield {key: str(value) for key, value in zip(axes, values, strict=True)}, found.data()


def _node(content: Mapping[str, Any]) -> Node:
    root, problems = parse(yaml.safe_dump(content))
    assert root is not None
    assert not problems
    return root


def loaded(content: Mapping[str, Any], folder: Path) -> SweepSpec:
    """Checked. A data set and scorers that are not there yet are left out."""
    dataset, space = content["dataset"], dict(content["space"])
    if dataset["name"] not in DATASETS:
        dataset = {"name": "magnetic_tile", "root": "/data"} | {
            key: dataset[key]
            for key in ("image_size", "shots", "holdout", "pool_normal", "pool_anomalous")
            if key in dataset
        }
    if "scorer" in space:
        space["scorer"] = {"choice": [each for each in space["scorer"]["choice"] if each in get_args(ScorerName)]}
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump({**content, "dataset": dataset, "space": space}))
    return load(path, environment={"COFTAD_DATA": "/data"})
