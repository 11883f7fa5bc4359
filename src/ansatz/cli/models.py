"""`ansatz models`: the recipes, and what their models can do."""

from dataclasses import dataclass

from ansatz.cli.arguments import Common, parse
from ansatz.cli.output import print_json, print_table


@dataclass(frozen=True, kw_only=True)
class Models(Common):
    """List the recipes and what their models can do, as their classes declare it."""


def run(words: list[str]) -> int:
    """Parse, read off, print."""
    found = parse(Models, words, "ansatz models")
    from ansatz.models import recipe_class, recipe_names
    from ansatz.protocol.capabilities import CAPABILITIES, capabilities

    recipes = {name: recipe_class(name) for name in recipe_names()}
    able = {name: capabilities(recipe.family) for name, recipe in recipes.items()}
    if found.json:
        listed = [
            {"recipe": name, "what": recipe.__doc__, "capabilities": able[name]}
            for name, recipe in recipes.items()
        ]
        print_json({"models": listed})
        return 0
    print_table(
        [
            (name, *("yes" if c in able[name] else "-" for c in CAPABILITIES), recipe.__doc__ or "")
            for name, recipe in recipes.items()
        ],
        ("recipe", *CAPABILITIES, "what it is"),
    )
    return 0
