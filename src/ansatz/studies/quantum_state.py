"""The ground state of a quantum magnet, learnt from its measurements."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy import optimize, stats

from ansatz.protocol.figures import Bars, Cloud, Curve, Curves, Panel, Scatter
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.real import TFIM
from ansatz.studies.study import Context, Findings, Study
from ansatz.studies.transverse_ising import ground_state, hamiltonian, snapshots, spins

SITES, SNAPSHOTS = 10, 10_000
HIDDEN = 5
LEAST = 0.995
HISTOGRAM, CHAIN, PAIRS, LEARNT = "histogram", "chain", "all pairs", f"{HIDDEN} hidden"

Probability = Float[np.ndarray, " configuration"]


@dataclass(frozen=True, eq=False)
class Magnet:
    """A state of the chain, and what was measured of it."""

    energy: float
    exact: Probability
    seen: Float[np.ndarray, "snapshot site"]
    given: Probability | None
    """The state's probabilities as a file has them, if there is one."""

    @property
    def histogram(self) -> Probability:
        """How often each configuration was seen."""
        return np.bincount(number(self.seen), minlength=len(self.exact)) / len(self.seen)


class QuantumStateStudy(Study):
    """Ten spins in a chain, H = − Σ Z Z − Σ X, are critical, and the amplitudes of their ground
    state are positive: the state is the root of the probabilities of what is measured. A machine
    that learns 10 000 snapshots so learns the state, whose fidelity with the exact one is
    (Σ √(p q))², summed over all 1024 configurations. Beside it stand the histogram of the
    snapshots and an Ising chain with one coupling. Torlai and others (2018) learnt such states
    with restricted machines. A fit of k numbers to n snapshots loses about k / 4n of the fidelity
    to chance, so the machines here are small. The snapshots are those of a file; where it is
    missing they are drawn from the state, and the study says so.
    """

    name: ClassVar[str] = "quantum-state"
    title: ClassVar[str] = "A quantum state, learnt from its measurements"

    def run(self, context: Context) -> Findings:
        magnet = measured(context.seed)
        path = context.save("snapshots.npy", magnet.seen.astype(np.int8))
        common = {
            "method": "exact",
            "validation": 0.0,
            "test": 0.0,
            "batch": 1000,
            "epochs": 150 if context.quick else 600,
            "optimiser": "adam",
            "rate": 0.02,
            "schedule": "cosine",
            "patience": 0,
        }
        seeds = 1 if context.quick else 3
        (pairs,) = context.fit("pairs", "boltzmann", path, **common)
        runs = context.fit("hidden", "rbm", path, hidden=HIDDEN, spread=0.3, seeds=seeds, **common)
        found = {
            HISTOGRAM: magnet.histogram,
            CHAIN: chain(magnet.seen),
            PAIRS: probabilities(pairs),
            LEARNT: probabilities(runs[0]),
        }
        all_hidden = [probabilities(run) for run in runs]
        return Findings(
            (
                state_claim(magnet),
                histogram_claim(magnet),
                fidelity_claim(PAIRS, [found[PAIRS]], magnet, found),
                fidelity_claim(LEARNT, all_hidden, magnet, found),
                energy_claim(found[LEARNT], magnet),
            ),
            (lost(found, magnet), against(found, magnet), correlations(found, magnet)),
        )


def measured(seed: int) -> Magnet:
    """The state by diagonalisation, and the snapshots of the file or of our own."""
    energy, state = ground_state(SITES)
    if not TFIM.exists():
        generator = np.random.Generator(np.random.Philox(seed))
        return Magnet(energy, state**2, snapshots(generator, state, SNAPSHOTS), None)
    bits = np.loadtxt(TFIM / "tfim1d_data.txt", dtype=int)
    given = (np.loadtxt(TFIM / "tfim1d_psi.txt") ** 2).sum(1)
    return Magnet(energy, state**2, 1.0 - 2.0 * bits, given)


def number(seen: Float[np.ndarray, "snapshot site"]) -> np.ndarray:
    """Of which configuration each snapshot is."""
    down = (seen < 0).astype(int)
    return down @ (1 << np.arange(seen.shape[1])[::-1])


def probabilities(run: Run) -> Probability:
    """What the machine of a run gives every configuration, exactly."""
    every = spins(SITES).astype(np.int8)
    return np.exp(np.asarray(run.log_likelihood(every), float))


def chain(seen: Float[np.ndarray, "snapshot site"]) -> Probability:
    """p ∝ exp(K Σ s s') over neighbours, with the most likely K."""
    bonds = (spins(seen.shape[1])[:, :-1] * spins(seen.shape[1])[:, 1:]).sum(1)
    mean = float((seen[:, :-1] * seen[:, 1:]).sum(1).mean())

    def loss(k: float) -> float:
        return float(np.logaddexp.reduce(k * bonds) - k * mean)

    k = optimize.minimize_scalar(loss, bounds=(0.0, 5.0), method="bounded").x
    return np.exp(k * bonds - np.logaddexp.reduce(k * bonds))


def overlap(p: Probability, q: Probability) -> float:
    """Σ √(p q)."""
    return float(np.sqrt(p * q).sum())


def fidelity(p: Probability, q: Probability) -> float:
    """(Σ √(p q))²."""
    return overlap(p, q) ** 2


def expected_overlap(p: Probability, count: int) -> float:
    """The mean of Σ √(p q) over histograms q of so many snapshots, binomial by binomial."""
    total = 0.0
    for each in p:
        most = int(count * each + 12 * np.sqrt(count * each) + 40)
        times = np.arange(most + 1)
        total += np.sqrt(each / count) * stats.binom.pmf(times, count, each) @ np.sqrt(times)
    return float(total)


def state_claim(magnet: Magnet) -> Claim:
    """That the state is the one that it is said to be."""
    by_formula = 1 - 1 / np.sin(np.pi / (4 * SITES + 2))
    if magnet.given is None:
        return Claim(
            name="ground state",
            sentence=f"No measurements lie at {TFIM}: the snapshots are drawn from the state that "
            "is found by diagonalisation, whose energy is that of the formula.",
            expected=float(by_formula),
            source="1 − 1 / sin(π / (4N + 2)), by free fermions (Pfeuty, 1970)",
            measured=Measured(magnet.energy),
            tolerance=1e-6,
            why="an eigenvalue in double precision",
        )
    return Claim(
        name="ground state",
        sentence="The probabilities of the file are those of the ground state that is found by "
        f"diagonalisation, at an energy of {magnet.energy:.6f}, by formula {by_formula:.6f}.",
        expected=1.0,
        source="H = − Σ Z Z − Σ X with open ends",
        measured=Measured(fidelity(magnet.exact, magnet.given)),
        tolerance=1e-6,
        why="the file has ten digits",
    )


def histogram_claim(magnet: Magnet) -> Claim:
    """That the snapshots are independent measurements of the state."""
    return Claim(
        name=HISTOGRAM,
        sentence="The overlap Σ √(p q) of the histogram of the snapshots is what chance leaves of "
        f"it; its square, the fidelity, is {fidelity(magnet.exact, magnet.histogram):.4f}.",
        expected=expected_overlap(magnet.exact, len(magnet.seen)),
        source=f"the mean over {len(magnet.seen):,} independent measurements, binomial by binomial",
        measured=Measured(overlap(magnet.exact, magnet.histogram)),
        tolerance=0.002,
        why="a tenth of what is missing to 1",
    )


def fidelity_claim(
    name: str, found: list[Probability], magnet: Magnet, beside: dict[str, Probability]
) -> Claim:
    """That a machine learns the state."""
    values = np.array([fidelity(magnet.exact, q) for q in found])
    others = ", ".join(
        f"{each} {fidelity(magnet.exact, beside[each]):.4f}" for each in (HISTOGRAM, CHAIN)
    )
    kind = "without hidden units" if name == PAIRS else f"with {HIDDEN} hidden units"
    return Claim(
        name=name,
        sentence=f"The state learnt by a machine {kind} is the exact one to a fidelity of {LEAST}, "
        f"by the exact sum. Beside it: {others}.",
        expected=LEAST,
        source="(Σ √(p q))² over all 1024 configurations",
        measured=Measured.over(values) if len(values) > 1 else Measured(float(values[0])),
        tolerance=0.0,
        why="the least that is asked for",
        side="at least",
    )


def energy_claim(q: Probability, magnet: Magnet) -> Claim:
    """That the learnt state has the energy, most of it from amplitudes that nobody measured."""
    root = np.sqrt(q)
    energy = float(root @ (hamiltonian(SITES) @ root)) / SITES
    return Claim(
        name="energy",
        sentence="⟨H⟩ of the learnt state √q, per site, about half of which is that of X and is "
        "never measured, is that of the ground state.",
        expected=magnet.energy / SITES,
        source="diagonalisation",
        measured=Measured(energy),
        tolerance=0.02,
        why="a fiftieth of the coupling",
    )


def lost(found: dict[str, Probability], magnet: Magnet) -> Bars:
    """What each guess at the state misses."""
    return Bars(
        name="infidelity",
        title="What is missing of the state",
        caption="1 − (Σ √(p q))² of the histogram of the snapshots, of an Ising chain with one "
        "coupling, of a machine with all pairs coupled, and of one with hidden units. "
        f"{1 - LEAST:.3f} is what is asked for.",
        labels=tuple(found),
        values=np.array([1 - fidelity(magnet.exact, q) for q in found.values()]),
        x_label="q",
        y_label="1 − fidelity",
    )


def against(found: dict[str, Probability], magnet: Magnet) -> Scatter:
    """Every configuration's probability."""

    def cloud(label: str) -> Cloud:
        shown = found[label] > 0
        return Cloud(label, np.log10(np.stack([magnet.exact, found[label]], 1)[shown]))

    return Scatter(
        name="probabilities",
        title="The probability of every configuration",
        caption="log₁₀ of it, exact and as found; the diagonal is right. The histogram knows "
        "nothing of the configurations that were not seen, and they are left out.",
        clouds=tuple(map(cloud, found)),
        x_label="log₁₀ p, exact",
        y_label="log₁₀ q",
    )


def correlations(found: dict[str, Probability], magnet: Magnet) -> Curves:
    """How spins far apart depend on each other."""
    s = spins(SITES)
    products = s[:, :1] * s[:, 1:]
    distance = np.arange(1, SITES)
    lines = [Curve("exact", distance, magnet.exact @ products)]
    lines += [Curve(label, distance, found[label] @ products) for label in found]
    return Curves(
        name="correlations",
        title="From one end to the other",
        caption="⟨s₁ s₁₊ᵣ⟩ with the spin at one end. At the critical point correlations fall off "
        "slowly; those of a chain with one coupling fall off exponentially. Machines have those of "
        "the snapshots, chance and all.",
        panels=(Panel("correlation", tuple(lines)),),
        x_label="distance r",
    )
