"""How fast a Gaussian mixture learns by expectation maximisation: here, and in scikit-learn."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.harness import Contender, Result, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import Values, ratios

TITLE = "Learning a Gaussian mixture"
ROUNDS = 5

OURS, THEIRS = "Ansatz", "scikit-learn"
DTYPES = ("float32", "float64")

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Work:
    """A mixture with full covariances, and how many events it learns from."""

    events: int = 200_000
    numbers: int = 10
    components: int = 20
    iterations: int = 11
    dtype: str = "float32"

    def told(self, folder: Path) -> dict[str, Any]:
        """What a contender's script is told, the events being in `folder`."""
        return asdict(self) | {"data": str(folder / f"{self.events}-{self.numbers}.npy")}


FULL = (
    Work(),
    (
        *(Work(events=n, iterations=6) for n in (50_000, 100_000)),
        *(Work(numbers=d, iterations=6) for d in (5, 20)),
        *(Work(components=k, iterations=6) for k in (10, 40)),
    ),
)
QUICK = (Work(events=1000, numbers=3, components=4, iterations=3), (Work(500, 2, 3, 3),))


def measure(setting: Setting) -> str:
    """The section of the results."""
    main, sizes = QUICK if setting.quick else FULL
    folder = setting.folder
    for work in {(work.events, work.numbers): work for work in (main, *sizes)}.values():
        write_events(folder, work)

    def both(works: Sequence[Work], dtype: str = "") -> list[Contender]:
        given = {"fits": [work.told(folder) for work in works]}
        scripts = {OURS: "mixture.py", THEIRS: "scikit_learn_mixture.py"}
        return [
            Contender(f"{name} {dtype}".strip(), Path(sys.executable), HERE / "ours" / file, given)
            for name, file in scripts.items()
        ]

    products = machine.products(setting)
    each = [both([Work(**asdict(main) | {"dtype": dtype})], dtype) for dtype in DTYPES]
    runs = interleave([*products, *(one for pair in each for one in pair)], setting.rounds)
    by_size = interleave([*products, *both(sizes)], 1)
    return "\n\n".join(
        [
            f"A mixture of {main.components} Gaussians with full covariances learns from "
            f"{main.events:,} synthetic events of {main.numbers} numbers, as a user has it learnt, "
            "through `ansatz.fit` and through `GaussianMixture.fit`. Both begin at the same "
            f"weights, means and covariances and go on for {main.iterations} iterations; "
            "scikit-learn does not regularise. Seconds are those of an iteration, without what "
            "comes before the second. log p, in nats for each event, is that of the last "
            "iteration. NumPy chooses its own kernel: OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE are "
            "not set.",
            machine.describe(runs, setting),
            table(
                (
                    "precision",
                    f"{OURS}, s",
                    f"{THEIRS}, s",
                    "times as fast",
                    "log p",
                    "their log p",
                ),
                [_row(runs, dtype) for dtype in DTYPES],
            ),
            "\n".join(
                aim(f"times the speed of scikit-learn in {dtype}", _gain(runs, dtype), 1.5, ".2f")
                for dtype in DTYPES
            )
            + f"\n- Of the faster product of float32 matrices: {_share(runs, main)}, counting the "
            "4 K d² operations that the products alone need for each event.",
            "Other sizes, in float32 and one run of each; all else is as above:",
            table(
                (
                    "events",
                    "numbers",
                    "components",
                    f"{OURS}, s",
                    f"{THEIRS}, s",
                    "times as fast",
                    "log p",
                    "their log p",
                ),
                [_size(by_size, place, work) for place, work in enumerate(sizes)],
            ),
            failures(runs, by_size),
        ]
    )


def write_events(folder: Path, work: Work) -> None:
    """Events of 20 Gaussians that overlap, with mean zero and variance one."""
    generator = np.random.default_rng(0)
    d, clusters = work.numbers, 20
    means = 2 * generator.standard_normal((clusters, d))
    mixing = generator.standard_normal((clusters, d, d)) / np.sqrt(d)
    k = generator.integers(0, clusters, work.events)
    events = np.empty((work.events, d))
    for j in range(clusters):
        noise = generator.standard_normal((int(np.sum(k == j)), d))
        events[k == j] = means[j] + noise @ mixing[j]
    events = (events - events.mean(0)) / events.std(0)
    np.save(folder / f"{work.events}-{d}.npy", events)


def fitted(what: str, place: int = 0) -> Callable[[Result], float]:
    """A number of one of the fits in a result."""
    return lambda result: result["fits"][place][what]


def _seconds(runs: Runs, name: str, place: int = 0) -> Values:
    return runs.values(name, fitted("seconds", place))


def _gain(runs: Runs, dtype: str) -> Values:
    return ratios(_seconds(runs, f"{THEIRS} {dtype}"), _seconds(runs, f"{OURS} {dtype}"))


def _share(runs: Runs, work: Work) -> str:
    operations = 4 * work.components * work.numbers**2 * work.events
    reached = runs.values(f"{OURS} float32", lambda result: operations / fitted("seconds")(result))
    return cell(ratios(reached, machine.fastest_product(runs)), ".0%")


def _row(runs: Runs, dtype: str) -> list[str]:
    ours, theirs = f"{OURS} {dtype}", f"{THEIRS} {dtype}"
    return [
        dtype,
        cell(_seconds(runs, ours), ".4f"),
        cell(_seconds(runs, theirs), ".4f"),
        cell(_gain(runs, dtype), ".2f"),
        cell(runs.values(ours, fitted("log_prob")), ".6f"),
        cell(runs.values(theirs, fitted("log_prob")), ".6f"),
    ]


def _size(runs: Runs, place: int, work: Work) -> list[str]:
    ours, theirs = (_seconds(runs, name, place) for name in (OURS, THEIRS))
    return [
        f"{work.events:,}",
        str(work.numbers),
        str(work.components),
        cell(ours, ".4f"),
        cell(theirs, ".4f"),
        cell(ratios(theirs, ours), ".2f"),
        cell(runs.values(OURS, fitted("log_prob", place)), ".5f"),
        cell(runs.values(THEIRS, fitted("log_prob", place)), ".5f"),
    ]
