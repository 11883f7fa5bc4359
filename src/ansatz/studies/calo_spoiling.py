"""Which metric of showers sees which deliberate spoiling."""

import math
from collections.abc import Callable, Iterator
from typing import ClassVar

import numpy as np

from ansatz.calo.baselines import exchanged, groups
from ansatz.calo.energies import energies
from ansatz.calo.features import FeatureMaker
from ansatz.calo.geometry import geometry
from ansatz.calo.histograms import Largest, binnings, counts
from ansatz.calo.merits import by_group
from ansatz.calo.simulate import simulate, simulator_of
from ansatz.evaluate.frechet import batch_sizes, frechet_physics_distance
from ansatz.evaluate.kernel_distance import kernel_physics_distance
from ansatz.evaluate.neighbours import neighbourhoods
from ansatz.evaluate.scaling import scales
from ansatz.evaluate.separation import separation
from ansatz.evaluate.two_sample import classifier_test
from ansatz.protocol.figures import Figure, Matrix
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

GEOMETRY = geometry("dataset1-photons")
ENERGIES = "1e3:1e6"
REPEATS = 6
"""Files as they are, and as many that are spoilt."""
LAYER, SMEAR = 2, 0.2
"""Whose energy is smeared, by how much of it: where most of it is."""
SURE = 1e-5
"""How seldom chance alone may let a metric see something."""

Showers = tuple[np.ndarray, np.ndarray]
"""Incident energies and voxels, MeV."""


def scaled(by: float) -> Callable[[Showers, np.random.Generator], Showers]:
    """All energies larger by a factor."""

    def scale(showers: Showers, generator: np.random.Generator) -> Showers:
        return showers[0], showers[1] * np.float32(by)

    return scale


def smeared(showers: Showers, generator: np.random.Generator) -> Showers:
    """The energy of one layer as if it were measured worse."""
    voxels = showers[1].copy()
    factor = 1 + SMEAR * generator.standard_normal(len(voxels))
    voxels[:, GEOMETRY.layers[LAYER]] *= np.maximum(factor, 0).astype(np.float32)[:, None]
    return showers[0], voxels


def dropped(part: float) -> Callable[[Showers, np.random.Generator], Showers]:
    """A part of the voxels, chosen at random, without their energy."""

    def drop(showers: Showers, generator: np.random.Generator) -> Showers:
        lost = generator.random(showers[1].shape, np.float32) < part
        return showers[0], np.where(lost, np.float32(0), showers[1])

    return drop


def shuffled(showers: Showers, generator: np.random.Generator) -> Showers:
    """Every voxel from another of the showers of nearest energy: only correlations are lost."""
    incident, voxels = showers
    found = voxels.copy()
    for rows in groups(incident):
        found[rows] = exchanged(voxels[rows], GEOMETRY, "voxels", generator)
    return incident, found


SPOILINGS: dict[str, Callable[[Showers, np.random.Generator], Showers]] = {
    "energy × 1.02": scaled(1.02),
    "energy × 1.05": scaled(1.05),
    f"layer {LAYER} smeared by {SMEAR:.0%}": smeared,
    "5 % of hits dropped": dropped(0.05),
    "10 % of hits dropped": dropped(0.1),
    "voxels shuffled": shuffled,
}


class Judge:
    """Measures showers by a reference: a number for each metric."""

    def __init__(self, reference: Showers, epochs: int) -> None:
        self.reference, self.epochs = reference, epochs
        self.make = FeatureMaker(GEOMETRY)
        self.features = self.make(*reference).vector()
        top = self.make(*reference).layer_energy.max(0)
        self.bins = binnings(GEOMETRY, Largest(top, float(reference[1].max())))
        self.counts = self._counted(reference)

    def _counted(self, showers: Showers) -> list[np.ndarray]:
        voxels = showers[1]
        return counts(self.bins, self.make(*showers), voxels[voxels >= GEOMETRY.cut])

    def __call__(self, showers: Showers, seed: int) -> dict[str, float]:
        pairs = zip(self.counts, self._counted(showers), strict=True)
        separations = by_group(self.bins, [separation(*pair) for pair in pairs])
        found = {f"S {group}": value for group, value in separations.items()}
        features, scale = self.make(*showers).vector(), scales(self.features)
        x, y, n = self.features / scale, features / scale, len(features)
        generator = np.random.Generator(np.random.Philox(seed))
        found["FPD"] = frechet_physics_distance(
            x, y, generator, sizes=batch_sizes(n // 3, n, 5), resamplings=2, replace=False
        ).estimate.value
        found["KPD"] = kernel_physics_distance(
            x, y, generator, batches=1, size=n, replace=False
        ).value
        whole = [
            np.concatenate([np.log10(e)[:, None], v / e[:, None]], 1).astype(np.float32)
            for e, v in (self.reference, showers)
        ]
        for name, pair in (("low", whole), ("high", [self.features, features])):
            found[f"AUC {name}"] = classifier_test(
                *pair, seed=seed, epochs=self.epochs, hidden=(128, 128), batch=100
            ).auc.value
        near = neighbourhoods(
            *(np.log10(np.where(v > 0, v, np.float32(0.1))) for _, v in (self.reference, showers))
        )
        return found | {name: estimate.value for name, estimate in near._asdict().items()}


class CaloSpoilingStudy(Study):
    """Metrics are trusted to see what is wrong with generated showers. Here showers are spoilt on
    purpose, each time in one way, and every metric of the CaloChallenge (arXiv 2410.21611) judges
    several spoilt files and as many sound ones by one reference. A metric sees a spoiling if the
    two differ by more than chance allows. All showers are synthetic, of the parametrisation of
    `ansatz calo simulate`.
    """

    name: ClassVar[str] = "calo-spoiling"
    title: ClassVar[str] = "Which metric sees which spoiling of showers"

    def run(self, context: Context) -> Findings:
        events, epochs = (2_000, 5) if context.quick else (10_000, 10)
        simulator = simulator_of(GEOMETRY)

        def file(number: int) -> Showers:
            blocks = simulate(
                simulator, energies(ENERGIES), events, seed=context.seed * 1000 + number
            )
            parts = list(zip(*blocks, strict=True))
            return np.concatenate(parts[0]), np.concatenate(parts[1])

        judge = Judge(file(0), epochs)
        sound: list[dict[str, float]] = []
        other: dict[str, list[dict[str, float]]] = {name: [] for name in ("nothing", *SPOILINGS)}

        def judged() -> Iterator[np.ndarray]:
            for k in range(REPEATS):
                sound.append(judge(file(1 + k), k))
                yield np.zeros(1)
                fresh = file(1 + REPEATS + k)
                other["nothing"].append(judge(fresh, k))
                yield np.zeros(1)
                for name, spoil in SPOILINGS.items():
                    generator = np.random.Generator(np.random.Philox([context.seed, k]))
                    other[name].append(judge(spoil(fresh, generator), k))
                    yield np.zeros(1)

        for _ in context.watch(judged(), REPEATS * (2 + len(SPOILINGS)), "Judging spoilt showers"):
            pass
        table = {
            spoiling: {
                metric: significance([one[metric] for one in sound], [v[metric] for v in values])
                for metric in sound[0]
            }
            for spoiling, values in other.items()
        }
        return Findings(claims(table), (matrix(table),))


def significance(sound: list[float], spoilt: list[float]) -> float:
    """By how many standard deviations of a normal distribution the means differ, with a sign.

    As unlikely as Student's t of two samples with one variance; without any spread it is the
    farthest that a double can tell, or zero.
    """
    from scipy import special

    a, b = np.asarray(sound, float), np.asarray(spoilt, float)
    n, m = len(a), len(b)
    pooled = ((n - 1) * a.var(ddof=1) + (m - 1) * b.var(ddof=1)) / (n + m - 2)
    gap = float(b.mean() - a.mean())
    if pooled == 0:
        return math.copysign(38.0, gap) if gap else 0.0
    t = gap / math.sqrt(pooled * (1 / n + 1 / m))
    tail = special.stdtr(n + m - 2, -abs(t))
    return math.copysign(float(-special.ndtri(max(tail, 1e-300))), gap)


def seen(row: dict[str, float]) -> list[str]:
    """The metrics that see something."""
    from scipy import special

    limit = -float(special.ndtri(SURE / 2))
    return [metric for metric, value in row.items() if abs(value) > limit]


def claims(table: dict[str, dict[str, float]]) -> tuple[Claim, ...]:
    """Every spoiling is seen, and what is not spoilt is not."""
    made = []
    for spoiling, row in table.items():
        found = seen(row)
        sees = spoiling != "nothing"
        made.append(
            Claim(
                name=f"spoilt: {spoiling}" if sees else "not spoilt",
                sentence=(
                    f"{spoiling}: at least one metric sees it. These do: "
                    f"{', '.join(found) or 'none'}."
                    if sees
                    else "Where nothing is spoilt, no metric sees anything."
                ),
                expected=float(sees),
                source="1 if some metric's values for spoilt and for sound files differ by more "
                f"than chance alone does once in {1 / SURE:,.0f} times, by Student's t of "
                f"{REPEATS} and {REPEATS} independent files; else 0",
                measured=Measured(float(bool(found))),
                tolerance=0.0,
                why=f"chance lets one of {len(row)} metrics see something once in "
                f"{1 / SURE / len(row):,.0f} times",
            )
        )
    return tuple(made)


def matrix(table: dict[str, dict[str, float]]) -> Figure:
    """How surely each metric sees each spoiling."""
    metrics = list(next(iter(table.values())))
    values = np.array([[row[metric] for row in table.values()] for metric in metrics])
    return Matrix(
        name="seen",
        title="Which metric sees what",
        caption="By how many standard deviations the spoilt files differ from the sound ones, "
        f"of {REPEATS} each; beyond 4.4 it is seen, for chance does so once in 100 000 times.",
        values=np.clip(values, -20, 20),
        row_labels=tuple(metrics),
        column_labels=tuple(table),
    )
