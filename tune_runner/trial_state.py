"""Which of a study's trials count, and why one failed."""

from collections.abc import Iterable

from optuna.trial import FrozenTrial

INTERRUPTED = "interrupted"
DUPLICATE = "duplicate"
_NOT_COUNTED = (INTERRUPTED, DUPLICATE)


def reason(trial: FrozenTrial) -> str | None:
    return trial.user_attrs.get("reason")


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial is one of the number the sweep was asked for: ended, and not merely interrupted or repeated."""
    return trial.state.is_finished() and reason(trial) not in _NOT_COUNTED


def counted(trials: Iterable[FrozenTrial]) -> int:
    return sum(map(counts, trials))
