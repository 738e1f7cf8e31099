"""The three answers of a sweep, in plain words with numbers.

A sentence says that something matters, is better or is confirmed only where `evidence.shown` does.
"""

from dataclasses import dataclass

from tune_runner.study.effects import FEWEST_BETWEEN, Effect
from tune_runner.study.summary import Best, Summary
from tune_runner.study.versus import Versus
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
        "on the images that it was chosen on, as in the paper, which is optimistic"
        if summary.shared
        else "on images that were not used to choose it"
    )
    sentences = [
        f"Trial {best.trial} ({_settings(best, summary.effects)}) has an AUROC of "
        f"{spread(best.test_auroc, best.test_interval)} % {where} ({_support_sets(len(best.test_per_episode))})."
    ]
    if (reference := summary.against_reference) is not None:
        sentences.append(_against(reference, "It is", reference.other))
    sentences += _fine_tuning(summary, best)
    if (optimism := summary.optimism) is not None:
        sentences.append(
            f"Choosing on the test images themselves would have reported {percent(optimism.tuned_on_test)} % where the "
            f"choice on search images has {percent(optimism.honest)} %, which is "
            f"{points(optimism.tuned_on_test - optimism.honest)} points of optimism."
        )
    return sentences


def _settings(best: Best, effects: list[Effect]) -> str:
    """Those with a difference that is shown first."""
    values = {**best.parameters, **best.row}
    ranked = [effect.parameter for effect in effects]
    names = list(dict.fromkeys([*(name for name in ranked if name in values), *values]))
    listed = ", ".join(f"{name} {text(values[name])}" for name in names[:_NAMED])
    return listed + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _fine_tuning(summary: Summary, best: Best) -> list[str]:
    sentences = [_gain(comparison) for comparison in summary.fine_tuning]
    if best.row.get("steps") == 0:
        sentences.append("It is the network before fine-tuning: none that was fine-tuned was better on search images.")
    elif not summary.fine_tuning:
        sentences.append("Whether fine-tuning helps was not measured: `steps` does not include 0.")
    return sentences


def _gain(comparison: Versus) -> str:
    """What fine-tuning did to one configuration."""
    if not comparison.shown:
        return (
            f"With {comparison.one}, fine-tuning is not shown to change AUROC: {_difference(comparison)} points "
            f"against {comparison.other} ({_evidence(comparison)})."
        )
    does = "gains" if comparison.difference > 0 else "loses"
    return (
        f"With {comparison.one}, fine-tuning {does} {_size(comparison)} points against {comparison.other} "
        f"({_evidence(comparison)})."
    )


def _against(comparison: Versus, subject: str, other: str) -> str:
    if not comparison.shown:
        return f"A difference from {other} is not shown: {_difference(comparison)} points ({_evidence(comparison)})."
    place = "above" if comparison.difference > 0 else "below"
    return f"{subject} {_size(comparison)} points {place} {other} ({_evidence(comparison)})."


def _evidence(comparison: Versus) -> str:
    count = f"better on {comparison.better_in} of {_support_sets(comparison.of)}{chance(comparison.p)}"
    if comparison.p is None:
        count += "; one support set is not enough evidence"
    return count + (f", corrected for {comparison.family} candidates" if comparison.family > 1 else "")


def _size(comparison: Versus) -> str:
    """A difference without its sign."""
    low, high = comparison.interval
    if comparison.difference < 0:
        return spread(-comparison.difference, (-high, -low))
    return spread(comparison.difference, comparison.interval)


def _difference(comparison: Versus | Effect) -> str:
    low, high = comparison.interval
    return f"{points(comparison.difference)} [{points(low)}, {points(high)}]"


def _support_sets(count: int) -> str:
    return f"{count} support set{'' if count == 1 else 's'}"


def _matters(summary: Summary) -> list[str]:
    complete = summary.trials.get("complete", 0)
    if not summary.effects and not summary.too_few:
        return [f"Not enough evidence: {complete} of {FEWEST_BETWEEN} complete trials in which a setting varied."]
    shown = [effect for effect in summary.effects if effect.shown]
    others = [effect.parameter for effect in summary.effects if not effect.shown]
    sentences = []
    if shown:
        sentences.append(f"On the search images, a difference is shown for {'; '.join(map(_effect, shown))}.")
    if others:
        sentences.append(f"No difference is shown for {', '.join(others)}, which does not mean that there is none.")
    sentences += [
        f"The effect of {pair.first} depends on {pair.second}: together they explain "
        f"{spread(pair.share, pair.interval)} % of the variance of AUROC beyond what each explains alone"
        f"{chance(pair.p)}."
        for pair in summary.interactions
    ]
    if summary.too_few:
        few = ", ".join(f"{one.parameter} ({one.trials} of {one.needed} trials)" for one in summary.too_few)
        sentences.append(f"Not enough evidence: {few}.")
    return sentences


def _effect(effect: Effect) -> str:
    over = f"within {effect.trials} trainings" if effect.paired else f"between {effect.trials} trials"
    beside = f", allowing for {effect.allowing_for}" if effect.allowing_for else ""
    return (
        f"{effect.parameter}, {effect.better} over {effect.worse}: {_difference(effect)} points"
        f"{chance(effect.p)} ({over}{beside})"
    )


def _again(summary: Summary) -> list[str]:
    sentences = []
    if (validation := summary.validation) is not None:
        comparison = validation.best
        fresh = f"{_support_sets(validation.episodes)} that no trial has seen"
        sentences.append(f"On {fresh}, the best settings have an AUROC of {percent(comparison.auroc)} %.")
        sentences.append(_against(comparison, "This is", comparison.other))
        if verdict := _verdict(summary.against_reference, comparison):
            sentences.append(verdict)
        if validation.fine_tuning is not None:
            sentences.append(_gain(validation.fine_tuning))
    elif summary.best is not None:
        sentences.append(
            "Not enough evidence: the best settings were not validated on fresh support sets. "
            f"On {_episodes(summary.best)}."
        )
    else:
        sentences.append("Not enough evidence: no trial is complete.")
    if (noise := summary.noise) is not None:
        sentences.append(
            f"The draw of support sets alone gives a mean over {noise.episodes} of them a standard deviation of "
            f"{spread(noise.deviation, noise.deviation_interval)} points (from {noise.trials} trials), which is "
            f"{spread(noise.share, noise.share_interval)} % of the variance between trials."
        )
    return sentences


def _verdict(before: Versus | None, now: Versus) -> str:
    """What fresh support sets say of a claim; nothing where none was made."""
    if before is None or not before.shown:
        return ""
    if not now.shown:
        return "The difference that the search showed is not confirmed."
    same = (now.difference > 0) == (before.difference > 0)
    return f"The difference that the search showed is {'confirmed' if same else 'refuted'}."


def _episodes(best: Best) -> str:
    aurocs = best.test_per_episode
    if len(aurocs) == 1:
        return f"the sweep's only support set their AUROC is {percent(aurocs[0])} %"
    return f"the sweep's {len(aurocs)} support sets their AUROC is {percent(min(aurocs))} to {percent(max(aurocs))} %"


__all__ = ["Answer", "answers"]
