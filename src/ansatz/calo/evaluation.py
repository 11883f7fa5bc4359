"""One file of showers judged by another: all that the CaloChallenge (arXiv 2410.21611) measures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.calo.effort import DEFAULT, Effort
from ansatz.calo.geometry import Geometry
from ansatz.calo.histograms import Binning, binnings
from ansatz.calo.hits import hit_binnings
from ansatz.calo.merits import Merit, Sample, by_group, classifiers, coverings, distances
from ansatz.calo.moments import decades_of
from ansatz.calo.published import published
from ansatz.calo.response import Decade, Hits, by_decade, correlation_merits, hits_of
from ansatz.calo.showers import ShowerFile
from ansatz.calo.survey import PROFILES, Survey, largest, survey
from ansatz.evaluate.separation import separation
from ansatz.evaluate.watch import Watch, unseen
from ansatz.protocol.errors import DataError, OptionError

FLOOR = {
    True: "another file of the reference",
    False: "the reference's halves, showers in turn",
}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came of it, with what figures are drawn from."""

    geometry: Geometry
    reference: Survey
    generated: Survey
    independent: ShowerFile | None
    binnings: tuple[Binning, ...]
    intervals: np.ndarray
    """Of the incident energy, MeV, for which there are profiles."""
    decades: tuple[Decade, ...]
    hits: tuple[Hits, ...]
    separations: list[float]
    """The separation power of every histogram."""
    floors: list[float]
    """The same of what the floor is measured by."""
    merits: list[Merit]
    effort: Effort
    seed: int

    @property
    def files(self) -> dict[str, ShowerFile]:
        """What was read, by what it was for."""
        found = {"reference": self.reference.file, "generated": self.generated.file}
        return found if self.independent is None else {**found, "floor": self.independent}

    @property
    def groups(self) -> dict[str, tuple[float, float]]:
        """The mean separation power of every group of histograms, and its floor."""
        values, floors = (by_group(self.binnings, v) for v in (self.separations, self.floors))
        return {group: (value, floors[group]) for group, value in values.items()}

    @property
    def caveats(self) -> tuple[str, ...]:
        """What must be known to read the figures, each in a sentence."""
        said = [f"{role.capitalize()}: {origin(file)}" for role, file in self.files.items()]
        said.append(f"Floors are of {FLOOR[self.independent is not None]}.")
        reduced = [merit.name for merit in self.merits if not merit.comparable]
        if any(published(self.geometry.name)) and reduced:
            said.append(
                f"Not to be compared with published figures, for they were come by with less than "
                f"these or in another way: {', '.join(reduced)}."
            )
        missing = [f"{merit.name} ({merit.how})" for merit in self.merits if merit.value is None]
        if missing:
            said.append(f"Too few showers for {', '.join(missing)}.")
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as for JSON."""
        return {
            "geometry": self.geometry.name,
            "effort": self.effort.name,
            "seed": self.seed,
            "files": {
                role: {
                    "path": str(file.path),
                    "showers": len(file),
                    "synthetic": file.synthetic,
                    "origin": origin(file),
                }
                for role, file in self.files.items()
            },
            "floor": FLOOR[self.independent is not None],
            "merits": [merit.to_dict() for merit in self.merits],
            "response": [decade.to_dict() for decade in self.decades],
            "hits": [hits.to_dict() for hits in self.hits],
            "separation": {
                group: {"value": value, "floor": floor}
                for group, (value, floor) in self.groups.items()
            },
            "histograms": [
                {
                    "group": binning.group,
                    "layer": binning.layer,
                    "separation": value,
                    "floor": floor,
                }
                for binning, value, floor in zip(
                    self.binnings, self.separations, self.floors, strict=True
                )
            ],
            "caveats": self.caveats,
        }


def evaluate(
    reference: str | Path,
    generated: str | Path,
    *,
    independent: str | Path | None = None,
    geometry: Geometry | None = None,
    effort: Effort = DEFAULT,
    seed: int = 0,
    watch: Watch = unseen,
) -> Evaluation:
    """Judge the showers in `generated` by those in `reference`.

    Beside every figure stands its floor, what it comes to where nothing differs but chance: of
    the reference against an `independent` file, or of its halves against each other. Files are
    gone through block by block, the reference twice.
    """
    if not 0 <= seed < 2**31:
        raise OptionError(f"seed must be at least 0 and below 2147483648; it is {seed}.")
    first, second, third = opened(reference, generated, independent, geometry)
    tops = largest(first, watch)
    bins = binnings(first.geometry, tops) + hit_binnings(first.geometry, tops)
    decades = decades_of(first.energies)
    low, high = first.energies.min(), first.energies.max()
    intervals = np.geomspace(0.999 * low, 1.001 * high, (PROFILES if high > low else 1) + 1)
    kept = max(effort.classified, effort.neighbours)
    halves = third is None
    # Halves are as large as what they are the floor of.
    ours = survey(
        first,
        bins,
        intervals,
        decades,
        sample=effort.sample,
        kept=kept * (1 + halves),
        seed=seed,
        parts=1 + halves,
        watch=watch,
    )
    theirs, others = (
        None
        if file is None
        else survey(
            file,
            bins,
            intervals,
            decades,
            sample=effort.sample,
            kept=kept,
            seed=seed + 1 + k,
            watch=watch,
        )
        for k, file in enumerate((second, third))
    )
    assert theirs is not None
    pair = Sample.of(ours), Sample.of(theirs)
    floor_counts = ours.counts if others is None else [ours.histograms, others.histograms]
    halves_of = ours.moments.halves if others is None else (ours.moments, others.moments)
    floor = (
        (Sample.of(ours, slice(0, None, 2)), Sample.of(ours, slice(1, None, 2)))
        if others is None
        else (pair[0], Sample.of(others))
    )
    return Evaluation(
        geometry=first.geometry,
        reference=ours,
        generated=theirs,
        independent=third,
        binnings=bins,
        intervals=intervals,
        decades=by_decade(ours.moments, theirs.moments, decades),
        hits=hits_of(ours.moments, theirs.moments, first.geometry),
        separations=[
            separation(*counts) for counts in zip(ours.histograms, theirs.histograms, strict=True)
        ],
        floors=[separation(*counts) for counts in zip(*floor_counts, strict=True)],
        merits=[
            *distances(pair, floor, effort, seed, watch),
            *classifiers(pair, floor, effort, seed, watch),
            *coverings(pair, floor, effort, watch),
            *correlation_merits(ours, theirs, halves_of),
        ],
        effort=effort,
        seed=seed,
    )


def opened(
    reference: str | Path,
    generated: str | Path,
    independent: str | Path | None,
    geometry: Geometry | None,
) -> tuple[ShowerFile, ShowerFile, ShowerFile | None]:
    """The files, which must be of one geometry and not the same."""
    paths = [Path(path) for path in (reference, generated, independent) if path is not None]
    for k, path in enumerate(paths):
        for other in paths[:k]:
            if path.exists() and other.exists() and path.samefile(other):
                raise DataError(
                    f"{path} and {other} are the same file; its showers against themselves say "
                    "nothing. For the floor alone, compare two files of the same kind."
                )
    files = [ShowerFile(path, geometry) for path in paths]
    first = files[0]
    for file in files[1:]:
        if not file.geometry.same_voxels(first.geometry):
            raise DataError(
                f"{first.path} has showers of the geometry {first.geometry.name} "
                f"({first.geometry.voxels:,} voxels) and {file.path} of {file.geometry.name} "
                f"({file.geometry.voxels:,}); only showers of one geometry can be compared."
            )
    return first, files[1], files[2] if len(files) > 2 else None


def origin(file: ShowerFile) -> str:
    """How many showers of what, and whether they are synthetic as far as the file says."""
    said = {
        True: "synthetic, made up by a program",
        False: "of a full simulation or an experiment, as the file says",
        None: "whether they are synthetic or of a full simulation the file does not say",
    }[file.synthetic]
    return f"{len(file):,} showers of {file.geometry.name} in {file.path.name}, {said}."
