"""What Ray Tune does in a sweep: hand out the searcher's configurations to workers, in rounds."""

import tempfile
from pathlib import Path

from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from tune_runner.callback import Halt, SweepCallback
from tune_runner.journal import RecordingError
from tune_runner.plan import Prepared
from tune_runner.ray_client import staging, tuner
from tune_runner.resources import Share
from tune_runner.searcher import StudySearcher
from tune_runner.spec import SweepSpec
from tune_runner.trainable import CoftTrainable, Inputs

_ROUND = 5000  # trials that Tune is given at a time, 40 kB of memory each; starting its workers anew costs seconds


def inputs(prepared: Prepared, share: Share) -> Inputs:
    states = {
        name: None if found.state is None else {key: value.numpy() for key, value in found.state.items()}
        for name, found in prepared.weights.items()
    }
    budget = prepared.spec.budget
    return Inputs(
        episodes=prepared.episodes,
        weights=states,  # type: ignore[arg-type]
        threads=share.threads,
        device="auto" if share.gpu else "cpu",
        trial_time=budget.trial_time,
        retries=budget.retries,
        objective=prepared.spec.objective,
    )


def scheduler(spec: SweepSpec) -> TrialScheduler:
    if spec.search.scheduler == "asha":
        return AsyncHyperBandScheduler(
            time_attr="training_iteration",
            metric="objective",
            mode="max",
            max_t=spec.episodes,
            grace_period=1,
            reduction_factor=2,
        )
    return FIFOScheduler()


def fit(
    prepared: Prepared,
    share: Share,
    searcher: StudySearcher,
    callback: SweepCallback,
    halt: Halt,
    trainable: type[CoftTrainable],
) -> None:
    """Tune in rounds: it holds every trial in memory. Between rounds it forgets."""
    spec = prepared.spec
    with_inputs = tune.with_parameters(trainable, inputs=inputs(prepared, share))
    rungs = scheduler(spec)
    while searcher.more and not halt.stop_all():
        folder = tempfile.TemporaryDirectory(prefix="tune_runner-", ignore_cleanup_errors=True)
        with folder as snapshots, staging():
            found = tuner(
                trainable=tune.with_resources(with_inputs, {"cpu": share.cpu, "gpu": share.gpu}),
                tune_config=tune.TuneConfig(
                    search_alg=searcher,
                    scheduler=rungs,
                    num_samples=min(searcher.remaining, _ROUND),
                    max_concurrent_trials=share.concurrent,
                    reuse_actors=True,
                ),
                run_config=tune.RunConfig(
                    name="ray",
                    storage_path=snapshots,
                    callbacks=[callback],
                    stop=halt,
                    verbose=0,
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    failure_config=tune.FailureConfig(max_failures=spec.budget.retries),
                ),
            )
            try:
                found.fit()
            except OSError as error:
                halt.stop("Ray cannot write its snapshot", RecordingError(Path(snapshots), error))
