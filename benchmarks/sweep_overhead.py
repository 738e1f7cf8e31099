"""What the sweep itself costs: trials that do nothing, through the whole of tune_runner, against plain Optuna.

    python -m benchmarks.sweep_overhead --trials 50

ours    tune_runner.run.drive: real Ray workers, the study in SQLite, every episode's record synced to disk, MLflow on
        SQLite filled by its background thread, the report.
optuna  study.ask, suggest, study.tell in one process, with the same space and sampler: nothing runs anywhere else,
        nothing is recorded beyond the study.

A trial's cost is taken from the first trials that came back until the last one: start-up is told apart. Two costs are
told: elapsed time, in which a busy machine shows, and the driver's processor time, in which it hardly does.
"""

import argparse
import io
import logging
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import optuna
import psutil
import yaml
from rich.console import Console
from rich.table import Table
from scipy.ndimage import median_filter

from coftad.metrics import Metrics
from coftad.trial import Row, TrialResult
from tune_runner import cluster, plan, resources, run
from tune_runner.directory import new_directory
from tune_runner.searcher import sampler
from tune_runner.space import suggest
from tune_runner.spec import SweepSpec, load
from tune_runner.tracking import sync
from tune_runner.trainable import CoftTrainable, FinishedEpisode

CONCURRENT = 2
_AROUND = 15  # trials whose yardsticks tell the processor's speed
WARM = 2 * CONCURRENT  # trials that come back before the clock starts: the second worker may still be starting

SWEEP: dict[str, Any] = {
    "name": "nothing",
    "dataset": {"name": "semicon", "image_size": 32, "shots": 4, "normal": 40, "defective": 20}
    | {"pool_normal": 24, "pool_anomalous": 20},
    "trainer": {"weights": "random"},
    "space": {
        "lambda_pp": {"uniform": [0.0, 1.5]},
        "beta": {"log_complement": [0.9, 0.999]},
        "negative_augmentation": {
            "choice": [
                "none",
                {"cutpaste": {"lambda_np": {"uniform": [0.1, 1.5]}}},
                {"void": {"lambda_np": {"uniform": [0.1, 1.5]}}},
            ]
        },
    },
    "episodes": 1,
    "resources": {"cpu": 1, "concurrent": CONCURRENT},
}


class NothingTrainable(CoftTrainable):
    """The cheapest episode that all of the program takes for a real one: one row, fixed scores, a loss curve of ten."""

    def _run(self, index: int) -> FinishedEpisode:
        image_rows = self.inputs.episodes[index].scored_rows
        value = self.trial.training.lambda_pp / 1.5
        result = TrialResult(
            rows=(Row(self.trial.points[0], self.trial.scorings[0], Metrics(value, value, value)),),
            scores=np.linspace(0, 1, len(image_rows))[None],
            image_rows=image_rows,
            losses={"all": np.linspace(1, 0, 10)},
            seconds={"train": 0.0},
        )
        return FinishedEpisode(self.number, index, self.trial, result, socket.gethostname(), self.inputs.threads)


@dataclass(frozen=True)
class Tick:
    """A moment, in seconds: elapsed, and the processor's for the main thread and for all of the driver's threads.
    memory: the driver's, in bytes. yardstick: what a fixed piece of Python took just before, in processor seconds; on
    a machine shared with others it says how fast the processor is at this moment."""

    elapsed: float
    main: float
    driver: float
    memory: int
    yardstick: float


def tick() -> Tick:
    memory = psutil.Process().memory_info().rss
    begun = time.thread_time()
    sum(number * number for number in range(20_000))  # a millisecond or so
    now = time.thread_time()
    return Tick(time.perf_counter(), now, time.process_time(), memory, now - begun)


class Meter(io.StringIO):
    """A console's file that notes when each trial's line comes."""

    def __init__(self) -> None:
        super().__init__()
        self.ticks: list[Tick] = []

    def write(self, text: str) -> int:
        if text.startswith("["):
            self.ticks.append(tick())
        return len(text)


@dataclass(frozen=True)
class Measured:
    """ticks: the end of each trial. report: the end of the sweep, after its report and up to 25 s for MLflow. synced:
    when MLflow had everything. start: before Ray started, elapsed. disk: bytes by part."""

    start: float
    ticks: list[Tick]
    report: Tick
    synced: Tick
    disk: dict[str, int]

    def each(self, clock: str, first: int = WARM) -> float:
        """Milliseconds a trial by one of the clocks of `Tick`, from trial `first` to the last trial's end."""
        past = getattr(self.ticks[-1], clock) - getattr(self.ticks[first - 1], clock)
        return 1000 * past / (len(self.ticks) - first)

    def paced(self, clock: str, first: int = WARM) -> float:
        """As `each`, in yardsticks instead of milliseconds: what is left when a machine that is now fast and now slow
        is made even. A yardstick at a time is the median of those around it."""
        ticks = self.ticks[first - 1 :]
        sticks = median_filter([each.yardstick for each in ticks], size=_AROUND, mode="nearest")
        past = np.diff([getattr(each, clock) for each in ticks])
        return float(np.mean(past / sticks[1:]))

    def whole(self, clock: str) -> float:
        """Milliseconds a trial until all are in MLflow."""
        past = getattr(self.synced, clock) - getattr(self.ticks[WARM - 1], clock)
        return 1000 * past / (len(self.ticks) - WARM)

    @property
    def startup(self) -> float:
        """Seconds until the first WARM trials were back."""
        return self.ticks[WARM - 1].elapsed - self.start


def specification(folder: Path, trials: int, name: str, *, tracked: bool = True) -> SweepSpec:
    path = folder / "sweep.yaml"
    places = {
        "tracking": {"uri": f"sqlite:///{folder}/mlflow.db" if tracked else None},
        "output": str(folder / "runs"),
    }
    path.write_text(yaml.safe_dump({**SWEEP, **places, "search": {"sampler": name}, "budget": {"trials": trials}}))
    return load(path)


@contextmanager
def without_pictures() -> Iterator[None]:
    with mock.patch("tune_runner.child_run.draw"):
        yield


def ours(folder: Path, trials: int, sampler_name: str, *, tracked: bool = True) -> Measured:
    spec = specification(folder, trials, sampler_name, tracked=tracked)
    prepared = plan.prepare(spec)
    share = resources.Share(cpu=1, gpu=0, concurrent=CONCURRENT)
    meter = Meter()
    console = Console(file=meter, width=200)
    directory = new_directory(spec)
    start = time.perf_counter()
    with cluster.connected(None, insecure=False):
        run.drive(prepared, directory, share, console, NothingTrainable)
        report = tick()
    if tracked and (left := sync(directory, timeout=24 * 3600)).unsent:
        raise RuntimeError(f"{left.unsent} runs are not in MLflow: {left.problem}")
    disk = sizes(directory) | sizes(folder, "mlflow.db", "mlartifacts")
    return Measured(start, meter.ticks, report, tick(), disk)


def sizes(folder: Path, *names: str) -> dict[str, int]:
    """Bytes that each of the entries of a folder takes on the disk, or of those that are named."""
    return {
        path.name: sum(each.stat().st_blocks * 512 for each in (path, *path.rglob("*")))
        for path in sorted(folder.iterdir())
        if not names or path.name in names
    }


def plain_optuna(spec: SweepSpec, storage: str | None, trials: int) -> list[Tick]:
    """One sampler for the whole study, as Optuna's own loop has it."""
    study = optuna.create_study(
        direction="maximize",
        storage=storage,
        sampler=sampler(spec.search.sampler, spec.space, seed=spec.seed, number=0),
    )
    ticks = []
    for _ in range(trials):
        trial = study.ask()
        suggest(spec.space, trial)
        study.tell(trial, trial.params["lambda_pp"] / 1.5)
        ticks.append(tick())
    return ticks


def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("ray").setLevel(logging.ERROR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--sampler", choices=("tpe", "random"), default="tpe")
    args = parser.parse_args()
    quiet()
    table = Table("what", "ms a trial", "processor", "ms until in MLflow", "processor", "start-up, s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = specification(folder, args.trials, args.sampler)
        for what, storage in (("Optuna, in memory", None), ("Optuna, SQLite", f"sqlite:///{folder}/plain.db")):
            ticks = plain_optuna(spec, storage, args.trials)
            one = Measured(0, ticks, ticks[-1], ticks[-1], {})
            table.add_row(what, f"{one.each('elapsed'):.1f}", f"{one.each('driver'):.1f}")
        for what, pictures in (("ours, without pictures", without_pictures()), ("ours", nullcontext())):
            inside = folder / what
            inside.mkdir()
            with pictures:
                found = ours(inside, args.trials, args.sampler)
            table.add_row(
                what,
                f"{found.each('elapsed'):.1f}",
                f"{found.each('driver'):.1f}",
                f"{found.whole('elapsed'):.1f}",
                f"{found.whole('driver'):.1f}",
                f"{found.startup:.1f}",
            )
    print(f"{args.trials} trials that do nothing, sampler {args.sampler}, {CONCURRENT} workers")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
