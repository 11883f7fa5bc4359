"""A shower generator of this package: it learns, and generates, as a user has it do."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from clock import learnt, say

from ansatz.calo.energies import energies
from ansatz.calo.generate import generate
from ansatz.calo.generator import ShowerRecipe
from ansatz.calo.geometry import geometry
from ansatz.calo.simulate import simulate, simulator_of
from ansatz.calo.unfinished import write
from ansatz.models.vae.machine_bound import MachineBound
from ansatz.models.vae.machine_prior import MachinePrior
from ansatz.protocol.gradient import GradientUpdate
from ansatz.protocol.source import Batch
from ansatz.runs.run import Run

STEPS, REPEATS = 8, 5


def seconds(act: Callable[[], Any]) -> float:
    """The median of some repetitions after the first."""
    taken = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        jax.block_until_ready(act())
        taken.append(time.perf_counter() - started)
    return float(np.median(taken[1:]))


def share_of_chains(run: Run, showers: np.ndarray, incident: np.ndarray) -> float:
    """What part of a step is the prior's: its chains, and the slope that comes of them."""
    recipe, model = run.record.recipe, run.model
    assert isinstance(recipe, ShowerRecipe)
    prior = model.prior
    assert isinstance(prior, MachinePrior)
    size = recipe.batch
    events, condition = jnp.asarray(showers[:size]), jnp.log(jnp.asarray(incident[:size, None]))
    batch = Batch(events, condition.astype(events.dtype), jnp.ones(size), jnp.asarray(float(size)))
    update, key = recipe.update(run.record.spec), jax.random.key(0)
    assert isinstance(update, GradientUpdate)
    assert isinstance(update.objective, MachineBound)
    phase = update.objective.learning
    codes = jax.random.bernoulli(key, 0.5, (size, recipe.latent)).astype(events.dtype)
    shown = jax.vmap(prior.shown)(batch.condition)
    told = Batch(codes, shown, batch.weight, batch.size)

    @eqx.filter_jit
    def whole(state: Any) -> Any:
        moving, still = eqx.partition(state, eqx.is_array)

        def step(moving: Any, i: Any) -> Any:
            state, _ = update(eqx.combine(moving, still), batch, i, key)
            return eqx.filter(state, eqx.is_array), None

        return jax.lax.scan(step, moving, jnp.arange(STEPS))[0]

    @eqx.filter_jit
    def chains(carry: Any) -> Any:
        def step(carry: Any, i: Any) -> Any:
            slope, carry, _ = phase.slope(prior.machine, told, carry, jax.random.fold_in(key, i))
            return carry, jnp.sum(slope.weight)

        return jax.lax.scan(step, carry, jnp.arange(STEPS))

    state, carry = update.initial(model), phase.initial(prior.machine)
    return seconds(lambda: chains(carry)) / seconds(lambda: whole(state))


def parameters(run: Run) -> int:
    """How many numbers learn, and those that stand still beside them."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(run.model, eqx.is_inexact_array)))


def made(run: Run, incident: np.ndarray) -> float:
    """Milliseconds a shower, all of them asked for at once, nothing written."""

    def act() -> np.ndarray:
        return np.concatenate([showers for showers, _ in generate(run, incident)])

    return 1000 * seconds(act) / len(incident)


def main() -> None:
    work: dict[str, Any] = json.loads(sys.argv[1])
    simulator = simulator_of(geometry("dataset2"))
    wanted = energies("1e3:1e6")
    blocks = list(simulate(simulator, wanted, work["showers"]))
    incident = np.concatenate([drawn for drawn, _ in blocks])
    showers = np.concatenate([block for _, block in blocks])
    recipe = ShowerRecipe(
        latent=work["latent"], epochs=work["epochs"], validation=0.0, test=0.0, annealing=10
    )
    run, clock = learnt(recipe, (showers, incident[:, None]))
    found = {"rate": clock.per_second(len(showers)), "parameters": parameters(run)}
    found["share"] = share_of_chains(run, showers, incident)
    drawn = wanted.draw(np.random.default_rng(0), work["generated"]).astype(np.float32)
    for count in (1, 100):
        found[f"made_{count}"] = made(run, drawn[:count])
    with tempfile.TemporaryDirectory(dir=work["folder"]) as folder:
        asked = {"energies": str(wanted)}

        def written(number: int) -> float:
            started = time.perf_counter()
            out = Path(folder) / f"{number}.h5"
            write(run, drawn[:number], out, asked, force=True)
            return time.perf_counter() - started

        # The first thousand compiles what the others use.
        written(min(1000, len(drawn)))
        found["written"] = 1000 * written(len(drawn)) / len(drawn)
    say(found)


if __name__ == "__main__":
    main()
