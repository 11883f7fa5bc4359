"""Which sampler draws the units of a Boltzmann machine, for all commands that draw."""

from typing import Any, Literal

from ansatz.cli.arguments import say

Sampler = Literal["own", "annealer", "dwave"]
"""Our own chains, or one of Ocean's."""


def device_of(name: Sampler, run: Any, seed: int, *, quiet: bool) -> Any:
    """Ocean's sampler that was asked for, at the temperature it works at; None for our own."""
    if name == "own":
        return None
    import jax

    from ansatz.models.boltzmann.device import named_device
    from ansatz.models.boltzmann.temperature import calibrated

    device = named_device(name)
    asked = getattr(run.model, "asked", None)
    if name == "dwave" and asked is not None:
        device, own = calibrated(jax.random.key(seed), device, asked)
        if not quiet:
            say(f"{device.name} has an inverse temperature of {own.beta:.3g} ± {own.error:.2g}.")
    return device
