"""What a study would have claimed that tunes on its test images, as one does whose pool is search and test at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from coftad.seeding import numpy_generator
from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study.scored import aurocs_on_test

MOST_TRIALS = 500  # drawn from a larger study: the best of 500 is nearly that of all


@dataclass(frozen=True)
class Optimism:
    """Test AUROC of the configuration that is best on `test` itself, and of the one that `search` chose; of `trials`
    trials."""

    tuned_on_test: float
    honest: float
    trials: int


def optimism(prepared: Prepared, trials: Sequence[FrozenTrial], best: FrozenTrial, records: Records) -> Optimism | None:
    """None where search and test are one pool, or nothing was chosen."""
    if prepared.episodes[0].shared or len(trials) < 2:
        return None
    drawn = list(trials)
    if len(drawn) > MOST_TRIALS:
        order = numpy_generator(prepared.spec.seed, "optimism").permutation(len(drawn))[:MOST_TRIALS]
        drawn = [best, *(drawn[index] for index in order)]
    means = {trial.number: aurocs_on_test(prepared, records, trial.number).mean(0) for trial in drawn}
    wanted = best.user_attrs["best_row"].items()
    chosen = next(index for index, each in enumerate(best.user_attrs["rows"]) if wanted <= each.items())
    return Optimism(max(float(each.max()) for each in means.values()), float(means[best.number][chosen]), len(means))
