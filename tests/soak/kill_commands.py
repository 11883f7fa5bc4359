"""Kill commands that write with SIGKILL at random moments: nothing is ever half there.

Every command is carried out once undisturbed, then killed at a moment drawn over most of that
time. Whatever has a final name is whole then, what the command read is as it was, and the same
command, or the one that goes on, makes what it made undisturbed.
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

from commands import COMMANDS, Command, command, content, environment, names, prepare, run


def main() -> int:
    """Run all trials and say how they went; 0 if nothing was ever lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--command", choices=COMMANDS, nargs="*", default=list(COMMANDS))
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound, here = folder / "sound", folder / "here"
        sound.mkdir()
        prepare(sound)
        expected, seconds = {}, {}
        for each in arguments.command:
            shutil.copytree(sound, here)
            started = time.monotonic()
            done = run(COMMANDS[each].words, here, sound)
            assert done.returncode == 0, done.stderr
            seconds[each] = time.monotonic() - started
            expected[each] = content(here / COMMANDS[each].makes)
            shutil.rmtree(here)
            print(f"{each}: undisturbed in {seconds[each]:.1f} s", flush=True)
        for trial in range(arguments.trials):
            each = arguments.command[trial % len(arguments.command)]
            at = chance.uniform(0.2, 0.95) * seconds[each]
            died = None
            while died is None:
                shutil.rmtree(here, ignore_errors=True)
                shutil.copytree(sound, here)
                died = killed(COMMANDS[each], here, sound, at)
                at *= 0.6
            said = lost(COMMANDS[each], here, sound, expected[each])
            wrong += bool(said)
            print(
                f"trial {trial + 1:2}, {each}: killed after {died:.2f} s: {said or 'all is well'}"
            )
            sys.stdout.flush()
            shutil.rmtree(here)
    print(f"{arguments.trials - wrong} of {arguments.trials} kills lost nothing.")
    return 1 if wrong else 0


def killed(one: Command, here: Path, sound: Path, at: float) -> float | None:
    """The moment at which it died; None if it was done before."""
    started = time.monotonic()
    process = subprocess.Popen(command(one.words), cwd=here, env=environment(sound))
    while process.poll() is None:
        if time.monotonic() - started >= at:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return time.monotonic() - started
        time.sleep(0.0005)
    return None


def lost(one: Command, here: Path, sound: Path, expected: dict[str, object]) -> str:
    """What is wrong after a kill, and after going on; empty if nothing is."""
    try:
        left = content(here / one.makes) if (here / one.makes).exists() else {}
        if one.alone and left and left != expected:
            return "it has its name before it is done"
        before = {name: content(sound / name) for name in ("run", "showers-run", "showers.h5")}
        for name, files in before.items():
            now = content(here / name)
            if any(now.get(file) != found for file, found in files.items()):
                return f"{name} has changed"
        done = run(one.again(here), here, sound)
        if done.returncode:
            return f"it does not go on: {done.stderr.strip()}"
        found = content(here / one.makes)
    except Exception as error:
        return f"a file is not whole: {error}"
    others = names(found) ^ names(expected)
    return f"other files: {sorted(others)}" if others else ""


if __name__ == "__main__":
    sys.exit(main())
