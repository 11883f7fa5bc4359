"""Flows that learn known energies, without samples."""

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.importance import independence_metropolis, mode_weights
from ansatz.models.flow import FlowRecipe
from ansatz.protocol.figures import (
    Curve,
    Curves,
    Histogram,
    Histograms,
    Panel,
)
from ansatz.runs.energies import Energy
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.known_energies import CoulombGas, DoubleWell
from ansatz.studies.lattice import ScalarField, annealed, magnetisation
from ansatz.studies.learnt_energy import Learnt, learn
from ansatz.studies.study import Context, Findings, Study

SIDE = 8
WELL, GAS, FIELD, BLIND = "double well", "Coulomb gas", "φ⁴", "one well"
WELLS = DoubleWell()
CHARGES = CoulombGas()
LEFT = np.array([1.0, 0.0])
ACTION = (-4.0, 8.0)
"""M² and λ."""

NETS: dict[str, FlowRecipe] = {
    WELL: FlowRecipe(layers=4, hidden=(32,), rate=5e-3, schedule="cosine", clip=10.0),
    GAS: FlowRecipe(
        layers=8, hidden=(64, 64), mixing="orthogonal", rate=3e-3, schedule="cosine", clip=10.0
    ),
    FIELD: FlowRecipe(
        coupling="affine",
        layers=16,
        net="conv",
        channels=(16,),
        circular=True,
        activation="leaky_relu",
        rate=5e-3,
        schedule="cosine",
        clip=10.0,
    ),
    # It leaves x a normal number, which can hold one well at most.
    BLIND: FlowRecipe(
        coupling="affine", layers=1, hidden=(8,), mixing="reverse", rate=2e-2, schedule="cosine"
    ),
}


class Size(NamedTuple):
    """How much is done."""

    steps: dict[str, int]
    draws: int
    """Of the flow, at each step."""
    drawn: int
    """In the end."""
    chains: int
    rungs: int


QUICK = Size({WELL: 400, GAS: 500, FIELD: 700, BLIND: 300}, 64, 20_000, 4000, 300)
FULL = Size({WELL: 1000, GAS: 2000, FIELD: 2500, BLIND: 300}, 128, 100_000, 6000, 600)
HOTTEST = 4.0


def from_the_left(x: Float[Array, "2"]) -> Float[Array, ""]:
    """The double well with its left well where flows begin."""
    return WELLS(x - jnp.asarray(LEFT, x.dtype))


class BoltzmannGeneratorStudy(Study):
    """A flow q learns a density p(x) = exp(−E(x)) / Z from its energy E alone, in units of kT, by
    draws of its own (Noé and others, 2019); weights exp(−E) / q then give log Z, which Markov
    chains do not (Nicoli and others, 2020). Three energies: a double well, with both wells found
    as the temperature falls; four charges in a trap, which repel each other by logarithms and are
    at this strength the eigenvalues of random matrices (Ginibre, 1965), so that log Z and samples
    are exact; and the φ⁴ theory on a lattice of 8 by 8 sites at M² = −4 and λ = 8, learnt by 16
    affine convolutional couplings (Albergo, Kanwar and Shanahan, 2019), against chains that are
    annealed from independent numbers (Neal, 2001). Effective samples are counted from the flow's
    draws and from samples of p: of a flow that has missed a well only the second kind can tell.
    """

    name: ClassVar[str] = "boltzmann-generator"
    title: ClassVar[str] = "Free energies from flows that saw no samples"

    def run(self, context: Context) -> Findings:
        size = QUICK if context.quick else FULL
        n, seed = size.drawn, context.seed
        wells, charges = WELLS.draw(n // 2, seed + 1), CHARGES.draw(n // 2, seed + 1)
        action, lattice = ScalarField(*ACTION), (SIDE, SIDE)
        chain = annealed(action, lattice, chains=size.chains, steps=size.rungs, seed=seed)
        known: dict[str, tuple[Energy, tuple[int, ...], Estimate, np.ndarray]] = {
            WELL: (WELLS, (2,), Estimate(WELLS.log_z, 0.0), wells),
            GAS: (CHARGES, (CHARGES.charges, 2), Estimate(CHARGES.log_z, 0.0), charges),
            FIELD: (action, lattice, chain.log_z, chain.samples),
            BLIND: (from_the_left, (2,), Estimate(WELLS.log_z, 0.0), wells + LEFT),
        }
        found = {}
        for name, (energy, shape, log_z, reference) in known.items():
            # Of the others none has walls to climb, but for the one that is not to climb its own.
            hottest, steps = (HOTTEST if name == WELL else 1.0), size.steps[name]
            fit = learn(context, name, NETS[name], energy, shape, steps, size.draws, hottest)
            found[name] = Learnt(name, fit, log_z, reference, *fit.draw(n, seed=seed))
        return Findings(claims(found), (densities(found), effective(found), divergences(found)))


def claims(found: dict[str, Learnt]) -> tuple[Claim, ...]:
    """log Z of each, both wells, and what effective samples tell."""
    sure = [found[name] for name in (WELL, GAS, FIELD)]
    right = mode_weights(found[WELL].log_weights, found[WELL].x[:, 0] > 0, 2)
    wells = [
        (f"weight, {side}", Measured(*right[k]), p)
        for k, (side, p) in enumerate((("left", 1 - WELLS.right), ("right", WELLS.right)))
    ]
    gaps = [one.gap for one in sure] + [Measured(m.value - p, m.error) for _, m, p in wells]
    return (
        *(log_z_claim(one) for one in sure),
        *(well_claim(name, measured, p) for name, measured, p in wells),
        Claim(
            name="standard errors",
            sentence="log Z of all three and the weights of both wells are those known otherwise "
            f"within three standard errors; the largest of the {len(gaps)} deviations.",
            expected=0.0,
            source="quadrature, a closed form, annealed chains",
            measured=Measured(max(abs(gap.value) / gap.error for gap in gaps)),
            tolerance=3.0,
            why="errors are what they are said to be",
            unit="standard errors",
        ),
        *(effective_claim(one) for one in sure),
        blind_claim(found[BLIND]),
    )


SOURCES = {
    WELL: "quadrature",
    GAS: "N log π + Σ log k! (Ginibre, 1965)",
    FIELD: "annealed importance sampling from independent normal numbers",
}


def log_z_claim(one: Learnt) -> Claim:
    """That the weights give log Z."""
    accepted = independence_metropolis(one.log_weights)[1]
    value, error = one.log_z
    known = f"{value:.4f} ± {error:.1g}" if error else f"{value:.4f}"
    return Claim(
        name=f"{one.name}, log Z",
        sentence=f"{one.name}: log Z from {len(one.x):,} draws of the flow less that known "
        f"otherwise, {known}; independence Metropolis accepts {accepted:.0%} of the draws.",
        expected=0.0,
        source=SOURCES[one.name],
        measured=one.gap,
        tolerance=0.1,
        why="a free energy known to a tenth of kT is known better than most are measured",
        unit="nats",
    )


def well_claim(name: str, measured: Measured, p: float) -> Claim:
    """That a well has its weight."""
    return Claim(
        name=name,
        sentence=f"The {name.partition(', ')[2]} well has its weight.",
        expected=p,
        source="quadrature",
        measured=measured,
        tolerance=0.03,
        why="a sixth of what equal wells would be off by",
    )


def effective_claim(one: Learnt) -> Claim:
    """That samples of p know of no mode that the flow's own draws do not."""
    return Claim(
        name=f"{one.name}, effective samples",
        sentence=f"{shares(one)}: what the second is of the first.",
        expected=0.1,
        source="both are (E_q w)² / E_q w²; the second sees tails that the first has not reached",
        measured=ratio(one),
        tolerance=0.0,
        why="tails cost a factor, and a mode that is missed leaves next to nothing, as below",
        side="at least",
    )


def blind_claim(one: Learnt) -> Claim:
    """That the flow's own draws do not see what they miss."""
    return Claim(
        name="a missed well",
        sentence=f"A flow begins in one well, and can hold no more. {shares(one).capitalize()}: "
        "what the second is of the first.",
        expected=0.001,
        source="a well that is never visited has no weight among the flow's own draws",
        measured=ratio(one),
        tolerance=0.0,
        why="a thousandth is next to nothing",
        side="at most",
    )


def shares(one: Learnt) -> str:
    """Both kinds of effective samples in words."""
    return (
        f"{one.name}: {one.own.value:.1%} of draws are effective by the flow's own, and "
        f"{100 * one.on_reference.value:.3g}% by {len(one.reference):,} samples of p"
    )


def ratio(one: Learnt) -> Measured:
    """Effective samples by samples of p, as a share of those by the flow's own draws."""
    own, other = one.own, one.on_reference
    value = other.value / own.value
    return Measured(value, float(np.hypot(own.error * value, other.error) / own.value))


def densities(found: dict[str, Learnt]) -> Histograms:
    """One number of each system: drawn, weighted, and as it should be."""
    numbers: dict[str, tuple[str, Any]] = {
        WELL: ("x in the double well", lambda x: x[:, :1]),
        GAS: ("distance of a charge", lambda x: np.hypot(x[..., 0], x[..., 1])),
        FIELD: ("mean of a field", lambda x: magnetisation(x)[:, None]),
        BLIND: ("x + 1, one well missed", lambda x: x[:, :1]),
    }
    panels = []
    for name, (axis, number) in numbers.items():
        one = found[name]
        drawn, reference = number(one.x), number(one.reference)
        low, high = np.quantile(reference, [0.0005, 0.9995])
        edges = np.linspace(low, high, 49)
        weights = np.broadcast_to(
            np.exp(one.log_weights - one.log_weights.max())[:, None], drawn.shape
        )
        panels.append(
            Histogram(
                axis,
                edges,
                {
                    "reference": np.histogram(reference, edges, density=True)[0],
                    "flow": np.histogram(drawn, edges, density=True)[0],
                    "weighted": np.histogram(drawn, edges, density=True, weights=weights)[0],
                },
            )
        )
    return Histograms(
        name="densities",
        title="Draws, before and after weighting",
        caption="A number of each system among samples of p, draws of the flow, and the same draws "
        "with their weights. Weights put right what a flow has nearly right, and nothing of what "
        "it misses.",
        panels=tuple(panels),
    )


def effective(found: dict[str, Learnt]) -> Histograms:
    """Both kinds beside each other."""
    shares = {
        "by the flow's own draws": np.array([one.own.value for one in found.values()]),
        "by samples of p": np.array([one.on_reference.value for one in found.values()]),
    }
    edges = np.arange(len(found) + 1) - 0.5
    return Histograms(
        name="effective",
        title="Effective samples",
        caption="The share of draws that are worth one of p, by the flow's own draws and by "
        "samples of p. Where the second is nothing beside the first, the flow misses what p has.",
        panels=(Histogram("share of draws", edges, shares, tuple(found)),),
    )


def divergences(found: dict[str, Learnt]) -> Curves:
    """KL(q ‖ p) as it falls."""
    curves = []
    for name, one in found.items():
        steps = np.array([row["step"] for row in one.fit.history])
        losses = np.array([row["loss"] for row in one.fit.history])
        curves.append(Curve(name, steps, np.maximum(losses + one.log_z.value, 1e-4)))
    return Curves(
        name="divergences",
        title="Learning",
        caption="KL(q ‖ p) = E_q[E + log q] + log Z, a mean over each hundred steps. Of the flow "
        "that misses a well it ends at minus the logarithm of the other's weight.",
        panels=(Panel("KL(q ‖ p), nats", tuple(curves), log=True),),
        x_label="step",
    )
