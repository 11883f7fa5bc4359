"""A number about a fitted model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One number about a run: what it is called, its error, its unit, and what it is."""

    name: str
    value: float
    error: float
    unit: str
    what: str
