"""Three Ray nodes, a sweep on them from the command line, and what goes wrong on the way."""

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from tests.mlflow_server import Server
from tests.tune_runner.tiny import TINY

ROOT = Path(__file__).parents[2]
NODES = 3
LONGEST_WAIT = 20.0  # seconds from a driver's start to its kill, where it is to die before anything more is recorded

START_NODES = f"""
from ray.cluster_utils import Cluster

nodes = Cluster(initialize_head=True, head_node_args={{"num_cpus": 1, "include_dashboard": False}})
for _ in range({NODES - 1}):
    nodes.add_node(num_cpus=1)
print(nodes.address, flush=True)
input()
nodes.shutdown()
"""


@contextlib.contextmanager
def three_nodes() -> Iterator[str]:
    """The address of a cluster with one CPU on each node, and without authentication."""
    nodes = subprocess.Popen(
        [sys.executable, "-c", START_NODES],
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert nodes.stdout is not None
    try:
        yield nodes.stdout.readline().strip()
    finally:
        nodes.communicate("\n", timeout=60)


@dataclass
class Sweep:
    """One sweep of `configurations` in a folder of its own, and what happened to it."""

    folder: Path
    address: str
    configurations: int
    server: Server
    driver_kills: int = 0
    worker_kills: int = 0
    seconds: float = 0.0
    seconds_away: float = 0.0  # of MLflow

    def __post_init__(self) -> None:
        settings = {
            **TINY,
            "search": {"sampler": "random"},  # what it suggests does not depend on which trial ended first
            "budget": {"trials": self.configurations, "retries": 100},
            "tracking": {"uri": self.server.uri},
        }
        self.folder.mkdir(parents=True)
        (self.folder / "sweep.yaml").write_text(yaml.safe_dump(settings))

    @property
    def directory(self) -> Path | None:
        return next(self.folder.glob("runs/*/*/"), None)

    @property
    def recorded(self) -> int:
        """Finished episodes."""
        path = self.directory / "records.jsonl" if self.directory else None
        return path.read_bytes().count(b"\n") if path is not None and path.exists() else 0

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tune_runner", *arguments]

    def start(self) -> "subprocess.Popen[bytes]":
        """The driver: of a new sweep, or of the one that was begun."""
        begun = self.directory is not None and (self.directory / "sweep.yaml").exists()
        what = ("--resume", str(self.directory)) if begun else ("--sweep", "sweep.yaml")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COFTAD_CACHE": str(self.folder.parent / "cache")}
        environment["RAY_AUTH_MODE"] = "disabled"
        with (self.folder / "output.log").open("ab") as output:
            return subprocess.Popen(
                self.command(*what, "--address", self.address, "--insecure"),
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=output,
            )

    def finish(self) -> None:
        """Undisturbed, to its end."""
        began = time.monotonic()
        driver = self.start()
        assert driver.wait(timeout=900) == 0, (self.folder / "output.log").read_text()[-5000:]
        self.seconds += time.monotonic() - began

    def disturb(self, kills: int, draw: random.Random, *, mlflow_away: bool, say: Callable[[str], object]) -> None:
        """Kill `kills` drivers, and workers all the while; then let the sweep end, and bring MLflow up to date."""
        began, over = time.monotonic(), threading.Event()
        plagues = [threading.Thread(target=self._kill_workers, args=(random.Random(draw.random()), over))]
        if mlflow_away:
            plagues.append(threading.Thread(target=self._take_mlflow_away, args=(over,)))
        for plague in plagues:
            plague.start()
        try:
            while self.driver_kills < kills and self._live_and_die(draw):
                say(f"driver killed {self.driver_kills} times, {self.recorded} episodes recorded")
            driver = self.start()
            code = driver.wait(timeout=900)
        finally:
            over.set()
            for plague in plagues:
                plague.join()
        assert code == 0, (self.folder / "output.log").read_text()[-5000:]
        subprocess.run(self.command("--sync", str(self.directory)), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        self.seconds += time.monotonic() - began

    def _live_and_die(self, draw: random.Random) -> bool:
        """Whether a driver was killed: after none to three more episodes and a moment, if it did not end before."""
        episodes, moment = draw.randrange(4), draw.random()
        goal, driver = self.recorded + episodes, self.start()
        while driver.poll() is None and self.recorded < goal:
            time.sleep(0.02)
        try:
            driver.wait(moment if episodes else moment * LONGEST_WAIT)
            return False
        except subprocess.TimeoutExpired:
            driver.kill()
            driver.wait()
        self.driver_kills += 1
        return True

    def _kill_workers(self, draw: random.Random, over: threading.Event) -> None:
        while not over.wait(draw.uniform(5, 15)):
            workers = [process for process in psutil.Process().children(recursive=True) if _runs_a_trial(process)]
            if workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    draw.choice(workers).kill()
                    self.worker_kills += 1

    def _take_mlflow_away(self, over: threading.Event) -> None:
        """Gone first, then there for as long as it was gone, and so on."""
        while not over.is_set():
            gone = time.monotonic()
            self.server.stop()
            over.wait(20)
            self.server.start()
            away = time.monotonic() - gone
            self.seconds_away += away
            over.wait(away)


def _runs_a_trial(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        words = " ".join(process.cmdline())
        return words.startswith("ray::") and "Trainable" in words
    return False
