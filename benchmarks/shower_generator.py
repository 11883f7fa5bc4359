"""How fast a shower generator learns, and how fast it generates."""

import sys
from pathlib import Path

from benchmarks import machine
from benchmarks.harness import Contender, Result, Setting, interleave
from benchmarks.report import aim, cell, failures, table

TITLE = "Learning showers and generating them"
ROUNDS = 3

HERE = Path(__file__).parent
GENERATOR = "Ansatz, calo-qvae"
MS_WRITTEN, LEFT = 2.5, 2 / 3
"""At most so many milliseconds a shower, and of a step at least so much for all but the chains."""


def measure(setting: Setting) -> str:
    """The section of the results."""
    work = {"showers": 3000, "epochs": 3, "latent": 2048, "generated": 10_000}
    if setting.quick:
        work |= {"showers": 256, "epochs": 2, "latent": 64, "generated": 200}
    given = {**work, "folder": str(setting.folder)}
    script = HERE / "ours" / "shower_generator.py"
    contender = Contender(GENERATOR, Path(sys.executable), script, given)
    runs = interleave([*machine.products(setting), contender], setting.rounds)

    def of(name: str, form: str) -> str:
        return cell(runs.values(GENERATOR, lambda result: result[name]), form)

    return "\n\n".join(
        [
            f"A generator of the default nets and {work['latent']:,} bits of Pegasus P16 learns "
            f"from {work['showers']:,} simulated showers of dataset 2 in batches of 128, with five "
            "sweeps of 256 chains in a step; showers per second are those of all epochs but the "
            "first. It generates from chains of the prior; what is asked for at once is made by as "
            f"many chains, at most a thousand, and the {work['generated']:,} are written to HDF5 "
            "with gzip. Compilation is left out. How a sweep compares with dense products of "
            "matrices is told under the samplers of Boltzmann machines.",
            machine.describe(runs, setting),
            table(
                ("what", "measured"),
                [
                    ["parameters", of("parameters", ",.0f")],
                    ["showers/s, learning", of("rate", ",.0f")],
                    ["part of a step that is the prior's chains", of("share", ".3f")],
                    ["ms a shower, 1 at once", of("made_1", ".1f")],
                    ["ms a shower, 100 at once", of("made_100", ".2f")],
                    [f"ms a shower, {work['generated']:,}, written", of("written", ".2f")],
                ],
            ),
            "\n".join(
                [
                    aim(
                        "part of a step that is not the chains'",
                        runs.values(GENERATOR, lambda r: 1 - r["share"]),
                        LEFT,
                        ".2f",
                    ),
                    aim(
                        "showers generated and written per millisecond",
                        runs.values(GENERATOR, _per_millisecond),
                        1 / MS_WRITTEN,
                        ".2f",
                    ),
                ]
            ),
            failures(runs),
        ]
    )


def _per_millisecond(result: Result) -> float:
    return 1 / result["written"]
