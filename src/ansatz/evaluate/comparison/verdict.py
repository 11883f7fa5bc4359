"""Which family for a purpose: by measured rules that respect errors, in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from ansatz.evaluate.comparison.entrant import Entrant
from ansatz.evaluate.estimate import Estimate, weighted_mean

Purpose = Literal["sample", "density", "anomaly", "coordinates", "conditional"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

SIGMAS = 2.0
"""Errors within which two are not told apart."""


@dataclass(frozen=True)
class Rule:
    """The measure that decides, and which way it is better."""

    measure: str
    higher: bool
    each: str = ""
    """The array with the measure event by event, of which two have a paired difference."""
    unit: str = ""


RULES: dict[Purpose, Rule] = {
    "sample": Rule("AUC", higher=False),
    "density": Rule("log p", higher=True, each="log p", unit=" nats"),
    "anomaly": Rule("anomalies", higher=True),
    "coordinates": Rule("explained", higher=True, each="unexplained"),
    "conditional": Rule("log p", higher=True, each="log p", unit=" nats"),
}


@dataclass(frozen=True)
class Verdict:
    """Which to take, those that are not told apart from it, and why."""

    purpose: Purpose
    best: tuple[str, ...]
    """The best first; empty if none can do it."""
    reasons: tuple[str, ...]

    @property
    def headline(self) -> str:
        if not self.best:
            return "none"
        first, *others = self.best
        return first if not others else f"{first}, or as well {' or '.join(others)}"


def decide(purpose: Purpose, entrants: Sequence[Entrant], *, conditional: bool) -> Verdict:
    """The verdict on those that were measured; `conditional` says whether events had conditions."""
    able = [one for one in entrants if not one.refusal]
    reasons: list[str] = []
    if purpose == "sample":
        able = _original(able, reasons)
    if purpose == "conditional" and not conditional:
        able = [one for one in able if "complete" in one.can]
        reasons.append(_without_conditions(able))
    rule = RULES[purpose]
    judged = [one for one in able if one.value(rule.measure) is not None]
    if not judged:
        if purpose == "conditional" and able:
            return Verdict(purpose, tuple(one.name for one in able), tuple(reasons))
        return Verdict(purpose, (), (*reasons, f"None has a measured {rule.measure}."))
    order = sorted(judged, key=lambda one: _sure(one, rule), reverse=rule.higher)
    first, *others = order
    tied = [one for one in others if not _told_apart(first, one, rule)]
    reasons.insert(0, _leads(first, rule))
    reasons += _followers(first, others, tied, rule)
    reasons += _beside(purpose, first, tied, judged)
    best = (first, *tied)
    if purpose == "coordinates" and tied:
        # As much kept in fewer numbers is a better code.
        best = tuple(sorted(best, key=lambda one: one.value("code") or math.inf))
    return Verdict(purpose, tuple(one.name for one in best), tuple(reasons))


def _sure(one: Entrant, rule: Rule) -> float:
    """The number that is sure: of log p between two estimates of log Z the lower end."""
    value = one.value(rule.measure)
    assert value is not None
    return value - (one.value("gap") or 0.0) if rule.measure == "log p" else value


def _difference(first: Entrant, other: Entrant, rule: Rule) -> Estimate:
    """By how much the first is better; paired where both were judged event by event."""
    sign = 1.0 if rule.higher else -1.0
    difference = sign * (_sure(first, rule) - _sure(other, rule))
    if rule.each and rule.each in first.arrays and rule.each in other.arrays:
        _, error = weighted_mean(first.arrays[rule.each] - other.arrays[rule.each])
        return Estimate(difference, error)
    own, others = (one.cells[rule.measure].error for one in (first, other))
    return Estimate(difference, math.hypot(own, others))


def _told_apart(first: Entrant, other: Entrant, rule: Rule) -> bool:
    value, error = _difference(first, other, rule)
    return value > SIGMAS * error


def _original(able: list[Entrant], reasons: list[str]) -> list[Entrant]:
    """Those that do not repeat what they have learnt."""
    kept = []
    for one in able:
        share, chance = one.value("copied"), one.value("chance")
        if share is None or chance is None or share - chance <= (1 - chance) / 2:
            kept.append(one)
            continue
        reasons.append(
            f"{one.name} repeats what it has learnt: {share:.2f} of its samples lie nearest to an "
            f"event learnt, and by chance {chance:.2f} would."
        )
    return kept


def _without_conditions(able: list[Entrant]) -> str:
    if able:
        names = " and ".join(one.name for one in able)
        return (
            f"No conditions were given. {names} can be conditioned on any of its numbers "
            "afterwards, without learning again; the others learn conditions that are named by "
            "--conditions."
        )
    return (
        "No conditions were given, and none of these can be conditioned afterwards: name them by "
        "--conditions."
    )


WORDS = {
    "AUC": "samples that are told from events least, AUC",
    "log p": "the highest log p of events held out,",
    "anomalies": "the score that tells events best, AUC",
    "explained": "codes that keep most of the variance,",
}


def _leads(first: Entrant, rule: Rule) -> str:
    cell = first.cells[rule.measure]
    kind = f" ({cell.what})" if rule.measure == "log p" else ""
    return (
        f"{first.name} has {WORDS[rule.measure]} {_number(cell.value)} ± {cell.error:.1g}"
        f"{rule.unit}{kind}."
    )


def _followers(first: Entrant, others: list[Entrant], tied: list[Entrant], rule: Rule) -> list[str]:
    """Who is not told apart from the first, and by how much the next is behind."""
    found = []
    for one in tied:
        value, error = _difference(first, one, rule)
        found.append(
            f"{one.name} is not told apart from it: the difference is {value:.2g} ± {error:.1g}"
            f"{rule.unit}."
        )
    behind = [one for one in others if one not in tied]
    if behind:
        value, error = _difference(first, behind[0], rule)
        bound = ""
        if rule.measure == "log p" and behind[0].value("gap") is None:
            bound = " at most, for of it only a bound is known"
        found.append(f"{behind[0].name} is {value:.2g} ± {error:.1g}{rule.unit} behind{bound}.")
    return found


def _beside(
    purpose: Purpose, first: Entrant, tied: list[Entrant], judged: list[Entrant]
) -> list[str]:
    """What else speaks for or against the first."""
    found = []
    if purpose == "sample":
        recall, coverage = first.value("recall"), first.value("coverage")
        p_value, quick = first.value("p-value"), first.value("sample")
        if recall is not None and coverage is not None and p_value is not None:
            found.append(
                f"Its recall is {recall:.2f}, its coverage {coverage:.2f}, and the permutation "
                f"test of MMD² gives p = {p_value:.2g}."
            )
        fastest = min(judged, key=lambda one: one.value("sample") or math.inf)
        if fastest is not first and quick and (pace := fastest.value("sample")):
            found.append(f"{fastest.name} draws fastest, {quick / pace:.2g} times as fast.")
    if purpose == "density" and "log_prob" not in first.can:
        exact = [one.name for one in judged if "log_prob" in one.can]
        if exact:
            found.append(f"A density itself, and no bound or energy, have {', '.join(exact)}.")
    if purpose == "coordinates":
        size = first.value("code")
        found.append(f"Its code has {size:.0f} {first.cells['code'].what}.")
        if tied:
            found.append("Of those that are not told apart the shortest code comes first.")
    return found


def _number(value: float | None) -> str:
    """With a true minus."""
    return "–" if value is None else f"{value:.4g}".replace("-", "−")
