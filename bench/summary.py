"""From runs to figures: medians, spreads and ratios of runs that stood beside each other."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Round = Mapping[str, Mapping[str, Any]]
"""One turn of every contender: its role and its `load.Shot` as a mapping."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A median with its least and greatest value."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        return cls(median(values), min(values), max(values))

    @property
    def spread(self) -> float:
        """(most - least) / median."""
        return (self.most - self.least) / self.middle if self.middle else 0.0


def undisturbed(rounds: Sequence[Round]) -> list[Round]:
    return [turn for turn in rounds if not any(shot["disturbed"] for shot in turn.values())]


def counted(rounds: Sequence[Round], wanted: int) -> tuple[list[Round], bool]:
    """The rounds that count, and whether disturbed ones are among them, because too few others are there."""
    clean = undisturbed(rounds)
    if len(clean) >= max(1, math.ceil(wanted / 2)):
        return clean, False
    return list(rounds), True


def values(rounds: Sequence[Round], role: str, name: str = "rate") -> Figure | None:
    """The figure of one contender; None if it did not run."""
    found = [turn[role][name] for turn in rounds if role in turn and turn[role][name] is not None]
    return Figure.of(found) if found else None


def ratio(rounds: Sequence[Round], role: str, to: str) -> Figure | None:
    """How one contender stands to another: the ratio of each round, since what slows a round slows both."""
    found = [
        turn[role]["rate"] / turn[to]["rate"] for turn in rounds if role in turn and to in turn and turn[to]["rate"]
    ]
    return Figure.of(found) if found else None


def verdict(reached: float, asked: float | None, goal: float | None) -> str:
    """In a word, how a ratio stands to what we promise and aim at."""
    if asked is None:
        return ""
    if reached < asked:
        return "missed"
    return "goal met" if goal is not None and reached >= goal else "met"
