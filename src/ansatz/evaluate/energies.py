"""What the flow of a known energy is worth, in numbers."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool

from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.importance import (
    effective_fraction,
    effective_fraction_on_reference,
    free_energy,
    independence_metropolis,
    log_normaliser,
    mode_weights,
)
from ansatz.protocol.measure import Measure
from ansatz.runs.energies import EnergyFit

Mode = Callable[[np.ndarray], Bool[np.ndarray, " events"]]
"""Which of many events lie in a mode."""
NONE: Mapping[str, Mode] = MappingProxyType({})


def judge_energy(
    fit: EnergyFit,
    *,
    reference: np.ndarray | None = None,
    modes: Mapping[str, Mode] = NONE,
    temperature: float = 1.0,
    draws: int = 10_000,
    seed: int = 0,
) -> tuple[Measure, ...]:
    """log Z, the free energy at kT = `temperature`, effective samples, modes and acceptance.

    Give samples of p from elsewhere as a `reference` wherever there are any, or every mode that is
    known: the flow's own samples say nothing of what it never visits.
    """
    x, log_weights = fit.draw(draws, seed=seed)
    accepted = independence_metropolis(log_weights, seed)[1]
    whence = f"from {draws:,} draws of the flow"
    found = [
        _measure("log Z", log_normaliser(log_weights), "nats", f"log E_q[w] {whence}"),
        _measure(
            "free energy",
            free_energy(log_weights, temperature),
            "nats" if temperature == 1 else f"at kT = {temperature:g}",
            "−kT log Z",
        ),
        _measure(
            "effective samples",
            effective_fraction(log_weights),
            "of each",
            f"(Σw)² / n Σw² {whence}: blind to a mode that it misses",
        ),
    ]
    if reference is not None:
        found.append(
            _measure(
                "effective samples, reference",
                effective_fraction_on_reference(fit.weigh(reference)),
                "of each",
                f"1 / (E_p[w] E_p[1/w]) from {len(reference):,} samples of p itself",
            )
        )
    error = float(np.sqrt(accepted * (1 - accepted) / max(draws - 1, 1)))
    found.append(
        Measure("acceptance", accepted, error, "", "of independence Metropolis, draw after draw")
    )
    for name, mode in modes.items():
        inside = np.asarray(mode(x), int)
        weight = mode_weights(log_weights, inside, 2)[1]
        what = f"of p, where the flow has {inside.mean():.3g}"
        found.append(_measure(f"weight, {name}", weight, "", what))
    return tuple(found)


def _measure(name: str, estimate: Estimate, unit: str, what: str) -> Measure:
    return Measure(name, estimate.value, estimate.error, unit, what)
