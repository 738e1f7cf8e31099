"""Whether a sweep's overhead per trial stays what it is as sweeps grow, beside Ray Tune's plain recipe in the same run.

    python -m benchmarks.scale --sizes 10 100 1000 10000 --untracked-sizes 100 10000 --plain-sizes 10 100

ours    as in benchmarks.sweep_overhead: trials that do nothing through the whole of tune_runner, without pictures,
        which cost the same for every trial and which the plain recipe has not.
plain   a function trainable that reports one number, OptunaSearch on SQLite with the same space and sampler,
        MLflowLoggerCallback on SQLite: what Ray's documentation shows. Less is kept of a trial than ours keeps.
reused  the same with `reuse_actors=True`, which the documentation does not show.
untracked   ours with MLflow switched off.

Every line is a process of its own, so that its memory is its own; short ones of ours are repeated, and the median one
counts. The machine may be shared, and now fast and now slow: a yardstick is a fixed piece of Python that runs whenever
a trial ends, and times are told in it as well. The plain recipe writes to MLflow before a trial ends, ours beside the
sweep: "in MLflow" counts a trial's share of the time until MLflow had everything.
"""

import argparse
import contextlib
import functools
import logging
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback
from ray.tune.experiment import Trial
from ray.tune.search.optuna import OptunaSearch
from rich.console import Console
from rich.table import Table

from benchmarks.sweep_overhead import CONCURRENT, WARM, Measured, Tick, ours, quiet, sizes, tick, without_pictures
from tune_runner.searcher import sampler
from tune_runner.space import Space
from tune_runner.tracking import prepare_environment

LONG = 1000  # trials that take long enough to be measured once


def plain_space(trial: optuna.Trial) -> None:
    trial.suggest_float("lambda_pp", 0, 1.5)
    trial.suggest_float("1-beta", 0.001, 0.1, log=True)
    if trial.suggest_categorical("negative_augmentation", ["none", "cutpaste", "void"]) != "none":
        trial.suggest_float("lambda_np", 0.1, 1.5)


def plain_trainable(config: dict[str, Any]) -> None:
    tune.report({"auroc": config["lambda_pp"] / 1.5})


class Ticks(tune.Callback):
    def __init__(self) -> None:
        self.ticks: list[Tick] = []

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self.ticks.append(tick())


def plain(folder: Path, trials: int, sampler_name: str, *, reuse: bool) -> Measured:
    prepare_environment()
    uri = f"sqlite:///{folder}/mlflow.db"
    clock = Ticks()
    start = time.perf_counter()
    ray.init(  # "local": else it joins whatever cluster runs on this machine
        address="local",
        num_cpus=CONCURRENT,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    searcher = OptunaSearch(
        plain_space,
        metric="auroc",
        mode="max",
        sampler=sampler(sampler_name, Space(), seed=0, number=0),
        study_name="plain",
        storage=optuna.storages.get_storage(f"sqlite:///{folder}/study.db"),
    )
    tune.Tuner(
        plain_trainable,
        tune_config=tune.TuneConfig(
            search_alg=searcher, num_samples=trials, max_concurrent_trials=CONCURRENT, reuse_actors=reuse
        ),
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(folder),
            callbacks=[MLflowLoggerCallback(tracking_uri=uri, experiment_name="plain"), clock],
            verbose=0,
        ),
    ).fit()
    ended = tick()
    ray.shutdown()
    return Measured(start, clock.ticks, ended, ended, sizes(folder))


KINDS: dict[str, Callable[[Path, int, str], Measured]] = {
    "ours": ours,
    "untracked": functools.partial(ours, tracked=False),
    "plain": functools.partial(plain, reuse=False),
    "reused": functools.partial(plain, reuse=True),
}


def one(kind: str, trials: int, args: argparse.Namespace) -> Measured:
    """Measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.scale", "--inside", folder, kind, str(trials), *options(args)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{kind}, {trials} trials:\n{done.stderr[-4000:]}")
        return pickle.loads((Path(folder) / "measured").read_bytes())


def middle(kind: str, trials: int, args: argparse.Namespace) -> Measured:
    """Of several measurements the one with the median time a trial; one is enough where it lasts a minute."""
    repeats = 1 if trials >= LONG or kind in ("plain", "reused") else args.repeats
    found = sorted((one(kind, trials, args) for _ in range(repeats)), key=lambda each: each.each("elapsed"))
    if repeats > 1:
        times = ", ".join(f"{each.each('elapsed'):.1f}" for each in found)
        print(f"{kind}, {trials} trials, ms a trial in {repeats} repeats: {times}", flush=True)
    return found[len(found) // 2]


def options(args: argparse.Namespace) -> list[str]:
    return ["--sampler", args.sampler, *(["--pictures"] if args.pictures else [])]


def inside(folder: Path, kind: str, trials: int, args: argparse.Namespace) -> None:
    quiet()
    with contextlib.nullcontext() if args.pictures else without_pictures():
        found = KINDS[kind](folder, trials, args.sampler)
    (folder / "measured").write_bytes(pickle.dumps(found))


def cells(kind: str, trials: int, found: Measured) -> list[str]:
    last = max(WARM, len(found.ticks) - max(len(found.ticks) // 10, 2))  # where the last tenth begins
    memory = found.ticks[-1].memory
    growth = (memory - found.ticks[WARM].memory) / (len(found.ticks) - WARM)
    return [
        kind,
        str(trials),
        f"{found.each('elapsed'):.1f}",
        f"{found.each('main'):.1f}",
        f"{found.paced('main'):.1f}",
        f"{found.paced('main', last):.1f}",
        f"{found.each('driver'):.1f}",
        f"{found.whole('elapsed'):.1f}",
        f"{found.whole('driver'):.1f}",
        f"{found.startup:.1f}",
        f"{found.report.elapsed - found.ticks[-1].elapsed:.1f}",
        f"{memory / 2**20:.0f}",
        f"{growth / 2**10:.1f}",
        f"{sum(found.disk.values()) / trials / 2**10:.1f}",
    ]


HEADINGS = (
    *("who", "trials", "ms a trial", "CPU, main thread", "in yardsticks", "in last tenth", "CPU, driver"),
    *("ms in MLflow", "CPU, driver"),
    *("start-up, s", "end, s", "MB", "kB a trial", "disk, kB a trial"),
)


def ratios(over: Measured, under: Measured) -> str:
    parts = (
        ("elapsed", over.each("elapsed") / under.each("elapsed")),
        ("main thread", over.each("main") / under.each("main")),
        ("main thread in yardsticks", over.paced("main") / under.paced("main")),
        ("elapsed in yardsticks", over.paced("elapsed") / under.paced("elapsed")),
        ("until in MLflow", over.whole("elapsed") / under.whole("elapsed")),
        ("until in MLflow, CPU", over.whole("driver") / under.whole("driver")),
    )
    return ", ".join(f"{value:.2f} {what}" for what, value in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 100, 1000, 10000])
    parser.add_argument("--untracked-sizes", type=int, nargs="*", default=[])
    parser.add_argument("--plain-sizes", type=int, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--repeats", type=int, default=5, help=f"of ours and untracked below {LONG} trials")
    parser.add_argument("--sampler", choices=("random", "tpe"), default="random", help="tpe itself grows with trials")
    parser.add_argument("--pictures", action="store_true", help="draw them")
    parser.add_argument("--inside", nargs=3, metavar=("FOLDER", "KIND", "TRIALS"), help="one line, in this process")
    args = parser.parse_args()
    if args.inside:
        folder, kind, trials = args.inside
        inside(Path(folder), kind, int(trials), args)
        return
    table = Table(*HEADINGS)
    asked = {
        "ours": args.sizes,
        "untracked": args.untracked_sizes,
        "plain": args.plain_sizes,
        "reused": args.plain_sizes,
    }
    measured: dict[tuple[str, int], Measured] = {}
    for size in sorted(set().union(*asked.values())):
        for who in (who for who, wanted in asked.items() if size in wanted):
            found = measured[who, size] = middle(who, size, args)
            table.add_row(*cells(who, size, found))
            parts = ", ".join(f"{name} {taken / 2**20:.1f}" for name, taken in found.disk.items())
            print(f"{who}, {size} trials, disk in MB: {parts}", flush=True)
    Console(width=150).print(table)
    for (who, size), found in measured.items():
        if size > 100 and (base := measured.get((who, 100))):
            print(f"{who} at {size} over {who} at 100: {ratios(found, base)}")
        if who in ("plain", "reused") and (own := measured.get(("ours", size))):
            print(f"{who} over ours at {size}: {ratios(found, own)}")


if __name__ == "__main__":
    main()
