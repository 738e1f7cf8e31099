"""The three answers of a sweep, in plain words with numbers."""

from dataclasses import dataclass
from typing import Any

from tune_runner.study.effects import FEWEST_BETWEEN, Effect
from tune_runner.study.summary import Best, Summary
from tune_runner.study.words import chance, percent, points, spread, text

_NAMED = 4  # settings in a sentence; the rest is in the table below it


@dataclass(frozen=True)
class Answer:
    question: str
    sentences: tuple[str, ...]


def answers(summary: Summary) -> tuple[Answer, Answer, Answer]:
    return (
        Answer("Which settings are good here?", tuple(_good(summary))),
        Answer("How much does each setting matter here?", tuple(_matters(summary))),
        Answer("Would I get the same answer again?", tuple(_again(summary))),
    )


def _good(summary: Summary) -> list[str]:
    best = summary.best
    if best is None:
        return [f"Not enough evidence: 0 of {sum(summary.trials.values())} trials are complete."]
    where = (
        "on the images that it was chosen on, as in the paper, which flatters it"
        if summary.shared
        else "on images that no search has seen"
    )
    said = f"Trial {best.trial} ({_settings(best, summary.effects)}) reaches "
    said += f"{spread(best.test_auroc, best.test_interval)} % AUROC {where}"
    found = [f"{said}{_against(summary.against_reference) if summary.against_reference else ''}."]
    if (optimism := summary.optimism) is not None:
        found.append(
            f"A choice on the test images themselves would have claimed {percent(optimism.tuned_on_test)} %, where an "
            f"honest one shows {percent(optimism.honest)} %: {points(optimism.tuned_on_test - optimism.honest)} points "
            "of optimism."
        )
    return found


def _settings(best: Best, effects: list[Effect]) -> str:
    """Those that seem to matter most first."""
    values = {**best.parameters, **best.row}
    ranked = [effect.parameter.replace("1-", "") for effect in effects]
    named = list(dict.fromkeys([*(name for name in ranked if name in values), *values]))
    told = ", ".join(f"{name} {text(values[name])}" for name in named[:_NAMED])
    return told + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")


def _against(versus: Any) -> str:
    """How one configuration did against another one, to end a sentence."""
    low, high = versus.interval
    count = f"better in {versus.better_in} of {versus.of} episodes{chance(versus.p)}"
    if low > 0:
        return f", {spread(versus.difference, versus.interval)} points above {versus.other} ({count})"
    if high < 0:
        return f", {spread(-versus.difference, (-high, -low))} points below {versus.other} ({count})"
    return (
        f"; a difference to {versus.other} is not shown: {spread(versus.difference, versus.interval)} points ({count})"
    )


def _matters(summary: Summary) -> list[str]:
    complete = summary.trials.get("complete", 0)
    if not summary.effects and not summary.too_few:
        return [f"Not enough evidence: {complete} of {FEWEST_BETWEEN} complete trials in which a setting varied."]
    shown = [effect for effect in summary.effects if effect.shown]
    other = [effect.parameter for effect in summary.effects if not effect.shown]
    found = []
    if shown:
        found.append(f"{shown[0].parameter} matters most: {_difference(shown[0])}.")
    if shown[1:]:
        rest = "; ".join(f"{effect.parameter}, {_difference(effect)}" for effect in shown[1:])
        found.append(f"Shown to matter, too: {rest}.")
    if other:
        found.append(f"No difference shown in {complete} trials: {', '.join(other)}.")
    if pair := max(summary.interactions, key=lambda each: each.share, default=None):
        found.append(
            f"What {pair.first} does depends on {pair.second}: beyond each alone, the two together explain "
            f"{spread(pair.share, pair.interval)} % of the variance of AUROC."
        )
    if summary.too_few:
        few = ", ".join(f"{each.parameter} ({each.trials} of {each.needed} trials)" for each in summary.too_few)
        found.append(f"Not enough evidence: {few}.")
    return found


def _difference(effect: Effect) -> str:
    between = f"[{points(effect.interval[0])}, {points(effect.interval[1])}]"
    return f"{effect.better} over {effect.worse} {points(effect.difference)} {between} points{chance(effect.p)}"


def _again(summary: Summary) -> list[str]:
    found = []
    if (validation := summary.validation) is not None:
        versus = validation.best
        low, high = versus.interval
        verdict = (
            "the answer stands"
            if low > 0
            else "the answer does not stand"
            if high < 0
            else "that it is better is not shown again"
        )
        reached = f"{percent(versus.auroc)} % AUROC{_against(versus)}"
        sets = f"{validation.episodes} fresh support set{'s' if validation.episodes > 1 else ''}"
        found.append(f"On {sets} it reached {reached}: {verdict}.")
    elif summary.best is not None:
        found.append(
            "Not enough evidence: the best settings were run on 0 fresh support sets. "
            f"In {_episodes(summary.best)}; the interval above counts in both the images and the support sets."
        )
    else:
        found.append("Not enough evidence: there is no answer yet that could be tried again.")
    if (noise := summary.noise) is not None:
        found.append(
            f"With the draw of support sets alone, a mean over {noise.episodes} of them moves by "
            f"{spread(noise.deviation, noise.deviation_interval)} points (standard deviation, from {noise.trials} "
            f"trials): {spread(noise.share, noise.share_interval)} % of the variance between trials is this noise."
        )
    return found


def _episodes(best: Best) -> str:
    aurocs = best.test_per_episode
    if len(aurocs) == 1:
        return f"the only episode of the sweep they had {percent(aurocs[0])} %"
    return f"the {len(aurocs)} episodes of the sweep they had {percent(min(aurocs))} to {percent(max(aurocs))} %"
