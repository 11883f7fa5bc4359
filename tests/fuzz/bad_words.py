"""Command lines that are not what they should be, for every command and every option."""

import os
import random
import shutil
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from promise import Case
from sound_files import sound

from ansatz.cli import (
    anomaly,
    calo,
    calo_baseline,
    calo_evaluate,
    calo_generate,
    compare,
    components,
    data,
    encode,
    evaluate,
    fit,
    models,
    reconstruct,
    report,
    sample,
    score,
    study,
)
from ansatz.cli.arguments import signature
from ansatz.data.options import DataOptions
from ansatz.evaluate.comparison.held import Judging
from ansatz.models import recipe_class, recipe_names
from ansatz.models.mixture import MixtureRecipe


@dataclass(frozen=True)
class Command:
    """A command line that works, and the options that the command has."""

    words: str
    kinds: tuple[type, ...]

    @property
    def options(self) -> dict[str, Any]:
        """The type of each option, by its name."""
        found = {}
        for kind in self.kinds:
            found |= {name: known[0] for name, known in signature(kind)[0].items() if known}
        return found


@cache
def commands() -> tuple[Command, ...]:
    """All of them; a fit for every recipe."""
    quiet = "--quiet --no-report --out new"
    fits = [
        Command(f"fit {name} plain.npy {quiet}", (fit.Place, DataOptions, recipe_class(name)))
        for name in recipe_names()
    ]
    return (
        *fits,
        Command("fit --resume plain --quiet --no-report", (fit.Resume,)),
        Command("sample plain -n 3 --quiet --out new.npy", (sample.Sample,)),
        Command(
            "sample conditional -n 3 --condition particle=pion --quiet --out new.csv",
            (sample.Sample,),
        ),
        Command("score plain plain.npy -K 2 --quiet --out new.npy", (score.Score,)),
        Command("encode pca plain.npy --quiet --out new.h5", (encode.Encode,)),
        Command("reconstruct plain plain.npy --quiet --out new.npz", (reconstruct.Reconstruct,)),
        Command("evaluate pca -K 2 --quiet", (evaluate.Evaluate,)),
        Command("anomaly plain plain.npy -K 2 --quiet --out new", (anomaly.Anomaly,)),
        Command("report pca --quiet", (report.Report,)),
        Command(
            "compare plain.npy --recipes pca --steps 2 --test 0.5 --quiet --out new",
            (compare.Place, DataOptions, Judging),
        ),
        Command(
            "components plain.npy --counts 1 2 --quiet --out new",
            (components.Place, DataOptions, MixtureRecipe),
        ),
        Command("study linear-gaussian --quick --quiet --out new", (study.Carry,)),
        Command("study list", (study.List,)),
        Command("models", (models.Models,)),
        Command("data list", (data.List,)),
        Command("data info table.csv", (data.Info,)),
        Command(
            "calo simulate --geometry dataset1-photons -n 2 --quiet --out new.h5",
            (calo.Simulate,),
        ),
        Command("calo info showers.h5", (calo.Info,)),
        Command("calo features showers.h5 --out new.npy", (calo_evaluate.Features,)),
        Command("calo baseline showers.h5 --out new.h5", (calo_baseline.Baseline,)),
        Command("calo generate plain -n 2 --out new.h5", (calo_generate.Generate,)),
        Command("calo evaluate showers.h5 missing.h5 --out new", (calo_evaluate.Evaluate,)),
        Command(f"calo fit showers.h5 {quiet}", (recipe_class("calo-qvae"),)),
    )


WORDS = ("", " ", "-", "--", "abc", "é", "None", "x" * 300, "a b", "a,b", "=", os.fsdecode(b"\xff"))
NUMBERS = (
    *("-1", "0", "1", "1.5", "1e3", "nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "1,5"),
    *("0x10", "1_0", "\u0661", "+1", "--1", "1" * 30, "-" + "9" * 30, "2147483647", "2147483648"),
    *("9223372036854775807", "9223372036854775808"),
)
PATHS = (
    *(".", "..", "no-run", "plain", "conditional", "plain.npy", "taken.npy", "taken.html"),
    *("nowhere/x", "plain.npy/x", "x" * 300 + "/y", "empty", "~", "$HOME", "new.txt", "loop"),
    *("new.npy", "new.csv", "new.h5", "new.html"),
)
WORK = ("number", "n", "samples", "K", "refine", "counts", "minutes", "budget", "steps")
"""Options whose large numbers are honest requests for much work."""


def cases(seed: int, runs: dict[str, Path], *, rounds: int = 1) -> Iterator[Case]:
    """In every round every option of every command once, and other mistakes in every command."""
    chance = random.Random(f"words {seed}")
    lay = partial(_lay, runs)
    for each in range(rounds):
        found = []
        for number, command in enumerate(commands()):
            for option, hint in command.options.items():
                words = [*command.words.split(), *_wrong(option, hint, chance)]
                found.append(_case(f"{option} {seed}.{each}.{number}", words, lay))
            for way in (_drop, _more, _swap, _misspell, _empty, _double, _foreign):
                words = way(command.words.split(), chance)
                found.append(_case(f"{way.__name__} {seed}.{each}.{number}", words, lay))
        chance.shuffle(found)
        yield from found


def _case(name: str, words: list[str], lay: Any) -> Case:
    out = [words[i + 1] for i, word in enumerate(words[:-1]) if word == "--out"]
    out += [word.partition("=")[2] for word in words if word.startswith("--out=")]
    # What is written where nothing else was said.
    own = ("samples.npy", "scores.npy", "codes.npy", "reconstructions.npy", "filled.npy")
    own = (*own, "report.html", "figures", "anomaly", "recipe.toml")
    inside = tuple(f"{run}/{name}" for run in ("plain", "conditional", "pca") for name in own)
    more = ("runs", "studies", "showers.h5", "baseline.h5", "generated.h5", "evaluations")
    if "--force" not in words:
        more = tuple(name for name in more if name != "showers.h5")
    replaced = tuple(place for place in out if place not in ("", ".", ".."))
    resumed = ("plain",) if "--resume" in words else ()
    may = ("new", *replaced, *inside, *resumed, *more, "showers.features.npy")
    return Case(name, tuple(words), lay, may=may)


def _lay(runs: dict[str, Path], folder: Path) -> None:
    for name in ("plain", "conditional", "pca"):
        shutil.copytree(runs[name.upper()], folder / name)
    for name in ("plain.npy", "table.csv", "showers.h5"):
        (folder / name).write_bytes(sound()[name])
    (folder / "no-run").mkdir()
    (folder / "no-run" / "precious.txt").write_text("keep me")
    (folder / "empty").mkdir()
    (folder / "loop").symlink_to("loop")
    for name in ("taken.npy", "taken.html"):
        (folder / name).write_bytes(b"precious")


def _wrong(option: str, hint: Any, chance: random.Random) -> list[str]:
    """The option with a value that is likely wrong, or with none."""
    if hint is bool:
        return chance.choice([[option, "yes"], [f"{option}=1"], [option, option], [option]])
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if chance.random() < 0.06:
        return [option]
    if chance.random() < 0.06:
        return [f"{option}="]
    if origin is tuple:
        values = [_value(option, arguments[0], chance) for _ in range(chance.randint(0, 3))]
        return [option, *values]
    if origin is typing.Literal:
        known = str(chance.choice(arguments))
        ways = [known.upper(), known[:-1], known + "x", f"{known},{known}", *WORDS, *NUMBERS]
        return [option, chance.choice(ways)]
    value = _value(option, hint, chance)
    if chance.random() < 0.2:
        return [f"{option}={value}"]
    if chance.random() < 0.1:
        return [option, value, value]
    return [option, value]


def _value(option: str, hint: Any, chance: random.Random) -> str:
    if hint is Path or "out" in option:
        return chance.choice((*PATHS, *PATHS, *WORDS))
    if hint in (int, float):
        known = NUMBERS
        if option.strip("-") in WORK:
            known = tuple(n for n in NUMBERS if len(n) < 6 and "e" not in n and n != "inf")
        return chance.choice((*known, *known, *known, *WORDS))
    return chance.choice((*WORDS, *WORDS, *NUMBERS, *PATHS))


def _drop(words: list[str], chance: random.Random) -> list[str]:
    at = chance.randrange(len(words))
    return words[:at] + words[at + 1 :]


def _more(words: list[str], chance: random.Random) -> list[str]:
    at = chance.randint(1, len(words))
    return [*words[:at], chance.choice((*WORDS, *NUMBERS, *PATHS)), *words[at:]]


def _swap(words: list[str], chance: random.Random) -> list[str]:
    words = words.copy()
    i, j = (chance.randrange(len(words)) for _ in range(2))
    words[i], words[j] = words[j], words[i]
    return words


def _misspell(words: list[str], chance: random.Random) -> list[str]:
    at = chance.randrange(len(words))
    word = words[at]
    i = chance.randrange(len(word))
    changed = chance.choice([word[:i] + word[i + 1 :], word[:i] + "q" + word[i:], word.upper()])
    return [*words[:at], changed, *words[at + 1 :]]


def _empty(words: list[str], chance: random.Random) -> list[str]:
    at = chance.randrange(len(words))
    return [*words[:at], "", *words[at + 1 :]]


def _double(words: list[str], chance: random.Random) -> list[str]:
    at = chance.randrange(len(words))
    return words[: at + 1] + words[at:]


def _foreign(words: list[str], chance: random.Random) -> list[str]:
    """With an option of another command."""
    other = chance.choice(commands())
    option, hint = chance.choice(list(other.options.items()))
    return [*words, *_wrong(option, hint, chance)]
