"""Why showers of the field's loss have too little energy and too many hits, and what undoes it."""

from collections.abc import Iterator
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ansatz.calo.energies import energies
from ansatz.calo.geometry import geometry
from ansatz.calo.nets import logits
from ansatz.calo.simulate import attributes, simulate, simulator_of
from ansatz.calo.writing import ShowerWriter
from ansatz.protocol.keys import Stream, stream
from ansatz.runs.pipeline import Pipeline
from ansatz.runs.run import Run
from ansatz.studies.hit_claims import claims
from ansatz.studies.hit_figures import figures
from ansatz.studies.hit_sums import Sums, Told, summed
from ansatz.studies.study import Context, Findings, Study

GEOMETRY = geometry("dataset2")
LAYERS = len(GEOMETRY.layers)
ENERGIES = energies("1e3:1e6")
FITS: dict[str, tuple[str, float]] = {
    "true-hits": ("true", 0.0),
    "drawn-hits": ("predicted", 0.0),
    "root-weights": ("true", 0.5),
    "full-weights": ("true", 1.0),
}
"""By name: which hits mask the squares, and the power p of the weights (1 + u)^p of hits."""
GROUPS = 20
"""Of the showers that fits are measured on."""


class CaloHitBiasStudy(Study):
    """The field's generators of showers learn from squares of u = logit of E_vox / E_inc under a
    mask of hits, and from the entropy of hits, which weigh w = (1 + u)^p. If the mask is drawn from
    the hits that the decoder predicts, a missed hit teaches its activation nothing and a false one
    teaches it zero: activations fall from E[u | hit] towards E[u], and showers lose energy. The
    true hits as a mask undo it. What is lost besides has another cause: the mean of a logarithm is
    below the logarithm of the mean. Weights raise the odds of hits by E[w | hit, z, voxel]:
    subtracted from the logits, as showers held out say, it leaves rates of hits that are right,
    and a constant in its place does not. Four fits with the same nets and steps and coins as the
    prior; all is measured on other showers, with codes that the encoder draws. All showers are
    synthetic, of the parametrisation of `ansatz calo simulate`.
    """

    name: ClassVar[str] = "calo-hit-bias"
    title: ClassVar[str] = "Why generated showers lose energy and gain hits"

    def run(self, context: Context) -> Findings:
        size = QUICK if context.quick else FULL
        path = context.folder / "showers.h5"
        simulator = simulator_of(GEOMETRY)
        said = attributes(simulator, ENERGIES, size["showers"], context.seed)
        if not path.exists():
            with ShowerWriter(path, GEOMETRY, said) as writer:
                for incident, voxels in simulate(
                    simulator, ENERGIES, size["showers"], seed=context.seed
                ):
                    writer.append(incident, voxels)
        fresh = simulate(simulator, ENERGIES, size["fresh"], seed=context.seed ^ 2**30)
        incident, voxels = (np.concatenate(part) for part in zip(*fresh, strict=True))
        found = {}
        for name, (mask, power) in FITS.items():
            (run,) = context.fit(
                name, "calo-qvae", path, mask=mask, hit_power=power, **COMMON, **size["fit"]
            )
            found[name] = list(measured(run, incident, voxels, power, context.seed))
        return Findings(claims(found), figures(found))


COMMON: dict[str, Any] = {
    "events": "showers",
    "conditions": ("incident_energies",),
    "geometry": "dataset2",
    "energies": "masked",
    "prior": "bernoulli",
    "clamp": False,
    "levels": 1,
    "estimator": "straight-through",
    "schedule": "cosine",
    "patience": 0,
    "test": 0.0,
}
QUICK: dict[str, Any] = {
    "showers": 8_000,
    "fresh": 8_000,
    "fit": {
        "latent": 32,
        "features": 16,
        "depth": 1,
        "width": 64,
        "batch": 64,
        "epochs": 8,
        "rate": 8e-3,
        "validation": 0.2,
    },
}
FULL: dict[str, Any] = {
    "showers": 20_000,
    "fresh": 20_000,
    "fit": {
        "latent": 128,
        "features": 32,
        "depth": 2,
        "width": 128,
        "batch": 64,
        "epochs": 20,
        "rate": 3e-3,
        "validation": 0.1,
    },
}
"""How many showers there are to learn from and to measure on, and how the nets learn."""


def measured(
    run: Run, incident: np.ndarray, voxels: np.ndarray, power: float, seed: int
) -> Iterator[Sums]:
    """The sums over each group of showers."""
    head = run.model.decoder.head
    u = np.asarray(logits(jnp.asarray(voxels / incident[:, None], "float32")))
    constant = float(np.log(np.mean((1 + u[u > 0].astype(float)) ** power)))
    raised = jax.jit(jax.vmap(head.raised))
    # A head of its own would have every fit compiled anew.
    pipeline = eqx.tree_at(lambda p: p.model.decoder.head, run.pipeline, None)
    key = stream(seed, Stream.USE)
    for place, rows in enumerate(np.array_split(np.arange(len(u)), GROUPS)):
        given = jnp.asarray(incident[rows, None], "float32")
        raw = _raw(pipeline, jax.random.fold_in(key, place), given, jnp.asarray(voxels[rows]))
        hit, activation = np.split(np.asarray(raw)[:, :-1], 2, axis=1)
        told = Told(u[rows], hit, np.asarray(raised(jnp.asarray(activation))), activation)
        yield summed(told, LAYERS, power, constant)


@eqx.filter_jit
def _raw(pipeline: Pipeline, key: Any, incident: Any, voxels: Any) -> Any:
    """The numbers that the decoder gives a code drawn for each shower."""

    def one(key: Any, row: Any, shower: Any) -> Any:
        given = pipeline.given(row)
        return pipeline.model.decoder.net(pipeline.model.draw_code(key, shower, given), given)

    return jax.vmap(one)(jax.random.split(key, len(voxels)), incident, voxels)
