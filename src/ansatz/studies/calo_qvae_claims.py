"""What is claimed of a generator of showers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ansatz.calo.evaluation import Evaluation
from ansatz.calo.generate import generate
from ansatz.calo.moments import PARTS
from ansatz.calo.showers import ENERGIES, SHOWERS
from ansatz.calo.words import energy_words
from ansatz.evaluate.estimate import Estimate
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured

ISSUED = "the goal that was set before the first fit"
FORMAT = "the format of the CaloChallenge, arXiv 2410.21611"


@dataclass(frozen=True)
class Made:
    """How a generated file is off what was asked for."""

    faults: int
    """Of its format."""
    energies: float
    """The largest relative difference of an incident energy from the one asked for."""
    differing: int
    """Voxels of the first showers that come out otherwise when they are generated again."""

    @classmethod
    def of(cls, run: Run, path: Path, asked: np.ndarray, seed: int) -> "Made":
        """Read with h5py alone, as the field's programs do; then a block is generated again."""
        import h5py

        again, _ = next(generate(run, asked, seed=seed))
        with h5py.File(path) as file:
            faults = int(set(file) != {ENERGIES, SHOWERS})
            incident, showers = file[ENERGIES], file[SHOWERS]
            faults += incident.shape != (len(asked), 1)
            faults += showers.shape != (len(asked), again.shape[1])
            faults += showers.dtype != np.float32
            for first in range(0, len(asked), 1000):
                block = showers[first : first + 1000]
                own = incident[first : first + 1000]
                faults += int((~np.isfinite(block) | (block < 0) | (block > own)).sum())
            off = np.abs(incident[:, 0] / asked - 1).max()
            differing = (showers[: len(again)] != again).sum()
        return cls(faults, float(off), int(differing))


def of_files(made: Made) -> list[Claim]:
    """The format is exact, energies are as asked, and a seed is a file."""
    told = {
        "faults of the format": (
            made.faults,
            "The generated file has the two datasets of the format with its shapes and type, and "
            "every voxel holds a number from 0 to the incident energy.",
        ),
        "energies asked for": (
            made.energies,
            "Showers have the incident energies that were asked for.",
        ),
        "same seed": (
            made.differing,
            "Generated again with the same seed, no voxel differs.",
        ),
    }
    return [
        Claim(
            name=name,
            sentence=sentence,
            expected=0.0,
            source=FORMAT if name == "faults of the format" else "exact",
            measured=Measured(float(value)),
            tolerance=0.0,
            why="counted",
        )
        for name, (value, sentence) in told.items()
    ]


def quick(found: Evaluation, mean: Evaluation) -> list[Claim]:
    """What a fit of a few minutes must do."""
    return [
        _less(
            "FPD by the mean shower's",
            "The Fréchet distance of generated showers is at most a tenth of that of showers that "
            "are each the mean of those of nearest energy: their fluctuations were learnt.",
            0.1,
            _fraction(_value(found, "FPD"), _value(mean, "FPD")),
            "a model that knows no fluctuations at all",
        ),
        *_responses(found, 0.1, "of a fit of minutes, set before it was tried", widths=False),
    ]


def full(found: Evaluation, twin: Evaluation) -> list[Claim]:
    """What was asked of the generator before the first fit."""
    ours, theirs = _value(found, "FPD"), _value(twin, "FPD")
    error = float(np.hypot(ours.error, theirs.error))
    name = "layer correlations"
    return [
        _less("FPD", "FPD × 10³ is at most 370.", 370.0, Measured(*ours), ISSUED),
        Claim(
            name="FPD of the twin",
            sentence="With independent coins as prior, and all else the same, FPD × 10³ is larger.",
            expected=0.0,
            source=ISSUED,
            measured=Measured(theirs.value - ours.value, error),
            tolerance=0.0,
            why="any gain beyond the error",
            side="at least",
        ),
        _less(
            "correlations by the twin's",
            "The correlations of layers are off by at most half as much as the twin's.",
            0.5,
            _fraction(_value(found, name), _value(twin, name)),
            ISSUED,
        ),
        *_responses(found, 0.01, ISSUED, widths=True),
    ]


def ratios(found: Evaluation) -> dict[str, Estimate]:
    """Of generated showers by the reference: response, resolution, hits."""
    told = {}
    for decade in found.decades:
        told[f"mean, from {energy_words(decade.low)}"] = decade.mean.ratio
    for decade in found.decades:
        told[f"width, from {energy_words(decade.low)}"] = decade.width.ratio
    for hits in found.hits:
        told[f"hits, {hits.region}"] = hits.number.ratio
    for hits in found.hits:
        told[f"MeV, {hits.region}"] = hits.energy.ratio
    return told


def _responses(found: Evaluation, tolerance: float, source: str, *, widths: bool) -> list[Claim]:
    made = []
    for kind, reach in (("mean", tolerance), ("width", 0.1)):
        if kind == "width" and not widths:
            continue
        for decade in found.decades:
            ratio = getattr(decade, kind).ratio
            ends = f"{energy_words(decade.low)} to {energy_words(decade.high)}"
            made.append(
                Claim(
                    name=f"{kind}, {ends}",
                    sentence=f"The {kind} of E_tot / E_inc over showers of {ends} is that of fresh "
                    f"ones within {reach:.0%}.",
                    expected=1.0,
                    source=source,
                    measured=Measured(ratio.value, ratio.error, PARTS - 1),
                    tolerance=reach,
                    why=source,
                )
            )
    return made


def _less(name: str, sentence: str, limit: float, measured: Measured, source: str) -> Claim:
    return Claim(
        name=name,
        sentence=sentence,
        expected=limit,
        source=source,
        measured=measured,
        tolerance=0.0,
        why="a limit",
        side="at most",
    )


def _value(found: Evaluation, name: str) -> Estimate:
    (merit,) = (merit for merit in found.merits if merit.name == name)
    assert merit.value is not None
    return merit.value


def _fraction(one: Estimate, other: Estimate) -> Measured:
    value = one.value / other.value
    return Measured(
        value, value * float(np.hypot(one.error / one.value, other.error / other.value))
    )
