"""Graphs by name, as recipes and the command line write them."""

import re
from collections.abc import Callable

from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.lattices import (
    bipartite,
    chain,
    complete,
    grid,
    king,
    multipartite,
)
from ansatz.models.boltzmann.pegasus import pegasus
from ansatz.models.boltzmann.zephyr import zephyr
from ansatz.protocol.errors import OptionError, nearest

_ONE, _TWO = r"(\d+)", r"(\d+)x(\d+)"
_FORMS: dict[str, tuple[str, str, Callable[..., Graph]]] = {
    "complete": ("complete:N", _ONE, complete),
    "bipartite": ("bipartite:VxH", _TWO, bipartite),
    "multipartite": ("multipartite:AxBx...", r"\d+(?:x\d+)+", multipartite),
    "chain": ("chain:N or chain:N:periodic", _ONE + "(:periodic)?", chain),
    "grid": ("grid:LxL or grid:LxL:periodic", _TWO + "(:periodic)?", grid),
    "king": ("king:LxL or king:LxL:periodic", _TWO + "(:periodic)?", king),
    "pegasus": ("pegasus:M", _ONE, pegasus),
    "zephyr": ("zephyr:M", _ONE, zephyr),
}
_LEAST = {"pegasus": 2}

NAMES = tuple(form for form, _, _ in _FORMS.values())
"""How each kind of graph is asked for."""


def named(name: str) -> Graph:
    """The graph of that name, one of `NAMES`."""
    kind, _, size = name.partition(":")
    if kind not in _FORMS:
        raise OptionError(f"There is no graph {name!r}. {nearest(kind, _FORMS)}")
    form, pattern, make = _FORMS[kind]
    if not re.fullmatch(pattern, size):
        raise OptionError(f"The graph {name!r} should be written {form}.")
    numbers = [int(part) for part in re.findall(r"\d+", size)]
    least = _LEAST.get(kind, 1)
    if min(numbers) < least:
        raise OptionError(f"The sizes of the graph {name!r} must be at least {least}.")
    return make(*numbers, **({"periodic": True} if name.endswith(":periodic") else {}))
