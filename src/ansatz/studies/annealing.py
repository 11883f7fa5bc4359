"""Chains that must cross from mode to mode, with and without a higher temperature first."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.models.boltzmann import BoltzmannMachine, named
from ansatz.models.boltzmann.sampling import anneal, sample
from ansatz.models.boltzmann.tempering import temper
from ansatz.protocol.figures import Curve, Curves, Histogram, Histograms, Panel
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

ROWS, COLUMNS = 4, 5
SPINS = ROWS * COLUMNS
COUPLING, FIELD = 2.0, 0.025
HOTTEST, RUNGS = 0.2, 5
SWEEPS = (50, 200, 1000, 5000)
PLAIN, ANNEALED, TEMPERED = "plain", "annealed", "tempered"


@dataclass(frozen=True, eq=False)
class Exact:
    """All states of the lattice: the probability of every magnetisation."""

    magnetisations: Float[np.ndarray, " value"]
    p: Float[np.ndarray, " value"]

    @property
    def up(self) -> float:
        """The probability that more spins are up than down."""
        return float(self.p[self.magnetisations > 0].sum())


class AnnealingStudy(Study):
    """A cold ferromagnet in a weak field has two modes, all spins up and all down, and a barrier
    between them that takes e¹⁶ sweeps to cross. Chains that begin in the less likely mode stay
    there. Chains that are heated first and cooled slowly end in either, with odds that freeze
    while they are still warm, between even and right. Tempered chains, which change places with
    warmer ones all the time, come to the right odds, but take longer than annealing takes to its
    own. All three are given as many sweeps, the ladder of temperatures counted; what is right is
    the sum over all 2²⁰ states.
    """

    name: ClassVar[str] = "annealing"
    title: ClassVar[str] = "Higher temperature first: from mode to mode"

    def run(self, context: Context) -> Findings:
        chains = 2000 if context.quick else 20_000
        exact = enumerated()
        key = jax.random.key(context.seed)
        found = {
            way: [drawn(way, sweeps, chains, jax.random.fold_in(key, sweeps)) for sweeps in SWEEPS]
            for way in (PLAIN, ANNEALED, TEMPERED)
        }
        last = {way: each[-1] for way, each in found.items()}
        return Findings(
            (
                stuck_claim(last[PLAIN], exact),
                nearer_claim(last[ANNEALED], exact),
                right_claim(last[TEMPERED], exact),
            ),
            (courses(found, exact), modes(last, exact)),
        )


def lattice() -> BoltzmannMachine:
    """The ferromagnet."""
    graph = named(f"grid:{ROWS}x{COLUMNS}")
    weight = np.full(len(graph.edges), COUPLING)
    return BoltzmannMachine.of(graph, np.full(SPINS, FIELD), weight, units="spin")


def enumerated() -> Exact:
    """The sum over all states, written out."""
    bits = (np.arange(2**SPINS)[:, None] >> np.arange(SPINS)[None] & 1).astype(np.int8)
    spins = (2 * bits - 1).reshape(-1, ROWS, COLUMNS)
    along = (spins[:, :, 1:] * spins[:, :, :-1]).sum((1, 2), dtype=int)
    down = (spins[:, 1:] * spins[:, :-1]).sum((1, 2), dtype=int)
    magnetisation = spins.sum((1, 2), dtype=int)
    log_p = COUPLING * (along + down) + FIELD * magnetisation
    p = np.exp(log_p - np.logaddexp.reduce(log_p))
    values = np.arange(-SPINS, SPINS + 1, 2)
    each = np.bincount((magnetisation + SPINS) // 2, p, len(values))
    return Exact(values / SPINS, each)


def drawn(way: str, sweeps: int, chains: int, key: jax.Array) -> Float[np.ndarray, " chain"]:
    """The magnetisations of chains that began all down, after so many sweeps in all."""
    machine = lattice()
    state = -jnp.ones((SPINS, chains), machine.dtype)
    if way == PLAIN:
        state = sample(key, machine, state, sweeps)
    elif way == ANNEALED:
        state = anneal(key, machine, state, np.linspace(HOTTEST, 1, sweeps))
    else:
        columns = jnp.tile(state, (1, RUNGS))
        betas = np.linspace(HOTTEST, 1, RUNGS)
        # Two sweeps before the draw itself, so that every pair of rungs has its turn.
        found = temper(key, machine, columns, betas, 1, burn=sweeps // RUNGS - 2, every=2)
        state = found.states[0]
    return np.asarray(state.mean(0), float)


def share(magnetisation: Float[np.ndarray, " chain"]) -> Measured:
    """The share of chains that are up; one more of each, so that none is sure."""
    up = magnetisation > 0
    p = (up.sum() + 1) / (len(up) + 2)
    return Measured(float(up.mean()), float(np.sqrt(p * (1 - p) / len(up))))


def stuck_claim(magnetisation: Float[np.ndarray, " chain"], exact: Exact) -> Claim:
    """That plain chains do not cross."""
    return Claim(
        name=PLAIN,
        sentence=f"Of chains that began down hardly one is up {SWEEPS[-1]} sweeps later, and "
        f"{exact.up:.1%} should be.",
        expected=0.0,
        source="a wall across the lattice costs 4 bonds, exp(−8 K) = exp(−16)",
        measured=share(magnetisation),
        tolerance=0.02,
        why="one chain in fifty",
    )


def nearer_claim(magnetisation: Float[np.ndarray, " chain"], exact: Exact) -> Claim:
    """That chains which are heated first end in either mode."""
    return Claim(
        name=ANNEALED,
        sentence=f"Heated first and cooled in {SWEEPS[-1]} sweeps, at least half of the chains "
        "end up.",
        expected=0.5,
        source="odds that freeze at a higher temperature lie between even and those at 1",
        measured=share(magnetisation),
        tolerance=0.02,
        why="one chain in fifty",
        side="at least",
    )


def right_claim(magnetisation: Float[np.ndarray, " chain"], exact: Exact) -> Claim:
    """That tempered chains have the right odds."""
    return Claim(
        name=TEMPERED,
        sentence=f"Tempered over {RUNGS} temperatures, with as many sweeps in all, chains are up "
        "as often as they should be.",
        expected=exact.up,
        source="the sum over all states",
        measured=share(magnetisation),
        tolerance=0.05,
        why="a fifth of what even odds would be off by",
    )


def courses(found: dict[str, list[Float[np.ndarray, " chain"]]], exact: Exact) -> Curves:
    """How many chains are up, against what it cost."""
    sweeps = np.array(SWEEPS)
    lines = [
        Curve(way, sweeps, np.array([share(each).value for each in ends]))
        for way, ends in found.items()
    ]
    return Curves(
        name="shares",
        title="How many chains have crossed",
        caption="The share of chains in the likelier mode, all begun in the other, against the "
        "sweeps that were spent, those of all temperatures counted.",
        panels=(
            Panel("share up", (*lines, Curve("exact", sweeps, np.full(len(sweeps), exact.up)))),
        ),
        x_label="sweeps",
    )


def modes(last: dict[str, Float[np.ndarray, " chain"]], exact: Exact) -> Histograms:
    """Where chains are in the end."""
    step = exact.magnetisations[1] - exact.magnetisations[0]
    edges = np.append(exact.magnetisations - step / 2, 1 + step / 2)
    densities = {"exact": exact.p / step}
    densities |= {way: np.histogram(each, edges, density=True)[0] for way, each in last.items()}
    return Histograms(
        name="modes",
        title="The two modes",
        caption=f"The magnetisation of chains after {SWEEPS[-1]} sweeps, and its exact "
        "distribution.",
        panels=(Histogram("magnetisation per spin", edges, densities),),
    )
