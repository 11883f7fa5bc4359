"""The figures of merit of generated showers, each with its floor."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ansatz.calo.effort import FULL, Effort
from ansatz.calo.histograms import Binning
from ansatz.calo.sample import Floor, Sample, evenly
from ansatz.evaluate.estimate import Estimate
from ansatz.evaluate.frechet import batch_sizes, frechet_physics_distance
from ansatz.evaluate.kernel_distance import kernel_physics_distance
from ansatz.evaluate.neighbours import NEIGHBOURS, Neighbourhoods, neighbourhoods
from ansatz.evaluate.scaling import scales
from ansatz.evaluate.two_sample import TwoSample, classifier_test
from ansatz.protocol.watch import Watch, unseen

FEWEST = 200
"""Events of each kind, below which a classifier learns nothing to speak of."""


@dataclass(frozen=True, kw_only=True)
class Merit:
    """One number with its error and its floor, what it is, and how it was come by."""

    name: str
    value: Estimate | None
    """None where there were too few events for it."""
    floor: Estimate | None
    what: str
    events: int
    """Of each kind; of the file that has fewer."""
    comparable: bool
    """Whether published figures were come by in the same way."""
    how: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        found = asdict(self)
        for name in ("value", "floor"):
            estimate = found.pop(name)
            found[name], found[f"{name}_error"] = (None, None) if estimate is None else estimate
        return found


def by_group(binnings: tuple[Binning, ...], values: list[float]) -> dict[str, float]:
    """The mean separation power of every group of histograms."""
    return {
        group: float(
            np.mean([v for b, v in zip(binnings, values, strict=True) if b.group == group])
        )
        for group in dict.fromkeys(b.group for b in binnings)
    }


def distances(
    pair: tuple[Sample, Sample],
    floor: Floor,
    effort: Effort,
    seed: int,
    watch: Watch,
) -> list[Merit]:
    """Fréchet and kernel physics distances of features."""
    events = min(len(sample.features) for sample in pair)
    numbers = pair[0].features.shape[1]
    whole = len(pair[0].features), len(pair[1].features)

    def frechet(replace: bool) -> Callable[[np.ndarray, np.ndarray], Estimate | None]:
        def measure(one: np.ndarray, other: np.ndarray) -> Estimate | None:
            fewest = min(len(one), len(other))
            if fewest <= numbers:
                return None
            most = effort.most if replace else min(effort.most, fewest)
            least = effort.least if replace else min(effort.least, most // 5)
            sizes = batch_sizes(least, most)
            if least <= numbers:
                return None
            generator = np.random.Generator(np.random.Philox(seed))
            return frechet_physics_distance(
                one,
                other,
                generator,
                sizes=sizes,
                # A batch drawn once each is most of the file: more of them would say the same.
                resamplings=effort.resamplings if replace else max(1, effort.resamplings // 4),
                replace=replace,
                watch=watch,
            ).estimate

        return measure

    def kernel(one: np.ndarray, other: np.ndarray) -> Estimate | None:
        if min(len(one), len(other)) < 2:
            return None
        size = min(effort.kernel, len(one), len(other))
        generator = np.random.Generator(np.random.Philox(seed))
        return kernel_physics_distance(one, other, generator, size=size, watch=watch)

    def both(
        name: str, measure: Callable[[np.ndarray, np.ndarray], Estimate | None]
    ) -> tuple[Estimate | None, Estimate | None]:
        def scaled(one: Sample, other: Sample) -> Estimate | None:
            scale = scales(one.features)
            return _thousands(measure(one.features / scale, other.features / scale))

        return scaled(*pair), floor.measured((name, effort.distances, seed), scaled)

    used = f"{whole[0]:,} and {whole[1]:,} events"
    few = f"; {_needs(numbers + 1)}" if events <= numbers else ""
    enough = events >= effort.most and effort.most == FULL.most
    drawn, once = both("drawn", frechet(True)), both("once", frechet(False))
    kernels = both("kernel", kernel)
    return [
        Merit(
            name="FPD",
            value=drawn[0],
            floor=drawn[1],
            what="Fréchet physics distance × 10³, batches drawn with replacement",
            events=events,
            comparable=enough and effort.resamplings == FULL.resamplings,
            how=f"{used}, batches of {effort.least:,} to {effort.most:,}{few}",
        ),
        Merit(
            name="FPD, unbiased",
            value=once[0],
            floor=once[1],
            what="the same, drawn without replacement: zero on average where nothing differs",
            events=events,
            comparable=False,
            how=f"{used}{few}",
        ),
        Merit(
            name="KPD",
            value=kernels[0],
            floor=kernels[1],
            what="kernel physics distance × 10³",
            events=events,
            comparable=events >= FULL.kernel and effort.kernel == FULL.kernel,
            how=f"{used}, batches of {min(effort.kernel, events):,}",
        ),
    ]


def classifiers(
    pair: tuple[Sample, Sample],
    floor: Floor,
    effort: Effort,
    seed: int,
    watch: Watch,
) -> list[Merit]:
    """How well a net tells generated showers from the reference, by voxels and by features."""
    found: list[Merit] = []
    if not effort.classified:
        return found
    for name, inputs, take in (
        ("low", "log10 E_inc and voxels / E_inc", _voxels),
        ("high", "features", _features),
    ):

        def told(one: Sample, other: Sample, take: Take = take) -> TwoSample | None:
            a, b = take(one, effort.classified), take(other, effort.classified)
            if min(a.shape[0], b.shape[0]) < FEWEST:
                return None
            return classifier_test(
                a, b, seed=seed, epochs=effort.epochs, hidden=effort.hidden, watch=watch
            )

        test = told(*pair)
        still = floor.measured((name, effort, seed), told)
        events = 0 if test is None else test.train + test.validation + test.test
        how = (
            _needs(FEWEST)
            if test is None
            else f"{events:,} events of a kind, {effort.epochs} epochs, "
            f"{' × '.join(map(str, effort.hidden))}"
        )
        comparable = events >= FULL.classified and effort.epochs == FULL.epochs
        for measure, what in (
            ("auc", "area under the ROC curve: 0.5 where nothing can be told apart"),
            ("jsd", "Jensen-Shannon divergence in bits, from below: 0 to 1"),
        ):
            value, at_best = (None if t is None else getattr(t, measure) for t in (test, still))
            found.append(
                Merit(
                    name=f"{measure.upper()} {name}",
                    value=value,
                    floor=at_best,
                    what=f"{what}; of {inputs}",
                    events=events,
                    comparable=comparable,
                    how=how,
                )
            )
    return found


def coverings(
    pair: tuple[Sample, Sample], floor: Floor, effort: Effort, watch: Watch = unseen
) -> list[Merit]:
    """Precision, recall, density and coverage of whole showers."""
    if not effort.neighbours:
        return []

    def near(one: Sample, other: Sample) -> Neighbourhoods | None:
        chosen = [sample.first(effort.neighbours) for sample in (one, other)]
        if min(len(sample.rows) for sample in chosen) <= NEIGHBOURS:
            return None
        return neighbourhoods(*(sample.logarithms() for sample in chosen), watch=watch)

    events = min(effort.neighbours, *(len(sample.rows) for sample in pair))
    both = near(*pair), floor.measured(("neighbours", effort.neighbours), near)
    words = {
        "precision": "generated showers near a shower of the reference",
        "recall": "showers of the reference near a generated one",
        "density": "how densely the reference surrounds generated showers; 1 is ideal",
        "coverage": "showers of the reference with a generated one in their neighbourhood",
    }
    return [
        Merit(
            name=name,
            value=None if both[0] is None else getattr(both[0], name),
            floor=None if both[1] is None else getattr(both[1], name),
            what=what,
            events=events,
            comparable=events >= FULL.neighbours,
            how=_needs(NEIGHBOURS + 1)
            if events <= NEIGHBOURS
            else f"{events:,} events of a kind, {NEIGHBOURS} neighbours",
        )
        for name, what in words.items()
    ]


Take = Callable[[Sample, int], np.ndarray | sparse.csr_array]


def _features(sample: Sample, events: int) -> np.ndarray:
    return evenly(sample.features, events)


def _voxels(sample: Sample, events: int) -> sparse.csr_array:
    return sample.first(events).low()


def _thousands(estimate: Estimate | None) -> Estimate | None:
    return None if estimate is None else Estimate(1000 * estimate.value, 1000 * estimate.error)


def _needs(events: int) -> str:
    return f"left out: it needs at least {events:,} events of a kind"
