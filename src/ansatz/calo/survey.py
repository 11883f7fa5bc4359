"""What is kept of a file of showers to compare it with another, gathered block by block.

Histograms, mean showers and profiles are of all showers. Features, and the showers that a
classifier and neighbours take, are of a random sample of at most so many, so that memory does
not grow with the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy import sparse

from ansatz.calo.features import FeatureMaker
from ansatz.calo.histograms import GROUPS, VOXEL, Binning, Largest, counts
from ansatz.calo.hits import hit_counts
from ansatz.calo.moments import Moments
from ansatz.calo.showers import ShowerFile
from ansatz.protocol.watch import Watch, unseen

BLOCK_BYTES = 1 << 25
PROFILES = 6
"""Intervals of the incident energy, even in its logarithm, for which mean profiles are kept."""


@dataclass(eq=False)
class Survey:
    """What is kept of a file; energies in MeV."""

    file: ShowerFile
    counts: list[list[np.ndarray]]
    """Histograms, of each of `halves` parts."""
    mean: Float[np.ndarray, " voxels"]
    """The mean shower."""
    profile: Float[np.ndarray, "intervals layers"]
    """The mean energy in every layer, for showers in an interval of the incident energy."""
    moments: Moments
    """Sums from which response, resolution and correlations follow."""
    features: Float[np.ndarray, "sample features"]
    energies: Float[np.ndarray, " kept"]
    """The incident energies of the showers kept whole."""
    voxels: sparse.csr_array
    """These showers, (kept, voxels) in single precision, with voxels below the cut left out."""

    @property
    def histograms(self) -> list[np.ndarray]:
        """Those of all showers."""
        return [np.sum(parts, axis=0) for parts in zip(*self.counts, strict=True)]


def largest(file: ShowerFile, watch: Watch = unseen) -> Largest:
    """The largest energies in a file; below the geometry's cut there is none."""
    geometry, layer, voxel = file.geometry, np.zeros(len(file.geometry.ids)), 0.0
    make = FeatureMaker(geometry)
    for energies, showers in _watched(file, watch, "Reading the largest energies of"):
        layer = np.maximum(layer, make(energies, showers).layer_energy.max(0))
        voxel = max(voxel, float(showers.max()))
    return Largest(layer, voxel)


def survey(
    file: ShowerFile,
    binnings: tuple[Binning, ...],
    intervals: np.ndarray,
    decades: np.ndarray,
    *,
    sample: int,
    kept: int,
    seed: int,
    parts: int = 1,
    watch: Watch = unseen,
) -> Survey:
    """Go through a file once; histograms apart for each of `parts`, to which showers go in turn."""
    n, geometry = len(file), file.geometry
    generator = np.random.Generator(np.random.Philox(seed))
    shuffled = generator.permutation(n)
    # Those that are kept whole are among those whose features are.
    taken, whole = np.zeros(n, bool), np.zeros(n, bool)
    taken[shuffled[:sample]] = True
    whole[shuffled[:kept]] = True
    make = FeatureMaker(geometry)
    moments = Moments.nothing(geometry, decades)
    challenge = tuple(b for b in binnings if b.group in GROUPS)
    of_hits = binnings[len(challenge) :]
    voxel = [b.group for b in challenge].index(VOXEL)
    found: list[list[np.ndarray]] = [
        [np.zeros(len(b.edges) - 1, np.int64) for b in binnings] for _ in range(parts)
    ]
    mean = np.zeros(geometry.voxels)
    profile = np.zeros((len(intervals) - 1, len(geometry.ids)))
    of_interval = np.zeros(len(intervals) - 1)
    pieces = _Pieces()
    start = 0
    for energies, showers in _watched(file, watch, "Features of"):
        features = make(energies, showers)
        mask = showers >= geometry.cut
        # The block is nobody else's.
        np.multiply(showers, mask, out=showers)
        turn = np.arange(start, start + len(showers))
        for part in range(parts):
            own = turn % parts == part
            some, rows = features.take(own), showers[own]
            new = counts(challenge, some, rows[mask[own]])
            new += hit_counts(geometry, of_hits, some, rows, new[voxel])
            found[part] = [old + more for old, more in zip(found[part], new, strict=True)]
        moments.add(geometry, decades, features, start)
        mean += showers.sum(0, dtype=np.float64)
        place = np.digitize(energies, intervals) - 1
        for interval in range(len(of_interval)):
            own = place == interval
            profile[interval] += features.layer_energy[own].sum(0)
            of_interval[interval] += own.sum()
        here = slice(start, start + len(showers))
        pieces.features.append(features.vector()[taken[here]])
        pieces.energies.append(energies[whole[here]])
        pieces.voxels.append(sparse.csr_array(showers[whole[here]].astype(np.float32)))
        start = here.stop
    return Survey(
        file=file,
        counts=found,
        mean=mean / n,
        profile=profile / np.maximum(of_interval, 1)[:, None],
        moments=moments,
        features=np.concatenate(pieces.features),
        energies=np.concatenate(pieces.energies),
        voxels=sparse.vstack(pieces.voxels, format="csr"),
    )


@dataclass
class _Pieces:
    features: list[np.ndarray] = field(default_factory=list)
    energies: list[np.ndarray] = field(default_factory=list)
    voxels: list[sparse.csr_array] = field(default_factory=list)


def _watched(file: ShowerFile, watch: Watch, verb: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The blocks of a file, which someone may watch go by."""
    rows = max(1, BLOCK_BYTES // (file.dtype.itemsize * file.geometry.voxels))
    waiting: list[tuple[np.ndarray, np.ndarray]] = []

    def energies() -> Iterator[np.ndarray]:
        for block in file.blocks(rows):
            waiting.append(block)
            yield block[0]

    for _ in watch(energies(), len(file), f"{verb} {file.path.name}"):
        yield waiting.pop()
