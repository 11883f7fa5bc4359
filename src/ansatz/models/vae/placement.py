"""Latent units on a graph: a level of the encoder for each colour, whose nodes share no edge."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from jaxtyping import Int

from ansatz.models.boltzmann.connected import best_connected
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.lattices import multipartite
from ansatz.models.boltzmann.named import named
from ansatz.models.boltzmann.placement import listed
from ansatz.protocol.errors import OptionError

Counts: TypeAlias = Int[np.ndarray, " colour"]

MOST_LEVELS = 8
"""Colours that have a level each, unless it is said how many levels there are."""


@dataclass(frozen=True, eq=False)
class Placement:
    """A graph whose nodes are the latent units, level by level, then those that show a condition,
    and then hidden ones."""

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
    given: int = 0,
    hidden: int = 0,
) -> Placement:
    """The part of a graph that holds so many latent units and is connected best.

    Hidden units are of one colour, the smallest that holds them, which no latent unit has unless
    the others are too few. `partitions` says how many latent units each colour has that is left,
    the largest first; without it as many of each, as far as there are. `levels` are one for each
    colour, or one for all of them; 0 takes one for each if they are few. Units that show a
    condition are of one colour too, the largest that is left.
    """
    size = latent + given + hidden
    whole = _whole(name, edges, latent, given, hidden)
    if whole.nodes < size:
        shown = f" and {given} that show the condition" if given else ""
        more = f" with {hidden} hidden ones" if hidden else ""
        raise OptionError(
            f"The graph {name or 'given by its edges'!r} has {whole.nodes} nodes, and {latent} "
            f"latent units{shown}{more} need {size}: take a larger graph, or a smaller --latent."
        )
    room = np.array([len(block) for block in whole.blocks])
    hiding = _hiding(room, hidden)
    left = room - hiding
    others = np.where(hiding > 0, 0, left)
    if others.sum() >= latent + given:
        left = others
    showing = _showing(left, given)
    sizes = _sizes(partitions, left, showing, latent)
    graph = whole
    if size != whole.nodes:
        quotas = np.zeros(len(room), int)
        quotas[[whole.colours[block[0]] for block in whole.blocks]] = sizes + showing + hiding
        graph = best_connected(whole, size, tuple(quotas.tolist()))
    order: list[np.ndarray] = []
    blocks = _ordered_as(graph, whole)
    # Of a colour that has several kinds, those that show and hide have the most neighbours.
    ranked = [block[np.argsort(graph.degrees[block], kind="stable")] for block in blocks]
    for before, count in ((0 * sizes, sizes), (sizes + hiding, showing), (sizes, hiding)):
        order += [np.sort(r[b : b + c]) for r, b, c in zip(ranked, before, count, strict=True)]
    placed = graph.induced(np.concatenate(order))
    own = tuple(sizes[sizes > 0].tolist())
    if levels not in (0, 1, len(own)):
        raise OptionError(
            f"The latent units have {len(own)} colours on this graph, and the encoder a level "
            f"for each or one for all: --levels {len(own)} or 1, not {levels}."
        )
    if levels == 1 or (not levels and len(own) > MOST_LEVELS):
        own = (latent,)
    return Placement(placed, own)


@lru_cache(maxsize=16)
def pulled(placed: Placement, shown: int, coupled: bool) -> Placement:
    """The same with units behind the latent ones that show a condition and pull at all of them.

    Clamped, they are biases that depend on the condition, and need no place on a device. Unless
    latent units are `coupled` they share no edge.
    """
    latent = sum(placed.sizes)
    graph = placed.graph
    order = np.arange(graph.nodes)
    order[latent:] += shown
    own = order[graph.edges] if coupled else np.zeros((0, 2), int)
    units = np.arange(latent, latent + shown)
    pulls = np.stack(np.meshgrid(np.arange(latent), units), -1).reshape(-1, 2)
    colours = np.full(graph.nodes + shown, graph.colours.max() + 1)
    colours[order] = graph.colours
    labels: list[object] = [("shown", unit) for unit in range(graph.nodes + shown)]
    for place, label in zip(order, graph.labels, strict=True):
        labels[place] = label
    return Placement(
        Graph.of(np.concatenate([own, pulls]), len(labels), colours, labels), placed.sizes
    )


def _whole(name: str, edges: tuple[str, ...], latent: int, given: int, hidden: int) -> Graph:
    if edges:
        return listed(edges, latent + given + hidden)
    if name:
        return named(name)
    half = latent // 2
    parts = (latent - half + given, half, hidden)
    return multipartite(*(part for part in parts if part))


def _hiding(room: Counts, hidden: int) -> Counts:
    """Hidden units of each colour: all of the smallest that holds them, the last of several."""
    counts = np.zeros_like(room)
    if not hidden:
        return counts
    if hidden > room.max():
        raise OptionError(
            f"The {hidden} hidden units share no edge, and the graph has {room.max()} nodes of "
            "one colour at the most: take a larger graph, or fewer --hidden-units."
        )
    counts[np.flatnonzero(room >= hidden)[-1]] = hidden
    return counts


def _showing(left: Counts, given: int) -> Counts:
    """Units that show a condition of each colour: all of that with the most nodes left."""
    if given > left.max():
        raise OptionError(
            f"The {given} units that show the condition share no edge, and the graph has "
            f"{left.max()} nodes of one colour at the most."
        )
    return given * (np.arange(len(left)) == np.argmax(left))


def _sizes(partitions: tuple[int, ...], left: Counts, showing: Counts, latent: int) -> Counts:
    """Latent units of each colour."""
    if not partitions:
        return _even(left - showing, latent)
    free = np.flatnonzero(left)
    if len(partitions) != len(free) or sum(partitions) != latent:
        raise OptionError(
            f"The graph has {len(free)} colours for {latent} latent units: --partitions gives "
            f"as many numbers with that sum, not {len(partitions)} with the sum {sum(partitions)}."
        )
    if any(size < 1 for size in partitions):
        raise OptionError(f"Every partition has one latent unit at least; they are {partitions}.")
    sizes = np.zeros_like(left)
    sizes[free] = partitions
    for place, colour in enumerate(free):
        asked, there = sizes[colour] + showing[colour], left[colour]
        if asked > there:
            raise OptionError(
                f"Partition {place} is to have {asked} nodes, and the graph has {there} of its "
                f"colour; it has {', '.join(map(str, left[free]))} of each."
            )
    return sizes


def _even(room: Counts, latent: int) -> Counts:
    """As many of each colour, but for those that have not so many."""
    sizes = np.zeros_like(room)
    for done, place in enumerate(np.argsort(room, kind="stable")):
        share = (latent - sizes.sum()) // (len(room) - done)
        sizes[place] = min(room[place], share)
    return sizes


def _ordered_as(graph: Graph, whole: Graph) -> list[np.ndarray]:
    """The nodes of each colour, the largest class of the whole graph first."""
    place = {label: i for i, label in enumerate(graph.labels)}
    return [
        np.array([place[whole.labels[i]] for i in block if whole.labels[i] in place], int)
        for block in whole.blocks
    ]
