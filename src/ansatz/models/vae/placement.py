"""Latent units on a graph: a level of the encoder for each colour, whose nodes share no edge."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ansatz.models.boltzmann.connected import best_connected
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.named import named
from ansatz.models.boltzmann.placement import listed
from ansatz.protocol.errors import OptionError

MOST_LEVELS = 8
"""Colours that have a level each, unless it is said how many levels there are."""


@dataclass(frozen=True, eq=False)
class Placement:
    """A graph whose nodes are the latent units, level by level, and then those that show a
    condition."""

    graph: Graph
    sizes: tuple[int, ...]
    """Latent units of each level."""


@lru_cache(maxsize=16)
def place_latents(
    name: str,
    edges: tuple[str, ...],
    latent: int,
    levels: int,
    partitions: tuple[int, ...],
    given: int,
) -> Placement:
    """The part of a graph that holds so many latent units and is connected best.

    `partitions` says how many of each colour are taken, the largest colour first; without it as
    many of each, as far as there are. `levels` are one for each colour, or one for all of them;
    0 takes one for each if they are few. Units that show a condition are of the first colour,
    those with the most neighbours.
    """
    size = latent + given
    whole = _whole(name, edges, latent, given)
    if whole.nodes < size:
        shown = f" and {given} that show the condition" if given else ""
        raise OptionError(
            f"The graph {name or 'given by its edges'!r} has {whole.nodes} nodes, and {latent} "
            f"latent units{shown} need {size}: take a larger graph, or a smaller --latent."
        )
    room = tuple(len(block) for block in whole.blocks)
    sizes = _sizes(partitions, room, latent, given)
    taken = (sizes[0] + given, *sizes[1:])
    graph = whole
    if taken != room:
        colours = [int(whole.colours[block[0]]) for block in whole.blocks]
        quotas = np.zeros(len(room), int)
        quotas[colours] = taken
        graph = best_connected(whole, size, tuple(quotas.tolist()))
    blocks = _ordered_as(graph, whole)
    first = blocks[0][np.argsort(graph.degrees[blocks[0]], kind="stable")]
    showing, latents = first[len(first) - given :], np.sort(first[: len(first) - given])
    order = np.concatenate([latents, *blocks[1:], showing])
    placed = graph.induced(order)
    sizes = tuple(size for size in sizes if size)
    if levels not in (0, 1, len(sizes)):
        raise OptionError(
            f"The latent units have {len(sizes)} colours on this graph, and the encoder a level "
            f"for each or one for all: --levels {len(sizes)} or 1, not {levels}."
        )
    if levels == 1 or (not levels and len(sizes) > MOST_LEVELS):
        sizes = (latent,)
    return Placement(placed, sizes)


def _whole(name: str, edges: tuple[str, ...], latent: int, given: int) -> Graph:
    if edges:
        return listed(edges, latent + given)
    if name:
        return named(name)
    half = latent // 2
    return named(f"bipartite:{latent - half + given}x{half}")


def _sizes(
    partitions: tuple[int, ...], room: tuple[int, ...], latent: int, given: int
) -> tuple[int, ...]:
    """Latent units of each colour."""
    if not partitions:
        return _even(room, latent, given)
    if len(partitions) != len(room) or sum(partitions) != latent:
        raise OptionError(
            f"The graph has {len(room)} colours for {latent} latent units: --partitions gives "
            f"as many numbers with that sum, not {len(partitions)} with the sum {sum(partitions)}."
        )
    if any(size < 1 for size in partitions):
        raise OptionError(f"Every partition has one latent unit at least; they are {partitions}.")
    for place, (size, there) in enumerate(zip(partitions, room, strict=True)):
        asked = size + given * (place == 0)
        if asked > there:
            raise OptionError(
                f"Partition {place} is to have {asked} nodes, and the graph has {there} of its "
                f"colour; it has {', '.join(map(str, room))} of each."
            )
    return partitions


def _even(room: tuple[int, ...], latent: int, given: int) -> tuple[int, ...]:
    """As many of each colour, but for those that have not so many."""
    left = [room[0] - given, *room[1:]]
    if left[0] < 0:
        raise OptionError(
            f"The {given} units that show the condition share no edge, and the graph has "
            f"{room[0]} nodes of one colour at the most."
        )
    sizes = [0] * len(room)
    for done, place in enumerate(np.argsort(left, kind="stable")):
        share = (latent - sum(sizes)) // (len(room) - done)
        sizes[place] = min(left[place], share)
    return tuple(sizes)


def _ordered_as(graph: Graph, whole: Graph) -> list[np.ndarray]:
    """The nodes of each colour, the largest class of the whole graph first."""
    place = {label: i for i, label in enumerate(graph.labels)}
    return [
        np.array([place[whole.labels[i]] for i in block if whole.labels[i] in place], int)
        for block in whole.blocks
    ]
