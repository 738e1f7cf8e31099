"""The Ray Tune trainable around `coftad.trial`: one Ray trial is one configuration, one step is one episode.

A configuration that fails is a result with a typed reason, not an exception: the worker process lives on and is reused.
"""

import os
import socket
import time
import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from ray import tune

from coftad import trial
from coftad.devices import pick, repeatable
from coftad.finetune import NonFiniteLoss
from coftad.metrics import NonFiniteScores
from coftad.types import Episode
from tune_runner.deathbed import Note
from tune_runner.objective import COSTLY, Objective, sampler_row, values

TRIAL_CONFIG = TypeAdapter(trial.TrialConfig)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What all trials of a sweep share, put once into Ray's object store; workers map its arrays without a copy.

    weights: per backbone the state_dict as arrays, None for random weights. threads: of torch, in every worker.
    trial_time: seconds that one trial may take, None for no limit. retries: of a trial whose worker died. objective:
    what its best row is chosen by.
    """

    episodes: tuple[Episode, ...]
    weights: dict[str, dict[str, NDArray[Any]] | None]
    threads: int
    device: str
    trial_time: float | None = None
    retries: int = 0
    objective: Objective = "auroc"


@dataclass(frozen=True, eq=False)
class FinishedEpisode:
    """One finished episode on its way from a worker to the driver's records."""

    number: int
    episode: int
    config: trial.TrialConfig
    result: trial.TrialResult
    host: str
    threads: int


@dataclass(frozen=True)
class Failure:
    """Why a configuration failed. reason: non_finite, no_objective, out_of_memory, exit, time_limit, crash or
    exception; the driver adds worker_died, node_died and unreachable. detail: for people."""

    reason: str
    detail: str


def failure(error: BaseException) -> Failure:
    """The typed reason of an exception raised inside a trial."""
    if isinstance(error, NonFiniteLoss | NonFiniteScores):
        return Failure("non_finite", str(error))
    text = str(error)
    if isinstance(error, SystemExit):
        return Failure("exit", f"the trial called sys.exit({error.code!r})")
    # torch's CPU allocator has no exception class of its own
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in text:
        return Failure("out_of_memory", text or type(error).__name__)
    last = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    place = f" at {os.path.basename(last.filename)}:{last.lineno}" if last else ""
    return Failure("exception", f"{type(error).__name__}: {text}{place}")


class CoftTrainable(tune.Trainable):
    """config: `number` (Optuna's) and `trial` (a TrialConfig as plain values). See `Inputs` for the rest."""

    def setup(self, config: dict[str, Any], inputs: Inputs | None = None) -> None:
        if inputs is not None:  # absent when a reused actor is reset
            self.inputs = inputs
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.number = int(new_config["number"])
        self.trial = TRIAL_CONFIG.validate_python(new_config["trial"])
        self.next_episode = 0
        self.note = Note(self.trial_id)
        self.deadline = None
        if self.inputs.trial_time is not None:
            self.deadline = time.monotonic() + self.inputs.trial_time
        self.values: list[NDArray[np.float64]] = []  # of the objective, per finished episode: (rows,)
        return True

    def step(self) -> dict[str, Any]:
        index = self.next_episode
        if (before := self._last_attempt()) is not None:
            return {"failure": before, "episodes": index, "done": True}
        try:
            with self.note.watching(self.deadline):
                finished = self._run(index)
        except (Exception, SystemExit) as error:
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            return {"failure": failure(error), "episodes": index, "done": True}
        self.next_episode += 1
        objective = self.inputs.objective
        self.values.append(values(finished.result.rows, objective))
        values_ER = np.stack(self.values)
        steps = [row.steps for row in finished.result.rows]
        if np.isnan(values_ER.mean(0)).all():
            none = Failure("no_objective", f"{objective} does not exist at any point or scoring of this configuration")
            return {"failure": none, "episodes": index, "done": True}
        return {
            "objective": float(values_ER[:, sampler_row(values_ER, steps)].mean()),
            "episodes": self.next_episode,
            "finished": finished,
            "done": self.next_episode == len(self.inputs.episodes),
        }

    def _last_attempt(self) -> Failure | None:
        """The failure to report in place of one more attempt, if earlier ones on this machine left no hope: a trial
        that was too slow will be again, and of a crash the last attempt is spent on telling."""
        words = self.note.last_words()
        if words is None:
            return None
        self.note.count_crash()
        if words[0] == "crash" and self.note.crashes() < self.inputs.retries:
            return None
        self.note.forget()
        return Failure(*words)

    def _run(self, index: int) -> FinishedEpisode:
        backbone = self.trial.training.backbone
        arrays = self.inputs.weights[backbone]
        state = None if arrays is None else {key: torch.tensor(value) for key, value in arrays.items()}
        with repeatable(self.inputs.threads):
            result = trial.run(
                self.trial,
                self.inputs.episodes[index],
                state,
                device=pick(self.inputs.device),
                costly_criteria=self.inputs.objective in COSTLY,
            )
        return FinishedEpisode(self.number, index, self.trial, result, socket.gethostname(), self.inputs.threads)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing is worth saving: an episode is recorded by the driver when it ends, and is the unit of loss."""

    def load_checkpoint(self, checkpoint: str) -> None:
        self.reset_config(self.config)
