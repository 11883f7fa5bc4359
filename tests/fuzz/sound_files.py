"""A small sound file of every format that is read, as the bytes that it has."""

import gzip
import io
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ansatz.calo.geometry import Geometry, to_xml

EVENTS = np.random.default_rng(7).normal(size=(40, 3)).astype(np.float32)
LABELS = np.arange(40, dtype=np.uint8) % 3
KINDS = np.array(["pion", "electron", "photon"])[LABELS]
LARGE = 1 << 15
"""Rows of a file that --buffer 1 does not hold."""
GEOMETRY = Geometry("small", "electron", ((0.0, 1.0, 2.0), (0.0, 3.0)), (2, 1), (0, 1), 0.01)


def npy(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def idx(values: np.ndarray, code: int = 0x08) -> bytes:
    sizes = b"".join(n.to_bytes(4, "big") for n in values.shape)
    return bytes([0, 0, code, values.ndim]) + sizes + values.tobytes()


def hdf5(attributes: dict[str, Any] | None = None, **datasets: Any) -> bytes:
    """A file of these datasets; one that is a table has the arguments of `create_dataset`."""
    # In a file of its own: what HDF5 keeps in memory is padded.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.h5"
        with h5py.File(path, "w") as file:
            for name, value in datasets.items():
                how = value if isinstance(value, dict) else {"data": value}
                file.create_dataset(name, **how)
            file.attrs.update(attributes or {})
        return path.read_bytes()


def showers(energies: Any, voxels: Any, **attributes: Any) -> bytes:
    said = {"geometry": "small", "binning": to_xml(GEOMETRY), "synthetic": True, **attributes}
    return hdf5(said, incident_energies=energies, showers=voxels)


def structured() -> np.ndarray:
    records = np.empty(40, [("x", "f4"), ("y", "i2"), ("hits", "f8", (2,))])
    records["x"], records["y"], records["hits"] = EVENTS[:, 0], LABELS, EVENTS[:, 1:]
    return records


def table(mark: str = ",", *, text: bool = True) -> bytes:
    lines = [mark.join(["energy[MeV]", "depth", "angle", *(["particle"] if text else [])])]
    for row, kind in zip(EVENTS.tolist(), KINDS, strict=True):
        lines.append(mark.join([*map(repr, row), *([kind] if text else [])]))
    return ("\n".join(lines) + "\n").encode()


def energies() -> np.ndarray:
    return np.random.default_rng(8).uniform(1e3, 1e5, (40, 1))


def voxels() -> np.ndarray:
    shares = np.random.default_rng(9).uniform(0, 0.1, (40, GEOMETRY.voxels))
    return (shares * energies()).astype(np.float32)


@cache
def sound() -> dict[str, bytes]:
    """The name of each file, whose suffix no reader looks at, and what is in it."""
    images = np.random.default_rng(3).integers(0, 256, (40, 4, 4), np.uint8)
    return {
        "plain.npy": npy(EVENTS),
        "fortran.npy": npy(np.asfortranarray(EVENTS)),
        "structured.npy": npy(structured()),
        "large.npy": npy(np.resize(EVENTS, (LARGE, 6)).astype(np.float64)),
        "gzip.npy.gz": gzip.compress(npy(EVENTS), mtime=0),
        "one.npz": npz(events=EVENTS),
        "two.npz": npz(events=EVENTS, label=LABELS),
        "images-idx3-ubyte": idx(images),
        "images-idx3-ubyte.gz": gzip.compress(idx(images), mtime=0),
        "numbers-idx2": idx(EVENTS.astype(">f4"), 0x0D),
        "table.csv": table(),
        "table.tsv": table("\t"),
        "semicolon.csv": table(";"),
        "space.txt": table(" ", text=False),
        "table.csv.gz": gzip.compress(table(), mtime=0),
        "plain.h5": hdf5(events=EVENTS),
        "several.h5": hdf5(events=EVENTS, label=LABELS, kind=KINDS.astype(object)),
        "compound.h5": hdf5(records=structured()),
        "packed.h5": hdf5(events={"data": EVENTS, "chunks": (8, 3), "compression": "gzip"}),
        "large.h5": hdf5(events={"data": np.resize(EVENTS, (LARGE, 16)), "chunks": (512, 16)}),
        "showers.h5": showers(energies(), voxels()),
    }


def archive(**members: bytes) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()
