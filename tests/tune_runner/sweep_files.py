"""Sweep files in a folder of their own, and what is said of them."""

from pathlib import Path

import pytest

from tune_runner.spec import load
from tune_runner.spec_model import Hardware, SweepSpec
from tune_runner.yaml_lines import SpecErrors

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
