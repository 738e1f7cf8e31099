"""Trainables that fail in the ways a process can, on purpose and for real."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from coftad.metrics import evaluate
from coftad.trial import Row, TrialResult
from tune_runner.trainable import CoftTrainable, FinishedEpisode


class Quick(CoftTrainable):
    """Scores from lambda_pp alone: everything but the training is real."""

    def _run(self, index):
        self.fault(self.trial.training.lambda_pp)
        episode = self.inputs.episodes[index]
        rows = episode.scored_rows
        labels = episode.pool.labels[rows]
        noise = np.random.default_rng([self.number, index]).normal(size=len(rows))
        scores = np.tile(
            labels * self.trial.training.lambda_pp + noise, (len(self.trial.points) * len(self.trial.scorings), 1)
        )
        search = np.isin(rows, episode.search_rows)
        measured = evaluate(labels[search], scores[0, search])
        found = tuple(Row(steps, scoring, measured) for steps in self.trial.points for scoring in self.trial.scorings)
        result = TrialResult(found, scores, rows, {"all": np.zeros(1)}, {"train": 0.0})
        return FinishedEpisode(self.number, index, self.trial, result, "test", 1)

    def fault(self, lambda_pp):
        pass


class DiesWhenReused(Quick):
    """A worker that is killed while it is handed its next trial, each time until `LIVES` of them are gone."""

    LIVES = 3

    def reset_config(self, new_config):
        if hasattr(self, "trial"):  # not in `setup`
            folder = Path(os.environ["GRAVEYARD"])
            if len(list(folder.iterdir())) < self.LIVES:
                (folder / str(os.getpid())).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().reset_config(new_config)


class Faulty(Quick):
    """lambda_pp chooses the fault: its whole part is the fault's number."""

    def fault(self, lambda_pp):
        match int(lambda_pp):
            case 1:
                sys.exit(3)
            case 2:
                ctypes.string_at(0)  # SIGSEGV
            case 3:
                time.sleep(1000)
            case 4:
                os.kill(os.getpid(), signal.SIGKILL)
            case 5:
                np.ones((1 << 40,))  # 8 TiB
            case 6:
                raise KeyError("a bug")
            case 7:
                self.eat()

    def eat(self):
        held = []
        while True:
            held.append(np.ones(1 << 24))  # 128 MiB at a time, touched
            time.sleep(0.02)
