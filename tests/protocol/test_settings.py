"""What settings accept, what they refuse and in which words; the limits of a recipe."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from ansatz.protocol.errors import OptionError, few, nearest
from ansatz.protocol.recipe import Recipe, Spec
from ansatz.protocol.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Telescope(Settings):
    kind: ClassVar[str] = "the telescope"

    aperture: float = 1.0
    mirrors: int = 2
    filters: tuple[str, ...] = ("red",)
    offsets: tuple[float, ...] = ()
    mount: Literal["fork", "german", "dobson"] = "fork"
    tracking: bool = True
    owner: str = "nobody"
    limit: float | None = None
    notes: dict[str, Any] = field(default_factory=dict)


ACCEPTED = {
    "whole number as float": ({"aperture": 3}, "aperture", 3.0),
    "word as a list of words": ({"filters": "blue"}, "filters", ("blue",)),
    "list as tuple": ({"filters": ["blue", "green"]}, "filters", ("blue", "green")),
    "whole numbers within a list": ({"offsets": [1, 2.5]}, "offsets", (1.0, 2.5)),
    "literal": ({"mount": "dobson"}, "mount", "dobson"),
    "boolean": ({"tracking": False}, "tracking", False),
    "optional given": ({"limit": 4}, "limit", 4.0),
    "optional none": ({"limit": None}, "limit", None),
    "table": ({"notes": {"a": [1]}}, "notes", {"a": [1]}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted_values_take_the_type_of_the_setting(case):
    given, name, expected = ACCEPTED[case]
    value = getattr(Telescope.of(given), name)
    assert value == expected
    assert type(value) is type(expected)
    if isinstance(expected, tuple):
        assert [type(part) for part in value] == [type(part) for part in expected]


REFUSED = {
    "text for a number": ({"aperture": "wide"}, "'aperture' of the telescope must be a number"),
    "boolean for a number": ({"aperture": True}, "must be a number"),
    "infinite number": ({"aperture": float("inf")}, "'aperture'.* must be a finite number"),
    "too large": ({"limit": -1e39}, r"'limit'.* must be a finite number below 3.4e\+38"),
    "no number": ({"limit": float("nan")}, "'limit'.* must be a finite number"),
    "fraction for a whole number": ({"mirrors": 2.0}, "'mirrors'.* must be a whole number"),
    "boolean for a whole number": ({"mirrors": True}, "must be a whole number, not True"),
    "nothing for a whole number": ({"mirrors": None}, "must be a whole number, not None"),
    "number for a boolean": ({"tracking": 1}, "must be true or false, not 1"),
    "number for a word": ({"owner": 7}, "must be a word"),
    "word for a list of numbers": ({"offsets": "red"}, "must be a list"),
    "wrong part of a list": ({"filters": ["red", 3]}, "must be a word, not 3"),
    "wrong part of numbers": ({"offsets": [1.0, "x"]}, "must be a number, not 'x'"),
    "text for an optional number": ({"limit": "far"}, "must be a number"),
    "number for a table": ({"notes": 3}, "must be a table"),
    "literal misspelt": ({"mount": "dobsen"}, r"cannot be 'dobsen'. Did you mean 'dobson'\?"),
    "literal of another kind": ({"mount": 3}, "one of: fork, german, dobson"),
    "unknown name": ({"apertur": 1.0}, r"no setting 'apertur'. Did you mean 'aperture'\?"),
    "unlike any name": ({"zzz": 1.0}, "Known: aperture, mirrors, filters"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_values_are_named(case):
    given, words = REFUSED[case]
    with pytest.raises(OptionError, match=words):
        Telescope.of(given)


def test_settings_leave_none_out_and_go_back():
    telescope = Telescope.of({"aperture": 2, "filters": ["blue"]})
    values = telescope.settings()
    assert "limit" not in values
    assert set(values) == {
        "aperture", "mirrors", "filters", "offsets", "mount", "tracking", "owner", "notes",
    }  # fmt: skip
    assert Telescope.of(values) == telescope


def test_with_settings_changes_only_what_is_named():
    telescope = Telescope.of({"limit": 4.0, "mirrors": 3})
    changed = telescope.with_settings({"limit": None, "aperture": 5})
    assert changed == Telescope(aperture=5.0, mirrors=3, limit=None)
    with pytest.raises(OptionError, match="no setting 'mirror'"):
        telescope.with_settings({"mirror": 3})


def test_nearest_without_anything_known():
    assert nearest("x", []) == "There are none."
    assert nearest("x", [str(i) for i in range(50)]).endswith("38, 39 and 10 more.")
    assert few(["a", "b"]) == "a, b"
    assert few(list("abcdef"), 2, "; ") == "a; b and 4 more"


@dataclass(frozen=True, kw_only=True)
class Plain(Recipe):
    kind: ClassVar[str] = "the recipe 'plain'"

    def build(self, spec, key, **nets):
        raise NotImplementedError

    def update(self, spec):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", 0, "epochs must be at least 1; it is 0"),
        ("batch", 0, "batch must be at least 1"),
        ("patience", -1, "patience must be at least 0"),
        ("seed", -1, "seed must be at least 0"),
        ("seed", 2**31, "seed must be below 2147483648"),
        ("dtype", "float16", "cannot be 'float16'"),
    ],
)
def test_limits_of_a_recipe(name, value, words):
    with pytest.raises(OptionError, match=words):
        Plain.of({name: value})


def test_a_recipe_at_its_limits():
    recipe = Plain.of({"epochs": 1, "batch": 1, "patience": 0, "seed": 2**31 - 1})
    assert (recipe.epochs, recipe.batch, recipe.patience) == (1, 1, 0)


def test_size_of_an_event():
    assert Spec(shape=(4, 3, 2)).size == 24
    assert Spec(shape=()).size == 1


@pytest.mark.parametrize(
    ("levels", "lowest", "highest", "kind"),
    [
        ((2,), 0.0, 1.0, "binary"),
        ((1, 2), 0.0, 1.0, "binary"),
        ((2, 3), 0.0, 2.0, "whole"),
        ((2, 0), 0.0, 1.0, "unit"),
        ((0,), 0.0, 1.01, "real"),
        ((0,), -0.5, 1.0, "real"),
    ],
)
def test_the_kind_of_events_is_that_of_all_their_numbers(levels, lowest, highest, kind):
    assert Spec(shape=(4,), levels=levels, lowest=(lowest,), highest=(highest,)).kind == kind
