"""Where a sweep runs."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from tune_runner.spec import Hardware


@dataclass(frozen=True)
class Where:
    """The cluster to run on: None is a Ray of our own on this machine. insecure: join one without a token."""

    address: str | None = None
    insecure: bool = False

    def connect(self) -> AbstractContextManager[Hardware]:
        from tune_runner import cluster  # late, for commands that may turn out to run nothing

        return cluster.connected(self.address, insecure=self.insecure)
