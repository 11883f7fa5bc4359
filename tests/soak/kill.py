"""Kill fits with SIGKILL at random moments; each must resume to the same bits.

Every case is fitted once undisturbed. Then it is fitted again and again, killed at a moment
drawn uniformly over most of the undisturbed fit's time, or just when a checkpoint's temporary file
appears, resumed, and compared byte by byte: weights, history and last checkpoint. One case reads
its events from a file six times larger than the buffer, and one is an ensemble.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COMMON = ["--latent", "4", "--patience", "0", "--quiet", "--no-report"]
SMALL = ["--hidden", "64", "--epochs", "200", "--batch", "32"]
WIDE = ["--hidden", "1200", "1200", "--batch", "64"]
CASES = {
    "plain": SMALL,
    "dropout": [*SMALL, "--dropout", "0.2"],
    "averaged": [*SMALL, "--average", "0.99"],
    "conditional": [*SMALL, "--conditions", "label", "--schedule", "cosine", "--warmup", "50"],
    "large checkpoint": [*WIDE, "--epochs", "12", "--average", "0.99", "--dropout", "0.1"],
    "streamed": ["--hidden", "64", "--epochs", "12", "--buffer", "1"],
    "ensemble": ["--hidden", "32", "--epochs", "60", "--seeds", "3", "--dropout", "0.1"],
}


def main() -> int:
    """Run all trials and say how they went; 0 if every one ended in the same bits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    wrong = killed = killed_writing = afresh = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        events = np.random.default_rng(0).integers(0, 256, (8000, 784), np.uint8)
        np.save(folder / "events.npy", events)
        reference, seconds = {}, {}
        for case in CASES:
            started = time.monotonic()
            run_to_end(folder / "reference", case)
            seconds[case] = time.monotonic() - started
            reference[case] = content(folder / "reference")
            shutil.rmtree(folder / "reference")
            print(f"{case}: undisturbed in {seconds[case]:.1f} s", flush=True)
        for trial in range(arguments.trials):
            case = list(CASES)[trial % len(CASES)]
            out = folder / "run"
            while_writing = case == "large checkpoint"
            at = chance.uniform(0.2, 0.95) * seconds[case]
            process = start(out, case)
            died = wait_and_kill(process, out, at, while_writing)
            step = last_step(out)
            left = list(out.glob("**/.*.part"))
            killed += died is not None
            killed_writing += bool(left)
            afresh += not out.exists()
            run_to_end(out, case)
            same = content(out) == reference[case]
            wrong += not same
            print(
                f"trial {trial + 1:2}, {case}: "
                f"{f'killed after {died:.2f} s' if died else 'ended before it was killed'}"
                f"{f' at checkpoint {step}' if out.exists() and step is not None else ''}"
                f"{', half a checkpoint left behind' if left else ''}: "
                f"{'the same bits' if same else 'DIFFERENT'}",
                flush=True,
            )
            shutil.rmtree(out)
    print(
        f"{arguments.trials - wrong} of {arguments.trials} the same to the last bit; "
        f"{killed} killed, {killed_writing} of them while writing a checkpoint, "
        f"{afresh} before the run existed."
    )
    return 1 if wrong else 0


def start(out: Path, case: str) -> subprocess.Popen[bytes]:
    """A fit in a process of its own: a new one, or on from the last good checkpoint."""
    command = [sys.executable, "-m", "ansatz", "fit"]
    if out.exists():
        return subprocess.Popen([*command, "--resume", str(out), "--quiet", "--no-report"])
    data = str(out.parent / "events.npy") if case == "streamed" else "digits"
    return subprocess.Popen([*command, "vae", data, "--out", str(out), *COMMON, *CASES[case]])


def run_to_end(out: Path, case: str) -> None:
    """Fit or resume, and insist that it works."""
    if start(out, case).wait() != 0:
        raise SystemExit(f"The fit {out} failed.")


def wait_and_kill(
    process: subprocess.Popen[bytes], out: Path, at: float, while_writing: bool
) -> float | None:
    """Kill at the moment drawn, or at the first checkpoint being written after it."""
    started = time.monotonic()
    while process.poll() is None:
        now = time.monotonic() - started
        if now >= at and (not while_writing or any(out.glob("**/checkpoints/.*.part"))):
            process.send_signal(signal.SIGKILL)
            process.wait()
            return now
        time.sleep(0.0005)
    return None


def last_step(out: Path) -> int | None:
    """The step of the newest checkpoint."""
    steps = sorted(out.glob("**/checkpoints/step-*"), key=lambda path: path.name)
    return int(steps[-1].stem.split("-")[1]) if steps else None


def content(out: Path) -> dict[str, bytes]:
    """What must be the same of each run: weights, history, and the last checkpoint."""
    paths = []
    for checkpoints in out.glob("**/checkpoints"):
        last = sorted(checkpoints.glob("step-*"))[-1]
        paths += [checkpoints.parent / "model.safetensors", checkpoints.parent / "history.jsonl"]
        paths.append(last)
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


if __name__ == "__main__":
    sys.exit(main())
