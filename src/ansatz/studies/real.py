"""Real data that studies measure on, where they are looked for from the folder one is in."""

from pathlib import Path

_DATA = Path("../shared/data")
MNIST = _DATA / "mnist"
"""Handwritten digits."""
KMNIST = _DATA / "kmnist" / "kmnist-test-imgs.npz"
"""Japanese letters."""
MAGIC = _DATA / "magic" / "magic04.data"
"""Images of showers in a Cherenkov telescope, of gamma rays and of hadrons."""
TFIM = _DATA / "tfim"
"""Snapshots of a quantum magnet."""
