"""How fast machines on the graphs of quantum annealers are sampled."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.models.boltzmann.named import named
from benchmarks import machine
from benchmarks.harness import Contender, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import Values, ratios

TITLE = "Gibbs sampling on sparse graphs"
ROUNDS = 3

HERE = Path(__file__).parent
OURS = "Ansatz"
ONE, TWO = "annealer, one process", "annealer, two processes"
THRML, BLOCKS, DENSE = "thrml", "BlockSampler", "dense products"
PEERS = (ONE, TWO, THRML, BLOCKS, DENSE)
SKETCH = {"pegasus:8, 128": 126e6, "pegasus:16, 128": 148e6, "pegasus:16, 1024": 163e6}
"""Node updates per second of a first sketch in plain JAX, on another day."""

GROWTH = {
    "grid:40x40, 128": "degree 4",
    "king:40x40, 128": "degree 8",
    "pegasus:4, 128": "264 nodes",
    "pegasus:16, 16": "16 chains",
    "pegasus:16, 4096": "4096 chains",
}
"""More cases of ours, to show what the rate depends on."""


def measure(setting: Setting) -> str:
    """The section of the results."""
    graphs = (
        ("pegasus:2", "zephyr:1") if setting.quick else ("pegasus:8", "pegasus:16", "zephyr:12")
    )
    chains = (4, 8) if setting.quick else (128, 1024)
    names = [f"{graph}, {count}" for graph in graphs for count in chains]
    cases = [_case(setting.folder, name) for name in names]
    more = [] if setting.quick else [_case(setting.folder, name) for name in GROWTH]
    work: dict[str, Any] = {"cases": cases, "seconds": 0.05 if setting.quick else 0.7}
    work["threads"] = machine.cores()

    def peer(name: str, script: str, **options: Any) -> Contender:
        return Contender(name, setting.peers, HERE / "peers" / script, work | options)

    own = {**work, "cases": cases + more, "times": True}
    runs = interleave(
        [
            *machine.products(setting),
            Contender(OURS, Path(sys.executable), HERE / "ours" / "gibbs.py", own),
            peer(ONE, "annealer.py", processes=1),
            peer(TWO, "annealer.py", processes=2),
            peer(THRML, "thrml_gibbs.py"),
            peer(BLOCKS, "block_sampler.py"),
            peer(DENSE, "dense_gibbs.py"),
        ],
        setting.rounds,
    )
    rows = [[name, *(_cell(runs, each, name) for each in (OURS, *PEERS))] for name in names]
    effective = [
        [
            name,
            _cell(runs, OURS, name),
            cell(_time(runs, name), ".1f"),
            cell(_effective(runs, name), ".2f"),
        ]
        for name in (*names, *(GROWTH if more else ()))
    ]
    aims = [
        aim(f"{name}, of the rate of {peer}", _gain(runs, name, peer), least, ".1f")
        for name in names
        for peer, least in ((TWO, 2.5), (DENSE, 10))
    ] + [
        aim(f"{name}, of the first sketch's rate", _of_sketch(runs, name), 1.5, ".1f")
        for name in names
        if name in SKETCH
    ]
    return "\n\n".join(
        [
            "Million updates of a node per second, over all chains. Spins live on the graph named, "
            "in as many chains as the number after it, with random biases of spread 0.3 and "
            "random weights of that spread over the root of the mean degree. All sample at "
            "inverse temperature 1, and all but the annealer change the four colours in turn; "
            "the annealer is that of dwave-samplers with its Gibbs rule at a fixed temperature, "
            "BlockSampler is dwave-pytorch-plugin's, and dense products are PyTorch's, of all "
            "states with a dense matrix for each colour.",
            machine.describe(runs, setting),
            table(("graph, chains", OURS, *PEERS), rows),
            "What the rate depends on, and what it is worth: how many sweeps lie between two "
            "draws whose energies are as good as independent, and how many thousand such draws "
            "of the whole state all chains make in a second.",
            table(
                ("graph, chains", "million updates/s", "sweeps apart", "thousand draws/s"),
                effective,
            ),
            "\n".join(aims),
            failures(runs),
        ]
    )


def _case(folder: Path, name: str) -> dict[str, Any]:
    """A random machine of spins on a graph, written to a file."""
    kind, _, chains = name.partition(", ")
    graph = named(kind)
    path = folder / f"{kind.replace(':', '-')}.npz"
    generator = np.random.default_rng(0)
    bias = generator.normal(0, 0.3, graph.nodes)
    weight = generator.normal(0, 0.3 / np.sqrt(graph.degrees.mean()), len(graph.edges))
    np.savez(path, edges=graph.edges, colours=graph.colours, bias=bias, weight=weight)
    return {"name": name, "machine": str(path), "chains": int(chains)}


def _rate(runs: Runs, who: str, name: str) -> Values:
    return runs.values(who, lambda result: result[name])


def _cell(runs: Runs, who: str, name: str) -> str:
    return cell(runs.values(who, lambda result: result[name] / 1e6), ".0f")


def _time(runs: Runs, name: str) -> Values:
    return runs.values(OURS, lambda result: result[f"time {name}"])


def _effective(runs: Runs, name: str) -> Values:
    """Thousands of independent states per second."""
    nodes = named(name.partition(", ")[0]).nodes
    return runs.values(OURS, lambda r: r[name] / nodes / r[f"time {name}"] / 1e3)


def _gain(runs: Runs, name: str, peer: str) -> Values:
    return ratios(_rate(runs, OURS, name), _rate(runs, peer, name))


def _of_sketch(runs: Runs, name: str) -> Values:
    return runs.values(OURS, lambda result: result[name] / SKETCH[name])
