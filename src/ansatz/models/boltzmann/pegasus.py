"""The graph of D-Wave's Pegasus processors (Boothby et al., 2020)."""

import numpy as np

from ansatz.models.boltzmann.graph import Graph

VERTICAL = np.repeat([2, 10, 6], 4)
HORIZONTAL = np.repeat([6, 2, 10], 4)
"""Where qubits of a track begin, in tracks."""


def pegasus(size: int) -> Graph:
    """P_m, m = `size` > 1: qubits are segments, 12 tracks long, of lines across each other.

    The qubit (u, w, k, z) lies on the k-th track of the w-th dozen, vertical if u = 0 and
    horizontal if u = 1, and is the z-th segment from its end. Qubits that cross are coupled;
    so are neighbours on a line, and the two lines of tracks 2i and 2i + 1. Qubits that cross
    no other are left out. Its label is 12 (m - 1) (u m + w) + (m - 1) k + z, and its colour
    2u + (k + z) mod 2: on one line z alternates, on paired lines k, and qubits that cross
    differ in u.
    """
    m = size
    u, w, k, z = (axis.ravel() for axis in np.indices((2, m, 12, m - 1)))
    label = ((u * m + w) * 12 + k) * (m - 1) + z

    def of(u: int, w: np.ndarray, k: np.ndarray, z: np.ndarray) -> np.ndarray:
        return ((u * m + w) * 12 + k) * (m - 1) + z

    along = np.flatnonzero(z < m - 2)
    beside = np.flatnonzero(k % 2 == 0)
    # The vertical line 12 w + k is crossed, along one of its segments, by twelve lines.
    upright = np.flatnonzero(u == 0)
    line = 12 * z[upright] + VERTICAL[k[upright]]
    crossed = line[:, None] + np.arange(12)[None]
    w_across, k_across = np.divmod(crossed, 12)
    place = (12 * w + k)[upright][:, None] - HORIZONTAL[k_across]
    z_across = place // 12
    real = (z_across >= 0) & (z_across < m - 1)
    across = of(1, w_across, k_across, z_across)
    edges = np.concatenate(
        [
            np.stack([along, along + 1], 1),
            np.stack([beside, beside + m - 1], 1),
            np.stack([np.broadcast_to(upright[:, None], real.shape)[real], across[real]], 1),
        ]
    )
    crossing = np.unique(edges[u[edges[:, 0]] != u[edges[:, 1]]])
    whole = Graph.of(edges, len(label), 2 * u + (k + z) % 2, label.tolist())
    return whole.induced(crossing)
