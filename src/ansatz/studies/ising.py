"""The Ising model: learnt from samples, and four things that are known of it exactly."""

from math import lgamma
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ansatz.models.boltzmann import BoltzmannMachine, named
from ansatz.models.boltzmann.exact import log_z
from ansatz.models.boltzmann.sampling import Draws, draw, start
from ansatz.protocol.figures import Curve, Curves, Histogram, Histograms, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study
from ansatz.studies.wolff import Spins, wolff

COUPLING = 0.35
"""K = J / kT; the critical one is 0.4407."""
SIDE = 8
LARGE = 32
CHAIN, FIELD = 24, 0.3
MEAN_FIELD, STRENGTH = 16, 1.2


class IsingStudy(Study):
    """Spins on a square lattice with p(s) ∝ exp(K sum over neighbours of s s') are a Boltzmann
    machine on that lattice with all weights K and no biases. Samples are made by Wolff's
    clusters, and a machine that learns from them without knowing that its weights are alike finds
    K again. Chains of the machine have the energy that Onsager (1944) gives for a lattice without
    end; log Z of a ring in a field is that of the transfer matrix; and with all spins coupled
    alike it is the sum over magnetisations (Curie and Weiss). The events are synthetic.
    """

    name: ClassVar[str] = "ising"
    title: ClassVar[str] = "The Ising model, learnt and known"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        lattices, clusters = (6000, 40) if context.quick else (40_000, 60)
        spins = wolff(generator, COUPLING, SIDE, lattices, clusters)
        path = context.save("spins.npy", spins.astype(np.int8))
        (run,) = context.fit(
            "run",
            "boltzmann",
            path,
            graph=f"grid:{SIDE}x{SIDE}:periodic",
            validation=0.0,
            test=0.1,
            batch=500,
            chains=1000,
            gibbs=5,
            epochs=40 if context.quick else 30,
            rate=0.005,
            schedule="cosine",
            average=0.99,
        )
        chains = chains_at(COUPLING, context)
        return Findings(
            (coupling(run, spins), field(run), onsager(chains), ring(), curie_weiss()),
            (weights(run), energies(chains), curve(context)),
        )


def coupling(run: Run, spins: Spins) -> Claim:
    """That the weights are K."""
    found = np.asarray(run.model.weight, float)
    events = run.record.spec.events
    # What all weights have in common is known from the samples to 1 / √(n Var Σ s s').
    bonds = sum((spins * np.roll(spins, 1, axis)).sum((1, 2)) for axis in (1, 2))
    alike = 1 / np.sqrt(events * np.var(bonds))
    apart = Measured.over(found).error
    return Claim(
        name="coupling",
        sentence=f"The mean of the {len(found)} weights that are learnt is the coupling of the "
        f"samples; one by one they scatter by {found.std(ddof=1):.3f}.",
        expected=COUPLING,
        source=f"the coupling that {events:,} lattices were made with",
        measured=Measured(float(found.mean()), float(np.hypot(alike, apart))),
        tolerance=0.02 * COUPLING,
        why="a fiftieth of the coupling, which at this one is a change of the correlation length "
        "by less than a tenth",
    )


def field(run: Run) -> Claim:
    """That there are no biases."""
    return Claim(
        name="no field",
        sentence="The mean of the biases is zero.",
        expected=0.0,
        source="the samples were made without a field",
        measured=Measured.over(np.asarray(run.model.bias, float)),
        tolerance=0.02,
        why="as small a part of what neighbours do, four couplings together, as for the coupling",
    )


def chains_at(strength: float, context: Context) -> Draws:
    """Chains of a machine on a lattice so large that its ends are not felt."""
    graph = named(f"grid:{LARGE}x{LARGE}:periodic")
    machine = BoltzmannMachine.of(graph, weight=np.full(len(graph.edges), strength), units="spin")
    key_start, key = jax.random.split(jax.random.key(context.seed))
    state = start(key_start, machine, 64)
    return draw(key, machine, state, 100 if context.quick else 400, burn=500, every=4)


def onsager_energy(strength: float) -> float:
    """E / NJ = -coth(2K) [1 + (2/π) (2 tanh²(2K) - 1) K1(κ)], κ = 2 sinh(2K) / cosh²(2K)."""
    from scipy.special import ellipk

    modulus = 2 * np.sinh(2 * strength) / np.cosh(2 * strength) ** 2
    inner = (2 * np.tanh(2 * strength) ** 2 - 1) * ellipk(modulus**2)
    return float(-(1 + 2 / np.pi * inner) / np.tanh(2 * strength))


def onsager(chains: Draws) -> Claim:
    """That chains have the energy they should."""
    # Chains are independent of each other, whatever happens along them.
    means = np.asarray(chains.energies, float).mean(0) / (COUPLING * LARGE**2)
    return Claim(
        name="Onsager",
        sentence=f"The energy per spin of chains on a lattice of {LARGE} by {LARGE} is that of one "
        f"without end; R-hat is {chains.mixing.r_hat:.3f}.",
        expected=onsager_energy(COUPLING),
        source="−coth 2K [1 + (2/π)(2 tanh² 2K − 1) K₁(κ)] (Onsager, 1944)",
        measured=Measured.over(means),
        unit="J",
        tolerance=0.005,
        why="half a hundredth; what is left of the ends falls off as the correlation between "
        "sites 32 apart, and is much less",
    )


def ring() -> Claim:
    """That log Z of a ring is that of the transfer matrix."""
    graph = named(f"chain:{CHAIN}:periodic")
    machine = BoltzmannMachine.of(
        graph,
        np.full(CHAIN, FIELD),
        np.full(CHAIN, COUPLING),
        units="spin",
    )
    transfer = np.exp([[COUPLING + FIELD, -COUPLING], [-COUPLING, COUPLING - FIELD]])
    expected = float(np.log(np.sum(np.linalg.eigvalsh(transfer) ** CHAIN)))
    return Claim(
        name="transfer matrix",
        sentence=f"log Z of a ring of {CHAIN} spins in a field is that of the transfer matrix.",
        expected=expected,
        source="log(λ₊ᴺ + λ₋ᴺ)",
        measured=Measured(float(log_z(machine))),
        unit="nats",
        tolerance=1e-4,
        why="single precision has seven digits",
    )


def curie_weiss() -> Claim:
    """That with all spins coupled alike log Z is a sum over magnetisations."""
    graph = named(f"complete:{MEAN_FIELD}")
    each = STRENGTH / MEAN_FIELD
    machine = BoltzmannMachine.of(graph, weight=np.full(len(graph.edges), each), units="spin")
    up = np.arange(MEAN_FIELD + 1)
    ways = np.array(
        [lgamma(MEAN_FIELD + 1) - lgamma(k + 1) - lgamma(MEAN_FIELD - k + 1) for k in up]
    )
    magnetisation = 2 * up - MEAN_FIELD
    terms = ways + each * (magnetisation**2 - MEAN_FIELD) / 2
    return Claim(
        name="Curie-Weiss",
        sentence=f"log Z of {MEAN_FIELD} spins all coupled alike is the sum over magnetisations.",
        expected=float(np.logaddexp.reduce(terms)),
        source="log Σₖ (N over k) exp(K (M² − N) / 2N), M = 2k − N",
        measured=Measured(float(log_z(machine))),
        unit="nats",
        tolerance=1e-4,
        why="single precision has seven digits",
    )


def weights(run: Run) -> Histograms:
    """The weights that were learnt."""
    found = np.asarray(run.model.weight, float)
    edges = np.linspace(min(found.min(), COUPLING) - 0.01, max(found.max(), COUPLING) + 0.01, 25)
    return Histograms(
        name="weights",
        title="The weights that were learnt",
        caption=f"Of all {len(found)} pairs of neighbours; the samples were made with {COUPLING}. "
        "The scatter is that of a fit of so many numbers to so many samples.",
        panels=(
            Histogram("weight", edges, {"learnt": np.histogram(found, edges, density=True)[0]}),
        ),
    )


def energies(chains: Draws) -> Curves:
    """The energy along some chains."""
    series = np.asarray(chains.energies, float) / (COUPLING * LARGE**2)
    draws = np.arange(len(series)) * 4
    lines = tuple(Curve("chain", draws, series[:, k]) for k in range(4))
    exact = Curve("Onsager", draws, np.full(len(draws), onsager_energy(COUPLING)))
    return Curves(
        name="chains",
        title="Energy along chains",
        caption="The energy per spin along four chains, and that of a lattice without end.",
        panels=(Panel("energy per spin, J", (*lines, exact)),),
        x_label="sweeps",
    )


def curve(context: Context) -> Curves:
    """The energy against the coupling."""
    strengths = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    found = [
        float(jnp.mean(chains_at(strength, context).energies)) / (strength * LARGE**2)
        for strength in strengths
    ]
    fine = np.linspace(0.05, 0.55, 101)
    return Curves(
        name="energy",
        title="Energy against coupling",
        caption="The energy per spin of the machine's chains, and Onsager's curve. Past the "
        "critical coupling, 0.4407, chains from a random start may be stuck with domains, and "
        "lie above it.",
        panels=(
            Panel(
                "energy per spin, J",
                (
                    Curve("chains", strengths, np.array(found)),
                    Curve("Onsager", fine, np.array([onsager_energy(k) for k in fine])),
                ),
            ),
        ),
        x_label="K",
    )
