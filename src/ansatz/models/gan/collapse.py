"""What the end of a fit gives warning of: a generator or a discriminator that has collapsed."""

from collections.abc import Mapping
from typing import Any

MISSED = 0.1
"""Of the events, that are worth a warning."""
NARROW = 0.5
"""The spread of samples as a part of that of events."""
BLIND = 0.01
"""A difference of mean scores by which a discriminator tells nothing."""
LIKELIER = "Try --constraint zero-centred or gradient-penalty, a lower --rate, or a larger --batch."


def collapses(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences on the metrics of the last epoch, as `AgainstEvents` has measured them."""
    missed = row.get("validation_missed", 0.0)
    if missed < MISSED:
        return ()
    spread, gap = row["validation_spread"], row["gap"]
    found = (
        f"{missed:.0%} of the events that samples of their own distribution would come near have "
        "none near"
    )
    if spread < NARROW:
        return (
            f"The generator has collapsed: its samples spread {spread:.0%} as far as the events, "
            f"and {found}. {LIKELIER}",
        )
    if abs(gap) < BLIND:
        return (
            f"The discriminator has collapsed: it scores samples and events alike, and yet {found}."
            " Try a smaller --penalty, wider --hidden layers, or more --discriminator-steps.",
        )
    return (f"Modes are missed, or --epochs too few: {found}. {LIKELIER}",)
