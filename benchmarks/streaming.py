"""How fast a model learns from a file that is larger than the memory it may take."""

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks import machine
from benchmarks.harness import Contender, Runs, Setting, interleave
from benchmarks.report import aim, cell, failures, table
from benchmarks.spread import Values, ratios
from benchmarks.vae_training import EVENT, fitted

TITLE = "Learning from a file larger than the buffer"
ROUNDS = 3

HELD, NPY, HDF5 = "in memory", "streamed from npy", "streamed from HDF5"
TIMES = 10
"""How many times the buffer the file is."""

CHUNK = 128
"""Events in a chunk of the HDF5 file."""

SCRIPT = Path(__file__).parent / "ours" / "vae.py"
WIDTH, BATCH, LATENT, EPOCHS = 100, 512, 20, 3


def measure(setting: Setting) -> str:
    """The section of the results."""
    buffer = 1 if setting.quick else 16
    count = (TIMES * buffer << 20) // EVENT
    write_events(setting.folder, count)

    def contender(name: str, file: str, mib: int) -> Contender:
        fit: dict[str, Any] = {"data": str(setting.folder / file), "buffer": mib, "epochs": EPOCHS}
        fit |= {"width": WIDTH, "batch": BATCH, "latent": LATENT}
        return Contender(name, Path(sys.executable), SCRIPT, fit)

    runs = interleave(
        [
            *machine.products(setting),
            contender(HELD, "events.npy", 2 * TIMES * buffer),
            contender(NPY, "events.npy", buffer),
            contender(HDF5, "events.h5", buffer),
        ],
        setting.rounds,
    )
    return "\n\n".join(
        [
            f"A Bernoulli autoencoder of {EVENT} - {WIDTH} - {WIDTH} - {LATENT} - {WIDTH} - "
            f"{WIDTH} - {EVENT} units learns in batches of {BATCH} from {count:,} events of "
            f"{EVENT} bytes, {TIMES * buffer} MiB: from memory, and with a buffer of {buffer} MiB. "
            "It is small, so that it asks for many events. Events per second are those of all of "
            f"{EPOCHS} epochs but the first. The peak is the most memory that the process ever "
            "had, of which Python and compiled code are a part.",
            machine.describe(runs, setting),
            table(
                ("events", "events/s", "streamed / in memory", "peak, MiB", "loss"),
                [_row(runs, name) for name in (HELD, NPY, HDF5)],
            ),
            "\n".join(
                aim(f"{name}, of the rate in memory", _gain(runs, name), 0.8, ".2f")
                for name in (NPY, HDF5)
            ),
            failures(runs),
        ]
    )


def write_events(folder: Path, count: int) -> None:
    """`count` random binary events as npy and as HDF5, the same in both."""
    generator = np.random.default_rng(0)
    events = np.lib.format.open_memmap(
        folder / "events.npy", mode="w+", dtype=np.uint8, shape=(count, EVENT)
    )
    step = 1 << 14
    with h5py.File(folder / "events.h5", "w") as file:
        stored = file.create_dataset("events", (count, EVENT), np.uint8, chunks=(CHUNK, EVENT))
        for start in range(0, count, step):
            part = generator.integers(0, 2, (min(step, count - start), EVENT), np.uint8)
            events[start : start + step] = stored[start : start + step] = part
    events.flush()


def _gain(runs: Runs, name: str) -> Values:
    return ratios(runs.values(name, fitted("rate")), runs.values(HELD, fitted("rate")))


def _row(runs: Runs, name: str) -> list[str]:
    return [
        name,
        cell(runs.values(name, fitted("rate")), ",.0f"),
        "" if name == HELD else cell(_gain(runs, name), ".2f"),
        cell(runs.values(name, lambda result: result["peak"] / 2**20), ",.0f"),
        cell(runs.values(name, fitted("loss")), ".1f"),
    ]
