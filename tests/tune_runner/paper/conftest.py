"""An ablation that has run to its end, with random weights and tiny heads; its scores are made up."""

import pytest

from tests.tune_runner import planted
from tests.tune_runner.tiny import TINY
from tune_runner import run

SPACE = {
    "lambda_pp": {"choice": [0.0, 0.8]},
    "negative_augmentation": {"choice": ["none", "void"]},
    "steps": {"choice": [0, 1]},
}
ABLATION = {"sampler": "ablation", "reference": {"negative_augmentation": "void"}}


def begun(folder):
    trainer = {name: value for name, value in TINY["trainer"].items() if name not in SPACE}
    sweep = planted.begin(folder, space=SPACE, trainer=trainer, search=ABLATION, budget={"trials": 10})
    run._same_inputs(sweep.study, sweep.prepared, sweep.directory)
    sweep.strength = lambda training: 0.3 + (training.lambda_pp > 0) + 2 * (training.negative_augmentation == "void")
    return sweep


@pytest.fixture(scope="session")
def ablation(tmp_path_factory):
    sweep = begun(tmp_path_factory.mktemp("ablation"))
    while sweep.searcher._waiting:
        sweep.finish()
    return sweep
