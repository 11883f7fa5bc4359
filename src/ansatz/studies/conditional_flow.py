"""One flow for all temperatures, asked about those between the ones it has learnt."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ansatz.evaluate.annealing import Annealed
from ansatz.evaluate.estimate import weighted_mean
from ansatz.evaluate.importance import effective_fraction, effective_fraction_on_reference
from ansatz.protocol.figures import Curve, Curves, Histogram, Histograms, Panel
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.lattice import ScalarField, annealed, magnetisation
from ansatz.studies.study import Context, Findings, Study

SIDE = 4
ACTION = (-4.0, 4.0)
"""M² and λ."""
LEARNT = (0.6, 0.9, 1.2, 1.5)
BETWEEN = (0.75, 1.05, 1.35)
COPIES = 4
"""Of every field, each turned by a symmetry of the action."""

Fields = Float[np.ndarray, "fields side side"]


@dataclass(frozen=True, eq=False)
class At:
    """One temperature: chains there, and draws of the flow with their log-weights."""

    temperature: float
    chains: Annealed
    drawn: Fields
    log_weights: Float[np.ndarray, " draw"]
    on_chains: Float[np.ndarray, " chain"]
    """The log-weights of the chains' samples."""

    @property
    def exact(self) -> Measured:
        """⟨|m|⟩ by the chains, which are independent but for their drawing."""
        return Measured.over(np.abs(magnetisation(self.chains.samples)))

    @property
    def found(self) -> Measured:
        """⟨|m|⟩ by draws of the flow as they are."""
        return Measured.over(np.abs(magnetisation(self.drawn)))

    @property
    def weighted(self) -> Measured:
        """⟨|m|⟩ by the same draws with their weights."""
        weights = np.exp(self.log_weights - self.log_weights.max())
        return Measured(*weighted_mean(np.abs(magnetisation(self.drawn)), weights))


class ConditionalFlowStudy(Study):
    """Fields of the φ⁴ theory at four temperatures, p(φ | T) ∝ exp(−S(φ) / T), are learnt by one
    flow of splines whose nets are told T. Between them it has seen nothing, and is asked there for
    the mean size of the magnetisation, which falls as fields cease to point all one way: by its
    draws as they are, and weighted by exp(−S / T) / q, which its density allows and which puts
    right what is nearly right. Both are compared with chains that are annealed at that temperature
    (Neal, 2001). The events are synthetic.
    """

    name: ClassVar[str] = "conditional-flow"
    title: ClassVar[str] = "One flow for all temperatures, those between included"

    def run(self, context: Context) -> Findings:
        chains, steps = (3000, 150) if context.quick else (20_000, 500)
        found = {
            temperature: annealed(
                ScalarField(*ACTION, temperature),
                (SIDE, SIDE),
                chains=chains,
                steps=steps,
                seed=context.seed + k,
            )
            for k, temperature in enumerate(sorted(LEARNT + BETWEEN))
        }
        generator = np.random.Generator(np.random.Philox(context.seed))
        fields = {t: turned(found[t].samples, generator) for t in LEARNT}
        (run,) = context.fit(
            "run",
            "flow",
            kept(context.folder / "fields.npz", fields),
            events=("events",),
            conditions=("temperature",),
            # What is learnt from a field must not be validated on the same one, turned.
            validation=0.0,
            test=0.0,
            mixing="orthogonal",
            layers=6,
            hidden=(96,),
            batch=256,
            epochs=8 if context.quick else 12,
            rate=5e-3,
            schedule="cosine",
            patience=0,
        )
        each = {t: at(run, t, chain, context) for t, chain in found.items()}
        return Findings(claims(each), (magnetisations(each), worth(each), histograms(each)))


def turned(fields: Fields, generator: np.random.Generator) -> Fields:
    """Copies of fields, each shifted along both axes, mirrored or not, and of either sign."""
    copies = []
    for _ in range(COPIES):
        shift = generator.integers(0, SIDE, (2, len(fields), 1))
        down, across = (np.arange(SIDE) + shift) % SIDE
        moved = fields[np.arange(len(fields))[:, None, None], down[:, :, None], across[:, None, :]]
        mirror = generator.random(len(fields)) < 0.5
        moved = np.where(mirror[:, None, None], moved.transpose(0, 2, 1), moved)
        copies.append(moved * generator.choice([-1.0, 1.0], len(fields))[:, None, None])
    return np.concatenate(copies)


def kept(path: Path, fields: dict[float, Fields]) -> Path:
    """A file of all fields with the temperature of each."""
    events = np.concatenate(list(fields.values())).astype(np.float32)
    temperatures = np.repeat(list(fields), [len(some) for some in fields.values()])
    np.savez(path, events=events, temperature=temperatures.astype(np.float32)[:, None])
    return path


def at(run: Run, temperature: float, chains: Annealed, context: Context) -> At:
    """Draws of the flow at one temperature, and how likely it finds them and those of chains."""
    action = ScalarField(*ACTION, temperature)
    count = 4000 if context.quick else 20_000
    drawn = run.sample(count, condition=[f"temperature={temperature}"], seed=context.seed)

    def weigh(fields: Fields) -> Float[np.ndarray, " field"]:
        path = kept(context.folder / f"at-{temperature}.npz", {temperature: fields})
        energies = np.asarray(jax.vmap(action)(jnp.asarray(fields)), np.float64)
        return -energies - run.log_likelihood(path)

    return At(temperature, chains, drawn, weigh(drawn), weigh(chains.samples))


def claims(each: dict[float, At]) -> tuple[Claim, ...]:
    """The magnetisation at every temperature between two that were learnt."""
    return tuple(claim for temperature in BETWEEN for claim in claims_at(each, temperature))


def claims_at(each: dict[float, At], temperature: float) -> tuple[Claim, Claim]:
    """That draws are magnetised as they should be, as they are and with their weights."""
    one = each[temperature]
    below = max(t for t in LEARNT if t < temperature)
    above = min(t for t in LEARNT if t > temperature)
    step = each[below].exact.value - each[above].exact.value
    exact = one.exact
    own, other = effective_fraction(one.log_weights), effective_fraction_on_reference(one.on_chains)

    def claim(name: str, sentence: str, found: Measured) -> Claim:
        error = float(np.hypot(found.error, exact.error))
        return Claim(
            name=f"{name} at {temperature:g}",
            sentence=f"{sentence}: mean |m| less that of chains, {exact.value:.4f} ± "
            f"{exact.error:.1g}.",
            expected=0.0,
            source="chains annealed at this temperature",
            measured=Measured(found.value - exact.value, error),
            tolerance=abs(step) / 4,
            why=f"a quarter of what it falls by from T = {below:g} to {above:g}; a flow that knew "
            "only the nearer of them would be off by about a half",
        )

    return (
        claim(
            "draws", f"Draws of the flow at T = {temperature:g}, which it did not learn", one.found
        ),
        claim(
            "weighted",
            f"The same weighted by exp(−S/T) / q, of which {own.value:.0%} are effective by "
            f"themselves and {other.value:.0%} by samples of the chains",
            one.weighted,
        ),
    )


def magnetisations(each: dict[float, At]) -> Curves:
    """⟨|m|⟩ against the temperature."""
    at = np.array(list(each))
    learnt = np.isin(at, LEARNT)
    exact = np.array([one.exact.value for one in each.values()])
    found = np.array([one.found.value for one in each.values()])
    return Curves(
        name="magnetisation",
        title="Magnetisation",
        caption="The mean size of the magnetisation of chains and of draws of the flow against the "
        f"temperature; it has learnt from {', '.join(map(str, LEARNT))}, and was asked between.",
        panels=(
            Panel(
                "⟨|m|⟩",
                (
                    Curve("chains", at, exact),
                    Curve("flow, learnt", at[learnt], found[learnt]),
                    Curve("flow, between", at[~learnt], found[~learnt]),
                ),
            ),
            Panel(
                "less that of chains",
                (
                    Curve("flow, learnt", at[learnt], (found - exact)[learnt]),
                    Curve("flow, between", at[~learnt], (found - exact)[~learnt]),
                ),
            ),
        ),
        x_label="T",
    )


def worth(each: dict[float, At]) -> Curves:
    """Both kinds of effective samples against the temperature."""
    at = np.array(list(each))
    own = np.array([effective_fraction(one.log_weights).value for one in each.values()])
    other = [effective_fraction_on_reference(one.on_chains).value for one in each.values()]
    return Curves(
        name="effective",
        title="Effective samples",
        caption="The share of the flow's draws that are worth one of p(φ | T), by its own draws "
        "and by samples of chains.",
        panels=(
            Panel(
                "share of draws",
                (Curve("by draws", at, own), Curve("by chains", at, np.array(other))),
            ),
        ),
        x_label="T",
    )


def histograms(each: dict[float, At]) -> Histograms:
    """The magnetisation where nothing was learnt."""
    panels = []
    for temperature in BETWEEN:
        one = each[temperature]
        exact, found = magnetisation(one.chains.samples), magnetisation(one.drawn)
        edges = np.linspace(-1, 1, 41) * np.abs(exact).max()
        densities = {
            label: np.histogram(values, edges, density=True)[0]
            for label, values in (("chains", exact), ("flow", found))
        }
        panels.append(Histogram(f"m at T = {temperature:g}", edges, densities))
    return Histograms(
        name="magnetisations",
        title="Between the temperatures that were learnt",
        caption="How often a field has which magnetisation: by chains at that temperature, and by "
        "the flow, which never saw it.",
        panels=tuple(panels),
    )
