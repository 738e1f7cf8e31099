"""How long the report of a large sweep takes, and how much memory.

    python -m benchmarks.study --trials 10000

The study and its records are made up, in the form that a sweep leaves them in: two episodes a trial, twelve rows each,
a conditional parameter, and of every ten trials one that was dropped after its first episode. Everything
from there on is the program's own: intervals, tests, shares, curves, tables, page.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna
import yaml
from optuna.trial import TrialState

from benchmarks.sweep_overhead import SWEEP
from coftad.criteria import SIGNS
from coftad.metrics import Metrics
from tune_runner import plan
from tune_runner.reconcile import verdict
from tune_runner.records import EpisodeRecord, Records, RowRecord
from tune_runner.spec import load
from tune_runner.study import report

ROWS = {"n_a": {"choice": [1, 5, 10, 20]}, "steps": {"choice": [0, 10, 20]}}


def made_up(folder: Path, trials: int) -> tuple[plan.Prepared, optuna.Study]:
    """AUROC rises with n_a, and with lambda_pp the more, the longer the training; it is noise otherwise."""
    path = folder / "sweep.yaml"
    path.write_text(yaml.safe_dump({**SWEEP, "space": {**SWEEP["space"], **ROWS}, "episodes": 2, "tracking": None}))
    prepared = plan.prepare(load(path))
    generator = np.random.default_rng(0)
    sampler = optuna.samplers.RandomSampler(seed=0)
    asked, study = optuna.create_study(sampler=sampler), optuna.create_study(direction="maximize")
    records, found = Records(folder), []
    with (folder / "records.jsonl").open("w") as lines:
        for number in range(trials):
            trial = asked.ask()
            suggestion = prepared.spec.suggest(trial)
            config = prepared.spec.config(suggestion)
            kept = []
            dropped = number % 10 == 9
            for episode in prepared.episodes[: 1 if dropped else None]:
                base = 0.6 + generator.normal(0, 0.05)
                strength = 0.1 * config.training.lambda_pp / max(config.points)
                aurocs = [
                    min(1.0, base + strength * steps + 0.002 * scoring.n_a + generator.normal(0, 0.01))
                    for steps in config.points
                    for scoring in config.scorings
                ]
                keys = [(steps, scoring) for steps in config.points for scoring in config.scorings]
                rows = tuple(
                    RowRecord(
                        steps=steps,
                        scoring=scoring,
                        search=Metrics(value, value, value),
                        criteria={name: value + generator.normal(0, 0.05) for name in SIGNS},
                    )
                    for (steps, scoring), value in zip(keys, aurocs, strict=True)
                )
                record = EpisodeRecord(
                    trial=number, ray_trial=str(number), episode=episode.index, seed=episode.seed,
                    training=config.training, rows=rows, seconds={"train": 1.0}, finished_at=0, host="here", threads=1,
                )  # fmt: skip
                lines.write(record.model_dump_json() + "\n")
                kept.append(record)
            result = verdict(kept)
            asked.tell(trial, result.value)
            found.append(
                optuna.trial.create_trial(
                    state=TrialState.PRUNED if dropped else TrialState.COMPLETE,
                    params=trial.params,
                    distributions=trial.distributions,
                    value=result.value,
                    user_attrs=result.attributes,
                )
            )
    study.add_trials(found)
    _scores(records, prepared)
    return prepared, study


def _scores(records: Records, prepared: plan.Prepared) -> None:
    """The same arrays for all trials; the report reads those of some hundred."""
    generator = np.random.default_rng(1)
    (records.directory / "scores").mkdir()
    for trial in records.episodes():
        for record in records.of(trial):
            first = records.directory / f"episode-{record.episode}.npz"
            if not first.exists():
                image_rows = prepared.episodes[record.episode].scored_rows
                scores = generator.normal(0, 1, (len(record.rows), len(image_rows)))
                np.savez(first, scores=scores, image_rows=image_rows)
            os.link(first, records.directory / record.scores_file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 10000])
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    for trials in args.trials:
        with tempfile.TemporaryDirectory() as name:
            prepared, study = made_up(Path(name), trials)
            before, start = time.process_time(), time.perf_counter()
            _, files = report.make(prepared, study, Path(name), {})
            took, processor = time.perf_counter() - start, time.process_time() - before
            sizes = ", ".join(f"{path.name} {path.stat().st_size / 2**20:.1f}" for path in files)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
            print(f"{trials} trials: {took:.1f} s, {processor:.1f} s of processor, {peak:.0f} MB at most; MB: {sizes}")


if __name__ == "__main__":
    main()
