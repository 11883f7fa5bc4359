"""Graphs have the nodes, edges and colours they should; mistakes are named."""

import numpy as np
import pytest

from ansatz.models.boltzmann.connected import best_connected
from ansatz.models.boltzmann.graph import Graph
from ansatz.models.boltzmann.named import NAMES, named
from ansatz.protocol.errors import DataError, OptionError

COUNTS = {
    # The counts of Pegasus and Zephyr are those that D-Wave's papers and processors have.
    "pegasus:2": (40, 164, 4),
    "pegasus:4": (264, 1604, 4),
    "pegasus:8": (1288, 8804, 4),
    "pegasus:16": (5640, 40484, 4),
    "zephyr:12": (4800, 45864, 4),
    "complete:7": (7, 21, 7),
    "bipartite:3x4": (7, 12, 2),
    "multipartite:3x4x2": (9, 26, 3),
    "chain:6": (6, 5, 2),
    "chain:5:periodic": (5, 5, 3),
    "grid:4x6": (24, 38, 2),
    "grid:4x6:periodic": (24, 48, 2),
    "king:4x6": (24, 68, 4),
    "king:4x6:periodic": (24, 96, 4),
    "chain:1": (1, 0, 1),
}


@pytest.mark.parametrize("name", COUNTS)
def test_named_graphs_have_their_nodes_edges_and_colours(name):
    graph = named(name)
    assert (graph.nodes, len(graph.edges), len(graph.blocks)) == COUNTS[name]
    assert (graph.colours[graph.edges[:, 0]] != graph.colours[graph.edges[:, 1]]).all()
    assert sorted(np.concatenate(graph.blocks)) == list(range(graph.nodes))


@pytest.mark.parametrize(("kind", "size"), [("pegasus", 2), ("pegasus", 5), ("zephyr", 3)])
def test_devices_are_those_of_ocean(kind, size):
    dwave = pytest.importorskip(
        "dwave.graphs", reason="Ocean is not installed: pip install 'ansatz-learn[ocean]'"
    )
    theirs = getattr(dwave, f"{kind}_graph")(size)
    ours = named(f"{kind}:{size}")
    labels = np.array(ours.labels)[ours.edges]
    assert set(ours.labels) == set(theirs.nodes)
    assert {frozenset(map(int, e)) for e in labels} == {frozenset(e) for e in theirs.edges}


def test_a_device_is_two_sided_but_for_its_four_colours():
    graph = named("zephyr:12")
    assert graph.degrees.max() == 20
    assert [len(block) for block in graph.blocks] == [1200] * 4
    graph = named("pegasus:16")
    assert graph.degrees.max() == 15
    assert [len(block) for block in graph.blocks] == [1410] * 4


def test_a_device_is_pruned_to_the_qubits_that_work():
    whole = named("pegasus:3")
    broken = {whole.labels[5], whole.labels[40]}
    graph = whole.working(set(whole.labels) - broken)
    assert set(graph.labels) == set(whole.labels) - broken
    kept = {
        (whole.labels[i], whole.labels[j])
        for i, j in whole.edges
        if not {whole.labels[i], whole.labels[j]} & broken
    }
    assert {(graph.labels[i], graph.labels[j]) for i, j in graph.edges} == kept
    with pytest.raises(DataError, match="no node 'q7'"):
        whole.working(["q7"])


def test_the_best_connected_part_of_a_lattice_is_compact():
    # 36 nodes of a square lattice have at most 2 * 36 - 12 edges: those of the 6 x 6 square.
    for name, size, most in (("grid:20x20", 36, 60), ("complete:12", 5, 10)):
        part = best_connected(named(name), size)
        assert part.nodes == size
        assert len(part.edges) == most
    part = best_connected(named("pegasus:6"), 100)
    generator = np.random.default_rng(0)
    whole = named("pegasus:6")
    chosen = whole.induced(generator.choice(whole.nodes, 100, replace=False))
    assert len(part.edges) > 2.5 * len(chosen.edges)
    assert all(part.lists)
    with pytest.raises(OptionError, match="no sub-graph of 5 nodes"):
        best_connected(named("chain:4"), 5)
    with pytest.raises(OptionError, match="falls into pieces"):
        best_connected(Graph.of([(0, 1), (2, 3)]), 3)


def test_networkx_graphs_keep_their_names():
    class Plain:
        nodes = ("a", "b", "c")
        edges = (("a", "b"), ("c", "b"))

    graph = Graph.of_networkx(Plain)
    assert graph.labels == ("a", "b", "c")
    assert graph.edges.tolist() == [[0, 1], [1, 2]]


def test_the_table_of_neighbours_lists_every_edge_twice():
    graph = named("king:3x3")
    node, edge = graph.neighbours
    for i in range(graph.nodes):
        assert sorted(node[i][node[i] < graph.nodes]) == sorted(graph.lists[i])
        for j, e in zip(node[i], edge[i], strict=True):
            assert e == len(graph.edges) or sorted(graph.edges[e]) == sorted((i, j))


def test_equal_graphs_are_one_key():
    assert named("grid:3x3") == named("grid:3x3")
    assert hash(named("grid:3x3")) == hash(named("grid:3x3"))
    assert named("grid:3x3") != named("king:3x3")
    assert repr(named("grid:3x3")) == "Graph(9 nodes, 12 edges, 2 colours, degree up to 4)"


@pytest.mark.parametrize(
    ("edges", "options", "said"),
    [
        ([(0, 1), (2, 2)], {}, "The node 2 is joined to itself"),
        ([(0, 1), (1, 0)], {}, "The edge 0-1 is listed twice"),
        ([(0, 7)], {"nodes": 3}, "The edge 0-7 leads nowhere"),
        ([(0, -1)], {}, "The edge 0--1 leads nowhere"),
        ([(0, 1)], {"colours": [0, 0]}, "The nodes 0 and 1 are joined and yet both of colour 0"),
        ([(0, 1)], {"colours": [0, 2]}, "without a gap"),
        ([(0, 1)], {"colours": [0, 1, 0]}, "needs as many colours"),
        ([(0, 1)], {"labels": ["a", "a"]}, "as many labels, all different"),
        (np.array([[0.5, 1.0]]), {}, "pairs of whole numbers"),
        ([(0, 1, 2)], {}, "pairs of whole numbers"),
        ([], {}, "at least one node"),
    ],
)
def test_mistakes_in_a_graph(edges, options, said):
    with pytest.raises(DataError, match=said):
        Graph.of(edges, **options)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pegasos:3", "Did you mean 'pegasus'"),
        ("grid:4", "should be written grid:LxL"),
        ("multipartite:4", "should be written multipartite:AxBx"),
        ("pegasus:1", "at least 2"),
        ("chain:0", "at least 1"),
        ("chain:2:periodic", "sides of at least 3"),
    ],
)
def test_mistakes_in_a_name(name, said):
    with pytest.raises(OptionError, match=said):
        named(name)
    assert len(NAMES) == 8
