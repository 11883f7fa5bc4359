"""The idx format of MNIST and its relatives, one file or a folder of images and labels.

A file is 0, 0, a type code, the number of dimensions, their lengths as big-endian 32-bit
integers, and then the numbers, big-endian, last index fastest.
"""

import gzip
import struct
from pathlib import Path

import numpy as np

from ansatz.data.contents import Contents, held, sound
from ansatz.data.dataset import PARTS
from ansatz.protocol.errors import DataError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(head: bytes) -> bool:
    """Whether a file that begins so can be an idx file."""
    return len(head) >= 4 and head[:2] == b"\0\0" and head[2] in TYPES and 1 <= head[3] <= 8


def open_idx(path: Path) -> Contents:
    """The array of one idx file, plain or gzip."""
    return Contents(str(path), (held("events", _array(path)),))


def open_idx_folder(path: Path) -> Contents:
    """Images with their labels, and the part of the split that the file names declare."""
    sets = _image_files(path)
    events, labels, parts = [], [], []
    for part, images in sets.items():
        events.append(_array(images))
        if events[-1].shape[1:] != events[0].shape[1:]:
            raise DataError(
                f"{images}: events of shape {events[-1].shape[1:]}, but {sets[0]} has "
                f"{events[0].shape[1:]}; they must agree."
            )
        parts.append(np.full(len(events[-1]), part, np.uint8))
        partner = _label_file(images)
        if partner is not None:
            labels.append(_array(partner))
            if labels[-1].shape != (len(events[-1]),):
                raise DataError(
                    f"{images} has {len(events[-1])} images but {partner} has labels of shape "
                    f"{labels[-1].shape}; there must be one for each image."
                )
    fields = [held("events", np.concatenate(events))]
    if len(labels) == len(events):
        fields.append(held("label", np.concatenate(labels)))
    declared = np.concatenate(parts) if len(sets) > 1 else None
    return Contents(str(path), tuple(fields), events=("events",), parts=declared)


def _image_files(folder: Path) -> dict[int, Path]:
    """The image file of each part, training first."""
    found: dict[int, Path] = {}
    # Sorted in reverse, a plain file comes after its gzip twin and takes its place.
    for path in sorted((p for p in folder.iterdir() if "images" in p.name), reverse=True):
        if not path.is_file() or not _holds_idx(path):
            continue
        part = _part(path.name)
        if part in found and path.name != found[part].name.removesuffix(".gz"):
            raise DataError(
                f"The folder {folder} has two sets of {PARTS[part]} images, {path.name} and "
                f"{found[part].name}; name one file instead of the folder."
            )
        found[part] = path
    if not found:
        raise DataError(
            f"The folder {folder} has no idx files of images (such as train-images-idx3-ubyte.gz); "
            "name a file instead."
        )
    return dict(sorted(found.items()))


def _part(name: str) -> int:
    stem = name.partition("images")[0].lower()
    if "t10k" in stem or "test" in stem:
        return PARTS.index("test")
    return PARTS.index("validation" if "val" in stem else "train")


def _label_file(images: Path) -> Path | None:
    stem = images.name.partition("images")[0]
    found = [
        p for p in images.parent.iterdir() if p.name.startswith(f"{stem}labels") and p.is_file()
    ]
    # The plain file has the shorter name, and wins as among the images.
    return min(found, key=lambda p: len(p.name), default=None)


def _holds_idx(path: Path) -> bool:
    with sound(str(path), "idx"):
        with path.open("rb") as stream:
            head = stream.read(4)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(path) as stream:
                head = stream.read(4)
    return is_idx(head)


def _array(path: Path) -> np.ndarray:
    with sound(str(path), "idx"):
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        if not is_idx(data):
            raise DataError(f"{path} is not an idx file.")
        dtype, dimensions = np.dtype(TYPES[data[2]]), data[3]
        start = 4 + 4 * dimensions
        if len(data) < start:
            raise DataError(f"{path} is cut short: it ends inside its header.")
        shape = struct.unpack(f">{dimensions}I", data[4:start])
        expected = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if len(data) - start != expected:
            what = "cut short" if len(data) - start < expected else "longer than it says"
            raise DataError(
                f"{path} is {what}: {len(data) - start} bytes where the shape {shape} of "
                f"{dtype} needs {expected}."
            )
        return np.frombuffer(data, dtype, offset=start).reshape(shape)
