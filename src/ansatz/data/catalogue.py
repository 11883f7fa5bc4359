"""The data that can be had by name, without a file or a download."""

from collections.abc import Callable
from dataclasses import dataclass

from ansatz.data import toys
from ansatz.data.contents import Contents
from ansatz.data.embedded import open_digits

TOY_EVENTS = 10_000


@dataclass(frozen=True)
class Entry:
    """One name of the catalogue; nothing is computed before `load` is called."""

    name: str
    description: str
    shape: str
    """Events x shape of one event."""
    load: Callable[[], Contents]


CATALOGUE: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            "digits",
            "handwritten digits with 17 grey levels, real (scikit-learn); condition: label",
            "1797 x 8 x 8",
            open_digits,
        ),
        Entry(
            "moons",
            "two blurred half circles, synthetic, exact density; condition: component",
            f"{TOY_EVENTS} x 2",
            lambda: toys.open_toy("moons", toys.Moons(), TOY_EVENTS, seed=0),
        ),
        Entry(
            "rings",
            "three blurred circles, synthetic, exact density; condition: component",
            f"{TOY_EVENTS} x 2",
            lambda: toys.open_toy("rings", toys.Rings(), TOY_EVENTS, seed=0),
        ),
        Entry(
            "grid",
            "25 Gaussians on a square grid, synthetic, exact density; condition: component",
            f"{TOY_EVENTS} x 2",
            lambda: toys.open_toy("grid", toys.Grid(), TOY_EVENTS, seed=0),
        ),
    )
}
