"""A sweep small enough to run for real in a test: tiny networks' heads, few steps, simulated solder, random weights."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

TINY = {
    "name": "tiny",
    "seed": 0,
    "dataset": {
        "name": "semicon",
        "image_size": 32,
        "shots": 4,
        "holdout": 0.5,
        "normal": 40,
        "defective": 20,
        "pool_normal": 24,
        "pool_anomalous": 20,
    },
    "trainer": {
        "weights": "random",
        "batch_size": 8,
        "projector_hidden": 16,
        "projector_out": 8,
        "predictor_hidden": 16,
        "learning_rate": 1e-5,
    },
    "space": {
        "lambda_pp": {"uniform": [0.0, 1.5]},
        "negative_augmentation": {"choice": ["none", {"void": {"lambda_np": {"uniform": [0.1, 1.0]}}}]},
        "n_a": {"choice": [1, 3]},
        "steps": {"choice": [0, 2]},
    },
    "search": {"sampler": "tpe"},
    "episodes": 2,
    "budget": {"trials": 4},
    "tracking": {"uri": "sqlite:///mlflow.db"},
    "output": "runs",
}


class Shell:
    """Runs the command line in a folder of its own, as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "COFTAD_CACHE": str(folder.parent / "cache"), "COLUMNS": "150"}

    def write(self, name="sweep.yaml", **changes) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump({**TINY, **changes}, sort_keys=False))
        return path

    def command(self, *arguments) -> list[str]:
        return [sys.executable, "-m", "tune_runner", *map(str, arguments)]

    def __call__(self, *arguments, timeout=300) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def only_run(self, name="tiny") -> Path:
        [directory] = (self.folder / "runs" / name).iterdir()
        return directory
