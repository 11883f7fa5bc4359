"""Many showers from a seed: in streams of random numbers, several at a time, always the same."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ansatz.calo.calibration import CALIBRATIONS
from ansatz.calo.energies import Energies
from ansatz.calo.geometry import Geometry
from ansatz.calo.medium import DETECTORS
from ansatz.calo.simulator import Simulator
from ansatz.calo.writing import ShowerWriter
from ansatz.protocol.errors import OptionError
from ansatz.protocol.watch import Watch, unseen

TOGETHER = 64
"""How many showers share a stream of random numbers; a part of what a seed means."""

Block = tuple[np.ndarray, np.ndarray]
"""Incident energies (m,) and showers (m, voxels), MeV."""


def simulate(
    simulator: Simulator, energies: Energies, number: int, *, seed: int = 0
) -> Iterator[Block]:
    """That many showers, block by block.

    Shower i is a function of the seed and i alone: neither the number of showers nor of
    processors changes it.
    """
    if number < 1:
        raise OptionError(f"-n must be at least 1; it is {number}.")
    if not 0 <= seed < 2**31:
        raise OptionError(f"seed must be at least 0 and below 2^31; it is {seed}.")

    def block(stream: int) -> Block:
        rng = np.random.default_rng([seed, stream])
        drawn = energies.draw(rng, TOGETHER)
        showers = simulator.showers(drawn, rng)
        wanted = number - stream * TOGETHER
        return drawn[:wanted], showers[:wanted]

    return _ahead(block, -(-number // TOGETHER))


def write(
    simulator: Simulator,
    energies: Energies,
    number: int,
    out: Path,
    *,
    seed: int = 0,
    force: bool = False,
    watch: Watch = unseen,
) -> dict[str, Any]:
    """The same into a file; what the file says of itself."""
    blocks = simulate(simulator, energies, number, seed=seed)
    said = attributes(simulator, energies, number, seed)
    with ShowerWriter(out, simulator.geometry, said, force=force) as writer:

        def written() -> Iterator[np.ndarray]:
            for drawn, showers in blocks:
                writer.append(drawn, showers)
                yield drawn

        for _ in watch(written(), number, "Simulating"):
            pass
    return said


def _ahead(block: Callable[[int], Block], count: int) -> Iterator[Block]:
    """The blocks in their order, some of them made ahead by threads."""
    workers = os.cpu_count() or 1
    threads = ThreadPoolExecutor(workers)
    waiting: deque[Future[Block]] = deque()
    try:
        for stream in range(count):
            waiting.append(threads.submit(block, stream))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def simulator_of(
    geometry: Geometry,
    *,
    c: float | None = None,
    response: float | None = None,
    slope: float | None = None,
    threshold: float | None = None,
    smooth: bool = False,
) -> Simulator:
    """The simulator of a geometry whose medium is known; what is None is as for that geometry."""
    if geometry.particle == "pion":
        raise OptionError(
            f"{geometry.name} is for pions, and the parametrisation has no hadrons: this geometry "
            f"is for reading and evaluating. {_known()} can be simulated."
        )
    if geometry.name not in DETECTORS:
        raise OptionError(
            f"The medium of {geometry.name} is unknown: a binning file has no depths and no "
            f"materials. {_known()} can be simulated."
        )
    given = {"c": c, "response": response, "slope": slope}
    changed = {name: value for name, value in given.items() if value is not None}
    return Simulator(
        geometry=geometry,
        detector=DETECTORS[geometry.name],
        calibration=replace(CALIBRATIONS[geometry.name], **changed),
        threshold=geometry.cut if threshold is None else threshold,
        smooth=smooth,
    )


def attributes(simulator: Simulator, energies: Energies, number: int, seed: int) -> dict[str, Any]:
    """What a file of such showers says of itself: that it is synthetic, and every setting."""
    return {
        "synthetic": True,
        "about": "Synthetic electromagnetic showers of the GFLASH parametrisation. No particle "
        "was tracked through matter and nothing was measured.",
        "made_by": f"ansatz-learn {version('ansatz-learn')}",
        "particle": simulator.geometry.particle,
        "number": number,
        "energy": str(energies),
        "seed": seed,
        "threshold": simulator.threshold,
        "smooth": simulator.smooth,
        **asdict(simulator.calibration),
        "medium": asdict(simulator.detector.medium),
        "depths": list(simulator.detector.edges),
    }


def _known() -> str:
    *first, last = DETECTORS
    return f"{', '.join(first)} and {last}"
