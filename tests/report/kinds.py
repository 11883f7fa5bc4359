"""At least one figure of every kind, with what a drawer may stumble over."""

import numpy as np

from ansatz.protocol.figures import (
    Bars,
    Cloud,
    Counts,
    Curve,
    Curves,
    Disc,
    Discs,
    Ellipses,
    Histogram,
    Histograms,
    ImageGrid,
    Labels,
    Matrix,
    Pairs,
    Panel,
    Plane,
    Ratios,
    Scatter,
)

rng = np.random.default_rng(0)


def said(name):
    return {"name": name, "title": f"The {name}", "caption": "How to read it."}


def curves(count, length=20):
    x = np.arange(length)
    return tuple(Curve(f"kind {k}", x, rng.normal(size=length).cumsum()) for k in range(count))


def histogram(axis, categories=(), edges=None):
    edges = np.arange(len(categories) + 1) - 0.5 if categories else edges
    edges = np.linspace(-1e4, 1e4, 9) if edges is None else edges
    densities = {label: rng.uniform(size=len(edges) - 1) for label in ("data", "samples")}
    return Histogram(axis, edges, densities, categories)


def pairs(count):
    edges = tuple(np.linspace(0, 1, 4 + j) for j in range(count))
    places = [(i, j) for i in range(count) for j in range(i)]
    return Pairs(
        **said(f"pairs-{count}"),
        axes=tuple(f"energy {j} [MeV]" for j in range(count)),
        edges=edges,
        densities={
            label: {
                (i, j): rng.uniform(-0.1, 1, (len(edges[i]) - 1, len(edges[j]) - 1))
                for i, j in places
            }
            for label in ("data", "samples")
        },
    )


def scatter(name, labels, clouds=1, n=100):
    return Scatter(
        **said(name),
        clouds=tuple(
            Cloud(f"cloud {k}", rng.normal(size=(n, 2)).astype(np.float32), labels)
            for k in range(clouds)
        ),
        x_label="principal axis 1",
        y_label="principal axis 2",
    )


def counted(axis, bins=12, *, log=False, note="S 0.00123", kinds=("reference", "generated")):
    edges = np.logspace(-2, 5, bins + 1) if log else np.linspace(-30, 30, bins + 1)
    counts = {kind: rng.poisson(np.linspace(0, 40, bins)) for kind in kinds}
    return Counts(axis, edges, counts, note, log)


def disc(label, angles, rings):
    values = rng.exponential(size=(angles, rings)) ** 6
    edges = np.cumsum(np.append(0.0, rng.uniform(1, 50, rings)))
    return Disc(label, edges, np.where(values < 0.1, 0, values))


GREY = rng.uniform(size=(3, 15, 8, 8)).astype(np.float32)
MISSING = np.where(GREY[:2, :4] < 0.3, np.nan, GREY[:2, :4])
DIGITS = Labels("label", rng.integers(0, 10, 100), tuple("0123456789"))
PARTICLES = Labels(
    "particle", rng.integers(0, 3, 100), ("electron neutrino", "antiproton", "$\\pi$ or so")
)

FIGURES = (
    ImageGrid(
        **said("grey"),
        images=GREY,
        row_labels=("z0  12.11 nats", "z1", "z2"),
        column_labels=tuple(f"{x:.2g}" for x in np.linspace(-3, 3, 15)),
        unit="MeV",
    ),
    ImageGrid(**said("colours"), images=rng.integers(0, 255, (2, 3, 5, 9, 3))),
    ImageGrid(**said("signed"), images=GREY[:, :6] - 0.3, signed=True),
    ImageGrid(**said("joined"), images=GREY[:, :3], joined=True, scale=(0.2, 0.4)),
    ImageGrid(**said("holes"), images=MISSING),
    ImageGrid(**said("black"), images=np.zeros((1, 2, 4, 4))),
    ImageGrid(**said("large"), images=rng.normal(size=(1, 10, 20, 301))),
    Curves(
        **said("history"),
        panels=(
            Panel("loss", curves(2)),
            Panel("squared_error", (Curve("kind 0", np.arange(20), np.exp(np.arange(20))),), True),
            Panel("holes", (Curve("kind 1", np.arange(20), np.r_[np.nan, np.ones(19)]),)),
        ),
        x_label="epoch",
        mark=7.0,
        mark_label="best, epoch 7",
    ),
    Curves(**said("crowd"), panels=(Panel("y", curves(12)),), x_label="x [cm]"),
    Curves(
        **said("nothing"), panels=(Panel("y", (Curve("a", np.arange(3), np.full(3, np.nan)),)),)
    ),
    scatter("digits", DIGITS),
    scatter("particles", PARTICLES, clouds=3),
    scatter("energy", Labels("energy [MeV]", rng.normal(size=100))),
    Scatter(
        **said("stacked"),
        clouds=(
            Cloud("a", np.outer(np.arange(100), [1.0, 0.0]), DIGITS),
            Cloud("b", np.full((5, 2), np.nan)),
            Cloud("c", np.ones((4, 2)), Labels("label", np.zeros(4), ("0", "1"))),
            Cloud("d", np.ones((4, 2))),
        ),
        x_label="x",
        y_label="y",
    ),
    scatter("plain", None, clouds=2, n=3000),
    scatter("one", None, n=1),
    Ellipses(
        **said("ellipses"),
        names=tuple(f"{k + 1}" for k in range(9)),
        groups=rng.integers(0, 9, 100),
        planes=tuple(
            Plane(
                f"length {j} [cm]",
                "energy [MeV]",
                np.where(rng.random((100, 2)) < 0.1, np.nan, rng.normal(size=(100, 2))),
                rng.normal(size=(9, 2)),
                rng.normal(size=(9, 2, 40, 2)),
            )
            for j in range(3)
        ),
    ),
    Ellipses(
        **said("centres"),
        names=("1", "2"),
        groups=np.empty(0, int),
        planes=(Plane("x", "y", np.empty((0, 2)), np.ones((2, 2)), np.empty((2, 0, 60, 2))),),
    ),
    Bars(
        **said("bars"),
        labels=tuple(f"z{k}" for k in range(3)),
        values=np.array([0.5, 0.1, 0.0], np.float32),
        x_label="latent",
        y_label="nats",
    ),
    Bars(
        **said("named"),
        labels=("double well", "Coulomb gas", "φ⁴", "blind"),
        values=np.array([0.98, 0.7, 0.7, 0.4]),
        x_label="system",
        y_label="share of draws",
        line=np.array([0.97, 0.7, 0.67, 0.0]),
        line_label="by samples of p",
    ),
    Bars(
        **said("scree"),
        labels=tuple(f"{k}" for k in range(200)),
        values=rng.uniform(size=200),
        x_label="component",
        y_label="fraction",
        line=rng.uniform(size=200),
        line_label="all so far",
    ),
    Histograms(
        **said("marginals"),
        panels=(
            histogram("energy [MeV]"),
            histogram("particle", ("electron", "muon", "pion")),
            histogram("state", tuple(f"of the state {k}" for k in range(30))),
            histogram("x", edges=np.linspace(1e-9, 3e-9, 5)),
            histogram("cost [$] of $"),
            histogram("spin", edges=np.array([-1.5, -0.5, 0.5, 1.5])),
        ),
    ),
    Histograms(**said("single"), panels=(histogram("energy [MeV]"),)),
    Ratios(
        **said("ratios"),
        panels=tuple(counted(f"layer {k}", log=True) for k in range(12)),
        unit="MeV",
        log=True,
    ),
    Ratios(**said("one-ratio"), panels=(counted("E_tot / E_inc", 100),)),
    Ratios(
        **said("nothing-counted"),
        panels=(
            counted("layer 1", kinds=("reference",)),
            Counts("layer 2", np.array([0.0, 0.5, 1.0]), {"reference": np.zeros(2, int)}),
        ),
    ),
    Ratios(
        **said("three-kinds"),
        panels=tuple(counted(f"layer {k}", note="", kinds=("a", "b", "c")) for k in range(3)),
    ),
    Discs(
        **said("discs"),
        rows=tuple(tuple(disc(f"{k}", 16, 9) for k in range(20)) for _ in range(2)),
        row_labels=("reference", "generated"),
        unit="MeV",
    ),
    Discs(
        **said("few-discs"),
        rows=((disc("layer 0", 1, 8), Disc("12", np.array([0.0, 1.0]), np.zeros((1, 1)))),),
        row_labels=("",),
    ),
    Discs(
        **said("empty-discs"),
        rows=((Disc("0", np.array([0.0, 1.0]), np.zeros((2, 1))),),),
        row_labels=("",),
    ),
    pairs(3),
    pairs(8),
    Matrix(
        **said("matrix"),
        values=rng.normal(size=(3, 4)),
        row_labels=("1", "2", "3"),
        column_labels=("a", "length [cm]", "c", "d"),
    ),
    Matrix(
        **said("broad"),
        values=np.zeros((2, 30)),
        row_labels=("1", "2"),
        column_labels=tuple(f"column {k}" for k in range(30)),
    ),
)
