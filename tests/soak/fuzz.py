"""Bad input without end: the cases of tests/fuzz with other seeds, in a process that may die.

Says every case in which a promise is broken, and ends with 1 if there was one.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

import subjects
from promise import tried

MEMORY = 16 << 30
"""Bytes of which a process may have more than it begins with."""
ROUNDS = 1000


def main() -> int:
    """Try as many cases of every subject, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--subject", choices=subjects.NAMES, nargs="*", default=subjects.NAMES)
    arguments = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory() as name:
        for subject in arguments.subject:
            each = arguments.trials // len(arguments.subject)
            broken += try_all(subject, arguments.seed, each, Path(name))
    return 1 if broken else 0


def try_all(subject: str, seed: int, trials: int, place: Path) -> int:
    """How many of so many cases of a subject break a promise."""
    started, done, broken = time.monotonic(), 0, 0
    ended: Counter[str] = Counter()
    context = multiprocessing.get_context("spawn")
    while done < trials:
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(subject, seed, done, trials, place, theirs))
        process.start()
        theirs.close()
        last = "the runs are being made"
        try:
            while done < trials:
                last = ours.recv()
                code, wrong = ours.recv()
                done += 1
                ended[str(code)] += 1
                if wrong:
                    broken += 1
                    print(f"BROKEN {wrong}\n", flush=True)
        except EOFError:
            process.join()
            print(f"DIED with {process.exitcode} at {last}\n", flush=True)
            done, broken = done + 1, broken + 1
            ended["died"] += 1
        ours.close()
        process.join()
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(ended.items()))
    print(
        f"{subject}, seed {seed}: {trials} cases in {time.monotonic() - started:.0f} s, ended "
        f"{codes}; {broken} break a promise.",
        flush=True,
    )
    return broken


def work(
    subject: str, seed: int, first: int, trials: int, place: Path, connection: Connection
) -> None:
    """Try cases from one on; say which before, and how it went after."""
    with subjects.opened(subject, place, drawn=subject == "runs") as cases:
        resource.setrlimit(resource.RLIMIT_AS, (_used() + MEMORY, resource.RLIM_INFINITY))
        for case in islice(cases(seed, ROUNDS), first, trials):
            connection.send(f"{case.name}: {case.words}")
            with tempfile.TemporaryDirectory() as folder:
                found = tried(case, Path(folder))
            connection.send((found.code, str(found) if found.broken else ""))


def _used() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    sys.exit(main())
