"""`python -m benchmarks`: measure, and write what was found into RESULTS.md."""

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks import (
    calo_features,
    contractive,
    em,
    environment,
    flows,
    gan,
    gibbs,
    iwae,
    rbm_training,
    shower_generator,
    showers,
    streaming,
    vae_training,
)
from benchmarks.harness import Setting
from benchmarks.report import write_section

BENCHMARKS = {
    "vae_training": vae_training,
    "iwae": iwae,
    "gan": gan,
    "streaming": streaming,
    "em": em,
    "flows": flows,
    "gibbs": gibbs,
    "rbm_training": rbm_training,
    "showers": showers,
    "shower_generator": shower_generator,
    "calo_features": calo_features,
    "contractive": contractive,
}

HERE = Path(__file__).parent


def main() -> None:
    """Run the benchmarks that are asked for, all of them by default."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--rounds", type=int, help="how often every contender has its turn")
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes, printed and not written: does it work?"
    )
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    load = os.getloadavg()[0]
    peers = environment.peers(HERE.parent / ".cache" / "peers")
    for name in arguments.names or BENCHMARKS:
        benchmark = BENCHMARKS[name]
        rounds = arguments.rounds or (1 if arguments.quick else benchmark.ROUNDS)
        with tempfile.TemporaryDirectory() as folder:
            setting = Setting(Path(folder), peers, rounds, arguments.quick, load)
            body = benchmark.measure(setting)
        if arguments.quick:
            print(f"## {benchmark.TITLE}\n\n{body}\n")
        else:
            write_section(HERE / "RESULTS.md", benchmark.TITLE, body)


if __name__ == "__main__":
    main()
