"""Does fine-tuning pay here? A configuration against its own network before the first step, both scored alike."""

from tune_runner.plan import Prepared
from tune_runner.records import Records
from tune_runner.study.episode_noise import EpisodeNoise
from tune_runner.study.scored import rows
from tune_runner.study.versus import Side, Versus, versus

BEFORE = "the same network before fine-tuning"


def against_untrained(
    prepared: Prepared, records: Records, side: Side, noise: EpisodeNoise, *, family: int = 1
) -> Versus | None:
    """On test; None where the configuration is at 0 steps itself, or its trajectory was not scored there. family: the
    rows that the configuration was chosen from, 1 where it was not chosen."""
    before = at_start(side)
    return None if before is None else versus(prepared, records, side, before, noise, family=family)


def at_start(side: Side) -> Side | None:
    """The same configuration at 0 steps; None if that was not scored, or is what `side` is."""
    settings = rows(side.episodes[0])
    wanted = {**settings[side.row], "steps": 0}
    if wanted == settings[side.row] or wanted not in settings:
        return None
    return Side(BEFORE, side.episodes, settings.index(wanted))
