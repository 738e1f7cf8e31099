"""Damaged sweep files end in a spec that works or in SpecErrors, never in another exception."""

import random
from pathlib import Path

import optuna
import pytest

from tune_runner.spec import load
from tune_runner.spec_model import Hardware
from tune_runner.yaml_lines import SpecErrors

VALID = """\
name: fuzz
seed: 1
dataset: {name: semicon, shots: 10, holdout: 0.5, root: null}
trainer:
  weights: {resnet18: ./a.pth, resnet50: auto}
  lambda_pp: 0.8
  steps: ${STEPS:-40}
space:
  beta: {log_complement: [0.9, 0.999]}
  projector_out: {int: [64, 512, 64]}
  scorer: {choice: [gaussian: {epsilon: {loguniform: [1e-3, 1]}}, knn]}
  backbone: {choice: [resnet18, resnet50]}
  negative_augmentation:
    choice:
      - none
      - void: {lambda_np: {uniform: [0.1, 1.5]}}
search: {sampler: tpe, scheduler: asha}
episodes: 2
resources: {cpu: 1, gpu: 0.5}
budget: {trials: 12, wall_time: 9m}
tracking: {uri: sqlite:///x.db}
output: runs
profiles: {cpu: {episodes: 3, space: {beta: null}}}
"""
CHARACTERS = "{}[]:,-&*!|>'\"%@`#?~ \n\t0123456789.eE+_$abcxyz\0\x85\u2028\ufeffé\\"
TOKENS = [
    *("null", "true", "none", "auto", "[]", "{}", "''", "-1", "0", "1", "1e999", ".inf", ".nan", "-0.0", "1e-320"),
    *("9" * 30, "9" * 5000, "0x" + "f" * 5000, "0b_", "0x_", "1_0", "1:30", "190:20:30.15", "2024-01-01", "2024-99-99"),
    *("=", "<<", "- x", "? x", "!!binary x", "!!set {a}", "!!int x", "!!float x", "!x y", "*x", "&x y", "&x [*x]", "%"),
    *(
        "${",
        "${X}",
        "${HOME:-}",
        "$${X}",
        "${1}",
        '"\\ud800"',
        '"\\0"',
        '"\\UFFFFFFFF"',
        "[" * 50,
        "{a: " * 30,
        "é" * 99,
    ),
    *(
        "[0, 1]",
        "[1, 0]",
        "[0.5, 0.5]",
        "[1, 2, 3]",
        "[a, b]",
        "{choice: [1]}",
        "{int: [1, 2]}",
        "{uniform: [0.1, 0.2]}",
    ),
    *(
        "n_a",
        "steps",
        "lambda_np",
        "gaussian",
        "void",
        "semicon",
        "folder",
        "grid",
        "gpu",
        "/",
        "~",
        "~x/y",
        "http://a:b@c",
    ),
]


def damaged(rng: random.Random) -> bytes:
    """`VALID` after one or two of: a character or line changed, a value replaced, bytes overwritten."""
    text = VALID
    for _ in range(rng.choice([1, 1, 2])):
        kind = rng.randrange(6)
        at = rng.randrange(len(text) + 1)
        lines = text.split("\n")
        line = rng.randrange(len(lines))
        if kind == 0:
            text = text[:at] + rng.choice(CHARACTERS) + text[at + rng.randint(0, 1) :]
        elif kind == 1:
            text = text[:at] + text[at + rng.randint(1, 20) :]
        elif kind == 2:
            lines[line] = rng.choice([" ", "  ", "- ", ""]) + lines[rng.randrange(len(lines))]
            text = "\n".join(lines)
        elif kind == 3:
            lines.insert(line, lines[rng.randrange(len(lines))])
            text = "\n".join(lines)
        else:  # a whole word or number, which gets further than a syntax error does
            words = [i for i, char in enumerate(text) if char.isalnum() and not (i and text[i - 1].isalnum())]
            start = rng.choice(words or [0])
            end = start
            while end < len(text) and (text[end].isalnum() or text[end] in "._/-"):
                end += 1
            text = text[:start] + rng.choice(TOKENS) + text[end:]
    raw = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.05:
        at = rng.randrange(len(raw) + 1)
        raw = raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :]
    return raw


def readable(errors: SpecErrors) -> None:
    """One printable line for each problem."""
    lines = str(errors).encode().decode().split("\n")
    assert len(lines) == len(errors.problems) > 0
    assert all(problem.message for problem in errors.problems)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(5))
def test_damaged_files(tmp_path: Path, part: int) -> None:
    rng = random.Random(f"damaged {part}")
    path = tmp_path / "fuzz.yaml"
    good = 0
    for _ in range(500):
        raw = damaged(rng)
        path.write_bytes(raw)
        try:
            spec = load(path, [], Hardware(cpus=2), {"HOME": "/home/x"})
        except SpecErrors as error:
            readable(error)
            continue
        good += 1
        # What was let through must work: it is written, read again, and gives configurations that can be run.
        path.write_text(spec.to_yaml(credentials=True), encoding="utf-8")
        assert load(path, [], Hardware(cpus=2), {}) == spec, raw
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        for _ in range(3):
            config = spec.config(spec.suggest(study.ask()))
            assert spec.trainer.weights_of(config.training.backbone), raw
    assert 15 < good < 450  # the damage neither always shows nor never


def test_damaged_overrides(tmp_path: Path) -> None:
    rng = random.Random("overrides")
    path = tmp_path / "fuzz.yaml"
    path.write_text("name: s\ndataset: {name: semicon, shots: 10}\nspace: {beta: {uniform: [0.1, 0.2]}}\n", "utf-8")
    keys = ["seed", "space", "space.beta", "space.beta.uniform", "trainer.steps", "trainer.weights", "dataset.root"]
    keys += ["tracking.uri", "budget.wall_time", "resources", "profile", "profiles.x", "a.b", "", ".", "search.x.y"]
    refused = 0
    for _ in range(500):
        value = "".join(rng.choice([rng.choice(TOKENS), rng.choice(CHARACTERS)]) for _ in range(rng.randint(0, 2)))
        try:
            load(path, [rng.choice(keys) + rng.choice(["=", "=", "=", ""]) + value], Hardware(), {})
        except SpecErrors as error:
            readable(error)
            refused += 1
    assert 250 < refused < 500  # the damage nearly always shows, and some of it is good
