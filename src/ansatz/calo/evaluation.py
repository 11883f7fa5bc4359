"""One file of showers judged by another: all that the CaloChallenge (arXiv 2410.21611) measures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.calo.effort import DEFAULT, Effort
from ansatz.calo.geometry import Geometry
from ansatz.calo.histograms import Binning, binnings
from ansatz.calo.hits import hit_binnings
from ansatz.calo.merits import Merit, by_group, classifiers, coverings, distances
from ansatz.calo.moments import decades_of
from ansatz.calo.published import published
from ansatz.calo.response import Decade, Hits, by_decade, correlation_merits, hits_of
from ansatz.calo.sample import Floor, Sample
from ansatz.calo.showers import ShowerFile
from ansatz.calo.survey import PROFILES, Survey, largest, survey
from ansatz.evaluate.separation import separation
from ansatz.protocol.errors import DataError, OptionError
from ansatz.protocol.watch import Watch, unseen

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
                "Made of fewer showers, with less effort or in another way than published figures, "
                f"and not to be compared with them: {', '.join(reduced)}."
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


@dataclass(frozen=True, eq=False)
class Standard:
    """A reference that was gone through, by which one file after the other can be judged."""

    reference: Survey
    independent: Survey | None
    binnings: tuple[Binning, ...]
    intervals: np.ndarray
    decades: np.ndarray
    floor: Floor
    effort: Effort
    seed: int
    watch: Watch

    @classmethod
    def of(
        cls,
        first: ShowerFile,
        other: ShowerFile | None,
        effort: Effort = DEFAULT,
        seed: int = 0,
        watch: Watch = unseen,
    ) -> "Standard":
        """With another file of the same kind, or else the reference's halves, for floors."""
        tops = largest(first, watch)
        bins = binnings(first.geometry, tops) + hit_binnings(first.geometry, tops)
        low, high = first.energies.min(), first.energies.max()
        intervals = np.geomspace(0.999 * low, 1.001 * high, (PROFILES if high > low else 1) + 1)
        decades, halves = decades_of(first.energies), other is None

        # Halves are as large as what they are the floor of.
        def gone_through(file: ShowerFile, seed: int, parts: int) -> Survey:
            return survey(
                file,
                bins,
                intervals,
                decades,
                sample=effort.sample,
                kept=effort.kept * parts,
                seed=seed,
                parts=parts,
                watch=watch,
            )

        ours = gone_through(first, seed, 1 + halves)
        theirs = None if other is None else gone_through(other, seed + 2, 1)
        floor = (
            Floor(Sample.of(ours, slice(0, None, 2)), Sample.of(ours, slice(1, None, 2)))
            if theirs is None
            else Floor(Sample.of(ours), Sample.of(theirs))
        )
        return cls(ours, theirs, bins, intervals, decades, floor, effort, seed, watch)

    def judge(self, file: ShowerFile, effort: Effort | None = None) -> Evaluation:
        """One file, with less effort if that is given."""
        effort = self.effort if effort is None else effort
        ours, others, seed, watch = self.reference, self.independent, self.seed, self.watch
        theirs = survey(
            file,
            self.binnings,
            self.intervals,
            self.decades,
            sample=effort.sample,
            kept=effort.kept,
            seed=seed + 1,
            watch=watch,
        )
        pair = Sample.of(ours), Sample.of(theirs)
        counts = ours.counts if others is None else [ours.histograms, others.histograms]
        halves = ours.moments.halves if others is None else (ours.moments, others.moments)
        return Evaluation(
            geometry=ours.file.geometry,
            reference=ours,
            generated=theirs,
            independent=None if others is None else others.file,
            binnings=self.binnings,
            intervals=self.intervals,
            decades=by_decade(ours.moments, theirs.moments, self.decades),
            hits=hits_of(ours.moments, theirs.moments, ours.file.geometry),
            separations=[
                separation(*both) for both in zip(ours.histograms, theirs.histograms, strict=True)
            ],
            floors=[separation(*both) for both in zip(*counts, strict=True)],
            merits=[
                *distances(pair, self.floor, effort, seed, watch),
                *classifiers(pair, self.floor, effort, seed, watch),
                *coverings(pair, self.floor, effort, watch),
                *correlation_merits(ours, theirs, halves),
            ],
            effort=effort,
            seed=seed,
        )


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
    return Standard.of(first, third, effort, seed, watch).judge(second)


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
