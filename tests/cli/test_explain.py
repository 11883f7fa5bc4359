"""The help of every command, against what its dataclass says."""

from dataclasses import make_dataclass

import pytest

from ansatz.cli.arguments import Common, Output, parse, signature
from ansatz.cli.calo_generate import Generate
from ansatz.cli.compare import Judging, Place
from ansatz.cli.evaluate import Evaluate
from ansatz.cli.explain import documented, explain
from ansatz.cli.fit import Place as FitPlace
from ansatz.cli.fit import Resume
from ansatz.cli.sample import Sample
from ansatz.data.options import DataOptions
from ansatz.models import recipe_class, recipe_names
from ansatz.protocol.errors import OptionError

RECIPES = [recipe_class(name) for name in recipe_names()]
COMMANDS = [Common, Output, Generate, Place, Judging, Evaluate, FitPlace, Resume, Sample]


@pytest.mark.parametrize("kind", [*COMMANDS, DataOptions, *RECIPES], ids=lambda kind: kind.__name__)
def test_every_option_is_there_and_explained(kind, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = explain(kind, "ansatz it")
    lines = shown.splitlines()
    assert max(map(len, lines[1:])) <= 80
    options, positional = signature(kind)
    asked = {found[1][0] for found in options.values() if found}
    written = {
        line.split("--")[1].split()[0]: i for i, line in enumerate(lines) if "  -" in line[:3]
    }
    assert {f"--{name}" for name in written} == asked
    # What an option is stands beside it or below.
    ends = [*list(written.values())[1:], len(lines)]
    for start, end in zip(written.values(), ends, strict=True):
        said = " ".join(line[24:] for line in lines[start:end] if line[24:25] != " ")
        assert len(said.split()) > 1, lines[start]
    assert all(name in lines[0] for name in positional)


def test_what_is_so_by_default_can_be_turned_off():
    recipe = recipe_class("calo-qvae")
    assert recipe().clamp
    assert not parse(recipe, ["--no-clamp"], "ansatz it").clamp
    with pytest.raises(OptionError, match=r"no option '--clamp'. Did you mean '--no-clamp'\?"):
        parse(recipe, ["--clamp"], "ansatz it")
    # It is the default of what is explained that counts, as of a recipe from a file.
    other = recipe(clamp=False)
    kind = make_dataclass("Kind", [("settings", recipe, other)], frozen=True)
    assert parse(kind, ["--clamp"], "ansatz it").settings.clamp
    assert "--clamp" in explain(kind, "ansatz it")


def test_words_below_a_field_are_found_through_those_it_inherits_from():
    found = documented(Sample)
    assert found["json"] == "Print one JSON object on standard output, and nothing else there."
    assert found["seed"] == "Decides the draws."
    assert found["sampler"].startswith(
        "What draws the units of a Boltzmann machine: our own chains,"
    )
    assert "\n" not in found["sampler"]


def test_defaults_choices_and_own_options_first(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    lines = explain(Sample, "ansatz sample").splitlines()
    assert lines[0] == "usage: ansatz sample RUN [options]"
    written = [line.split()[0] for line in lines if line.startswith("  -")]
    assert written[0] == "-n,"
    assert written[-2:] == ["--json", "--quiet"]
    (number,) = [line for line in lines if "--number INT" in line]
    assert "[1000]" in " ".join(lines[lines.index(number) : lines.index(number) + 2])
    assert "  --sampler own|annealer|dwave" in lines
    assert not any("None" in line for line in lines)
