"""What a fit of showers shows: held-out ones beside those decoded and those generated."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ansatz.calo.decoded import decoded
from ansatz.calo.features import FeatureMaker
from ansatz.calo.geometry import Geometry
from ansatz.calo.histograms import VOXEL, Binning, Largest
from ansatz.calo.hits import WITH_EMPTY, hit_binnings, hit_counts
from ansatz.calo.moments import RATIO, Moments, decades_of
from ansatz.calo.shower_figures import Counted, beside, hits, voxels
from ansatz.calo.words import energy_words
from ansatz.models.vae.machine_measures import drawn_codes
from ansatz.models.vae.model import VAE
from ansatz.protocol.figures import Counts, Curve, Curves, Figure, Panel, Ratios
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject

HELD_OUT, DECODED, GENERATED = "held out", "decoded", "generated"
TOLD = (
    "Showers that were held out; those decoded from their own codes, which show what the decoder "
    "does; and those generated at their energies from codes of the prior."
)
READ = "The first as an area, the others as lines; below, their ratios."

Showers = Mapping[str, Float[np.ndarray, "event voxels"]]


def shower_figures(model: VAE, subject: Subject, geometry: Geometry) -> list[Figure]:
    """A shower, the response, profiles and hits; nothing without events."""
    if subject.batch is None:
        return []
    showers = of_each_kind(model, subject.batch, jax.random.key(1))
    assert subject.batch.condition is not None
    energies = np.exp(np.asarray(subject.batch.condition, np.float64)[:, 0])
    middle = int(np.argsort(energies)[len(energies) // 2])
    return [
        beside(
            geometry,
            {kind: found[middle] for kind, found in showers.items()},
            name="shower",
            title=f"A shower of {energy_words(energies[middle])}",
            caption=f"Energies of voxels, by layer as far as the shower goes. {TOLD}",
        ),
        *_by_decade(geometry, energies, showers),
        *_hits(geometry, energies, showers),
    ]


def of_each_kind(model: VAE, batch: Batch, key: PRNGKeyArray) -> Showers:
    """Showers in MeV at the energies of events: theirs, decoded and generated."""
    key_codes, *keys = jax.random.split(key, 3)
    codes = drawn_codes(model, batch, key_codes)
    assert batch.condition is not None
    given = batch.condition
    drawn = (
        np.asarray(decoded(model, own, given, jnp.exp(given[:, 0]), key), np.float64)
        for own, key in zip((codes.of_events, codes.of_prior), keys, strict=True)
    )
    events = np.asarray(batch.event, np.float64)
    return dict(zip((HELD_OUT, DECODED, GENERATED), (events, *drawn), strict=True))


def _by_decade(
    geometry: Geometry, energies: Float[np.ndarray, " event"], showers: Showers
) -> list[Figure]:
    make, decades = FeatureMaker(geometry), decades_of(energies)
    sums = {}
    for kind, found in showers.items():
        moments = Moments.nothing(geometry, decades)
        moments.add(geometry, decades, make(energies, found), 0)
        sums[kind] = moments.whole
    ids = np.array(geometry.ids, float)
    responses, profiles = [], []
    for k in np.flatnonzero(sums[HELD_OUT].count[0]):
        words = f"{energy_words(decades[k])} to {energy_words(decades[k + 1])}"
        responses.append(Counts(words, RATIO, {kind: own.bins[0, k] for kind, own in sums.items()}))
        curves = (
            Curve(kind, ids, 100 * own.shares[0, k] / own.count[0, k]) for kind, own in sums.items()
        )
        profiles.append(Panel(f"%, {words}", tuple(curves)))
    return [
        Ratios(
            name="response",
            title="Response and resolution",
            caption=f"E_tot / E_inc in each decade of E_inc. {TOLD} {READ}",
            panels=tuple(responses),
        ),
        Curves(
            name="profiles",
            title="Longitudinal profiles",
            caption=f"The mean part of E_inc that every layer has, in each decade. {TOLD}",
            panels=tuple(profiles),
            x_label="layer",
        ),
    ]


def _hits(
    geometry: Geometry, energies: Float[np.ndarray, " event"], showers: Showers
) -> list[Figure]:
    top = float(showers[HELD_OUT].max())
    binnings = hit_binnings(geometry, Largest(np.zeros(len(geometry.ids)), top))
    place = next(k for k, b in enumerate(binnings) if b.group == WITH_EMPTY)
    energy = Binning(VOXEL, None, binnings[place].edges[1:], True)
    make = FeatureMaker(geometry)
    counts = {}
    for kind, found in showers.items():
        cut = np.where(found >= geometry.cut, found, 0)
        own = np.histogram(cut[cut > 0], energy.edges)[0]
        of_hits = hit_counts(geometry, binnings, make(energies, found), cut, own)
        counts[kind] = [*of_hits, own]
    counted: Counted = {
        binning.group: (binning, {kind: own[k] for kind, own in counts.items()}, "")
        for k, binning in enumerate((*binnings, energy))
    }
    return [figure(geometry, counted, f"{TOLD} {READ}") for figure in (hits, voxels)]
