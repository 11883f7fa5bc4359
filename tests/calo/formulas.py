"""What the CaloChallenge computes, once more and plainly: a shower, a layer, a number at a time."""

from itertools import pairwise

import numpy as np


def middles(geometry, layer):
    """eta, phi and r of a layer's voxels, r running fastest."""
    edges, n = geometry.r_edges[layer], geometry.n_alpha[layer]
    eta, phi, radius = [], [], []
    for k in range(n):
        alpha = -np.pi + (k + 0.5) * 2 * np.pi / n
        for low, high in pairwise(edges):
            r = (low + high) / 2
            eta.append(r * np.cos(alpha))
            phi.append(r * np.sin(alpha))
            radius.append(r)
    return np.array(eta), np.array(phi), np.array(radius)


def by_name(geometry, energies, showers):
    """Features of showers: lists by name and layer."""
    showers = np.where(showers < geometry.cut, 0, showers).astype(np.float64)
    found = {"E_inc": np.asarray(energies, np.float64), "E_tot": showers.sum(1)}
    start = 0
    for layer, id in enumerate(geometry.ids):
        size = geometry.n_alpha[layer] * (len(geometry.r_edges[layer]) - 1)
        x = showers[:, start : start + size]
        start += size
        total = x.sum(1)
        found["E", id] = total
        found["sparsity", id] = 1 - (x > 0).mean(1)
        for name, c in zip(("eta", "phi", "r"), middles(geometry, layer), strict=True):
            if geometry.n_alpha[layer] == 1 and name != "r":
                continue
            centre = (c * x).sum(1) / (total + 1e-16)
            spread = (c**2 * x).sum(1) / (total + 1e-16) - centre**2
            found[f"EC_{name}", id] = centre
            found[f"W_{name}", id] = np.sqrt(np.maximum(spread, 0))
    return found


def vector(geometry, energies, showers):
    """The features side by side, in the sheet's order and units."""
    found = by_name(geometry, energies, showers)

    def all_of(name):
        return [found[name, id] for id in geometry.ids if (name, id) in found]

    columns = [np.log10(found["E_inc"])]
    columns += [np.log10(energy + 1e-8) for energy in all_of("E")]
    for name in ("EC_eta", "EC_phi", "W_eta", "W_phi"):
        columns += [length / 100 for length in all_of(name)]
    columns += [np.log10(found["E_tot"] + 1e-8), *all_of("sparsity")]
    for name in ("EC_r", "W_r"):
        columns += [length / 100 for length in all_of(name)]
    return np.stack(columns, 1)


def separation(reference, other, edges):
    """That of two lists of numbers."""
    p, q = (np.histogram(values, edges)[0].astype(float) for values in (reference, other))
    p, q = p / p.sum(), q / q.sum()
    return 0.5 * np.sum((p - q) ** 2 / (p + q + 1e-16))


def frechet(x, y, sizes, resamplings, rng):
    """The intercept of the mean distances of batches, drawn with replacement, over 1/N."""
    means = []
    for size in sizes:
        found = []
        for _ in range(resamplings):
            a, b = (f[rng.integers(len(f), size=size)] for f in (x, y))
            c, k, gap = np.cov(a.T), np.cov(b.T), a.mean(0) - b.mean(0)
            # The trace of a root is the sum of the roots of eigenvalues.
            roots = np.sqrt(np.clip(np.real(np.linalg.eigvals(c @ k)), 0, None))
            found.append(gap @ gap + np.trace(c + k) - 2 * roots.sum())
        means.append(np.mean(found))
    return max(0.0, np.polynomial.polynomial.polyfit(1 / np.array(sizes), means, 1)[0])


def kernel(x, y, batches, size, rng):
    """The median over batches of the unbiased maximum mean discrepancy."""
    found = []
    for _ in range(batches):
        a, b = (f[rng.integers(len(f), size=size)] for f in (x, y))
        aa, bb, ab = ((p @ q.T / x.shape[1] + 1) ** 4 for p, q in ((a, a), (b, b), (a, b)))
        off = ~np.eye(size, dtype=bool)
        found.append(aa[off].mean() + bb[off].mean() - 2 * ab.mean())
    return np.median(found)
