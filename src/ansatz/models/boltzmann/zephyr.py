"""The graph of D-Wave's Zephyr processors (Boothby, King and Raymond, 2021)."""

import numpy as np

from ansatz.models.boltzmann.graph import Graph

TILE = 4


def zephyr(size: int) -> Graph:
    """Z_m with tiles of four, m = `size`: qubits are segments, two lines long, that overlap.

    The qubit (u, w, k, j, z) lies on the k-th of the four tracks of line w = 0 ... 2m, vertical
    if u = 0 and horizontal if u = 1, and reaches across the lines 2z + j and 2z + j + 1.
    Qubits that cross are coupled; so are neighbours (z and z + 1) and overlapping ones (j = 0
    and 1) on a track. Its label counts them in this order. Its colour is j + 2 [(z + u +
    (w + j) div 2) mod 2]: those that overlap differ in j, and neighbours of one j in z.
    """
    m = size
    lines = 2 * m + 1
    u, w, _, j, z = (axis.ravel() for axis in np.indices((2, lines, TILE, 2, m)))

    def of(u: int, w: np.ndarray, k: np.ndarray, j: np.ndarray, z: np.ndarray) -> np.ndarray:
        return (((u * lines + w) * TILE + k) * 2 + j) * m + z

    along = np.flatnonzero(z < m - 1)
    # (j, z) = (0, z) overlaps (1, z) at its far end and (1, z - 1) at its near one.
    first = np.flatnonzero(j == 0)
    second = np.flatnonzero((j == 0) & (z > 0))
    upright = np.flatnonzero(u == 0)[:, None, None, None]
    end, track, half = (axis[None] for axis in np.indices((2, TILE, 2)))
    w_across = (2 * z + j)[upright] + end
    # A line at w crosses the segments that begin at w and at w - 1.
    z_across, j_across = np.divmod(w[upright] - half, 2)
    real = (z_across >= 0) & (z_across < m)
    across = of(1, w_across, track, j_across, z_across)
    edges = np.concatenate(
        [
            np.stack([along, along + 1], 1),
            np.stack([first, first + m], 1),
            np.stack([second, second + m - 1], 1),
            np.stack([np.broadcast_to(upright, real.shape)[real], across[real]], 1),
        ]
    )
    colours = j + ((w + 2 * (z + u) + j) & 2)
    return Graph.of(edges, len(u), colours)
