"""A code of two numbers for wave packets is their position and their width, bent."""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float

from ansatz.protocol.figures import Cloud, Curve, Curves, Figure, Labels, Panel, Scatter
from ansatz.runs.run import Run
from ansatz.studies.claim import Claim, Measured
from ansatz.studies.study import Context, Findings, Study

POINTS, NOISE = 48, 0.05
POSITIONS, WIDTHS = (-2.0, 2.0), (0.4, 1.2)
EVENTS, HELD_OUT = 8000, 2000
NEIGHBOURS = 10
PLACE = np.linspace(-5, 5, POINTS)

Packets = Float[np.ndarray, "event points"]


class Drawn(NamedTuple):
    """Wave packets, and what they were made from."""

    packets: Packets
    causes: Float[np.ndarray, "event 2"]
    """Position and width."""


def packets(causes: Float[np.ndarray, "event 2"]) -> Packets:
    """exp(-(x - a)^2 / 4 b^2): the amplitude of a packet at rest at `a` with |psi|^2 of width b."""
    a, b = causes.T[..., None]
    return np.exp(-((PLACE - a) ** 2) / (4 * b**2))


def draw(n: int, generator: np.random.Generator) -> Drawn:
    """Positions and widths uniform, and noise on every point."""
    causes = np.stack([generator.uniform(*ends, n) for ends in (POSITIONS, WIDTHS)], 1)
    noise = NOISE * generator.standard_normal((n, POINTS))
    return Drawn(packets(causes) + noise, causes)


def least_variance(causes: Float[np.ndarray, "event 2"]) -> Float[np.ndarray, "event 2"]:
    """How well noise lets position and width be known at best: the Cramér-Rao bound.

    The diagonal of F^-1 with F_ij = sum_x d_i psi d_j psi / noise^2.
    """
    a, b = causes.T[..., None]
    off, psi = PLACE - a, packets(causes)
    slopes = np.stack([psi * off / (2 * b**2), psi * off**2 / (2 * b**3)], 1)
    fisher = np.einsum("nix,njx->nij", slopes, slopes) / NOISE**2
    return np.linalg.inv(fisher).diagonal(axis1=1, axis2=2)


class WavePacketStudy(Study):
    """Wave packets differ in position and width alone, so a code of two numbers can hold all there
    is to know of one, whatever coordinates it chooses; what the decoder leaves is the noise on the
    points, and no more. How far position and width can be read off the code is judged by the mean
    over nearest neighbours in the plane of codes, beside the least error that noise allows
    (Cramér and Rao). The packets are synthetic: amplitudes on 48 points with normal noise.
    """

    name: ClassVar[str] = "wave-packet-vae"
    title: ClassVar[str] = "Two numbers hold a wave packet's position and width"

    def run(self, context: Context) -> Findings:
        generator = np.random.Generator(np.random.Philox(context.seed))
        learnt, held_out = draw(EVENTS, generator), draw(HELD_OUT, generator)
        path = context.save("packets.npy", learnt.packets.astype(np.float32))
        seeds, epochs = (3, 60) if context.quick else (8, 300)
        runs = context.fit(
            "run",
            "vae",
            path,
            latent=2,
            hidden=(64, 64),
            likelihood=("normal",),
            preprocess=("none",),
            validation=0.0,
            test=0.0,
            batch=100,
            epochs=epochs,
            rate=0.003,
            schedule="cosine",
            patience=0,
            sigma=0.3,
            seeds=seeds,
        )
        read = np.array([readings(run, learnt, held_out) for run in runs])
        noises = np.array([float(np.exp(float(_scale(run)))) for run in runs])
        return Findings(claims(read, noises, held_out.causes), figures(runs[0], held_out, read[0]))


def _scale(run: Run) -> Any:
    return run.model.decoder.head.log_scale


def readings(run: Run, learnt: Drawn, held_out: Drawn) -> Float[np.ndarray, "event 2"]:
    """Position and width of packets held out, as those nearest by in the plane of codes have it."""
    from sklearn.neighbors import KNeighborsRegressor

    codes = [run.encode(part.packets.astype(np.float32)) for part in (learnt, held_out)]
    reader = KNeighborsRegressor(NEIGHBOURS, weights="distance").fit(codes[0], learnt.causes)
    return np.asarray(reader.predict(codes[1]), float)


def claims(
    read: Float[np.ndarray, "fit event 2"],
    noises: Float[np.ndarray, " fit"],
    causes: Float[np.ndarray, "event 2"],
) -> tuple[Claim, ...]:
    """What a code holds that is read so, by fits whose likelihood has so much noise."""
    whole = causes.var(0)
    errors = ((read - causes) ** 2).mean(1)
    least = least_variance(causes).mean(0)
    found = []
    for k, (name, what) in enumerate([("position", "The position"), ("width", "The width")]):
        found.append(
            Claim(
                name=name,
                sentence=f"{what} can be read off the code of a packet held out: its variance that "
                "is left unexplained, over all of it.",
                expected=float(least[k] / whole[k]),
                source="no reader has less, on average over packets (Cramér and Rao), nor does a "
                "code of two numbers need to lose any",
                measured=Measured.over(errors[:, k] / whole[k]),
                tolerance=0.01,
                why="a hundredth of the variance: the reader takes the mean over ten neighbours "
                "that are noisy themselves",
                side="at most",
            )
        )
    found.append(
        Claim(
            name="noise",
            sentence="What the decoder leaves is the noise on the points: the learnt deviation is "
            "that of the noise.",
            expected=NOISE,
            source="packets have two causes, and so has the code",
            measured=Measured.over(noises),
            tolerance=0.1 * NOISE,
            why="a tenth of it; a code of one number would leave several times as much",
            unit="amplitudes",
        )
    )
    return tuple(found)


def figures(run: Run, held_out: Drawn, read: Float[np.ndarray, "event 2"]) -> tuple[Figure, ...]:
    """The plane of codes coloured by position and by width, readings, and packets decoded."""
    codes = run.encode(held_out.packets.astype(np.float32)).astype(float)
    planes = [
        Scatter(
            name=f"codes-by-{name}",
            title=f"Codes by {name}",
            caption=f"The codes of packets held out, coloured by their {name}: a colour that "
            "changes smoothly in one direction is a coordinate that the code has found.",
            clouds=(Cloud("packets held out", codes, Labels(name, held_out.causes[:, k])),),
            x_label="z0",
            y_label="z1",
        )
        for k, name in enumerate(["position", "width"])
    ]
    # Along each cause the codes of clean packets, and what they decode to.
    tracks, panels = [], []
    for k, name in enumerate(["position", "width"]):
        middle = np.mean([POSITIONS, WIDTHS], 1)
        ends = (POSITIONS, WIDTHS)[k]
        causes = np.tile(middle, (5, 1))
        causes[:, k] = np.linspace(*ends, 5)
        clean = packets(causes)
        again = run.decode(run.encode(clean.astype(np.float32))).astype(float)
        curves = [Curve("packet", PLACE, row) for row in clean]
        curves += [Curve("decoded", PLACE, row) for row in again]
        label = f"{name} from {ends[0]:g} to {ends[1]:g}".replace("-", "−")
        panels.append(Panel(label, tuple(curves)))
    for k in (0, 1):
        other = np.linspace(*(POSITIONS, WIDTHS)[1 - k], 9)
        for value in other:
            causes = np.empty((50, 2))
            causes[:, k] = np.linspace(*(POSITIONS, WIDTHS)[k], 50)
            causes[:, 1 - k] = value
            z = run.encode(packets(causes).astype(np.float32)).astype(float)
            tracks.append(Curve(("along the position", "along the width")[k], z[:, 0], z[:, 1]))
    return (
        *planes,
        Curves(
            name="coordinates",
            title="Learnt coordinates",
            caption="The codes of packets without noise along lines of equal width and of equal "
            "position: the net of the two causes, bent as the code will have it.",
            panels=(Panel("z1", tuple(tracks)),),
            x_label="z0",
        ),
        Curves(
            name="packets",
            title="Packets and what their codes decode to",
            caption="Packets without noise as one cause moves and the other stays in the middle.",
            panels=tuple(panels),
            x_label="place",
        ),
        Scatter(
            name="readings",
            title="Read off the code",
            caption="Position and width as the code has them against the true ones, each from "
            "zero to one of its range: the closer to the diagonal, the less the code has lost.",
            clouds=tuple(
                Cloud(
                    name,
                    (np.stack([held_out.causes[:, k], read[:, k]], 1) - ends[0])
                    / (ends[1] - ends[0]),
                )
                for k, (name, ends) in enumerate([("position", POSITIONS), ("width", WIDTHS)])
            ),
            x_label="true",
            y_label="read off the code",
        ),
    )
