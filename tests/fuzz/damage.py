"""Damage to bytes and to plain values, decided by a generator of random numbers alone."""

import math
import random
from typing import Any

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)
HEAD = 128
"""Bytes in which formats say what follows; half of all damage is there."""


def damaged(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """The content with one or some few things wrong, and what they are."""
    ways = (_cut, _cut, _flip, _flip, _several, _insert, _delete, _repeat, _number, _blank)
    way = chance.choice(ways)
    return way.__name__.strip("_"), way(content, chance)


def _at(content: bytes, chance: random.Random) -> int:
    most = min(HEAD, len(content)) if chance.random() < 0.5 else len(content)
    return chance.randrange(max(1, most))


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _at(content, chance)]


def _flip(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return content
    changed, at = bytearray(content), _at(content, chance)
    changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _several(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(2, 12)):
        content = _flip(content, chance)
    return content


def _insert(content: bytes, chance: random.Random) -> bytes:
    at = _at(content, chance)
    more = chance.choice([b"\0", b"\xff\xfe", b"\n", b",", b'"', b"nan", chance.randbytes(9)])
    return content[:at] + more + content[at:]


def _delete(content: bytes, chance: random.Random) -> bytes:
    at = _at(content, chance)
    return content[:at] + content[at + chance.randint(1, 16) :]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    at, size = _at(content, chance), chance.randint(1, 64)
    return content[:at] + content[at : at + size] * 2 + content[at + size :]


def _number(content: bytes, chance: random.Random) -> bytes:
    """A field of a header, as it may be, set to an extreme number."""
    at, size = _at(content, chance), chance.choice([1, 2, 4, 8])
    value = chance.choice(EXTREMES) % (1 << (8 * size))
    number = value.to_bytes(size, chance.choice(["little", "big"]))
    return content[:at] + number + content[at + size :]


def _blank(content: bytes, chance: random.Random) -> bytes:
    at, size = _at(content, chance), chance.randint(1, 256)
    return content[:at] + bytes(len(content[at : at + size])) + content[at + size :]


VALUES = (
    *("", "vae", "é", "nan", "\0", " ", "../..", "x" * 300),
    *(0, 1, -1, 3, 7, 2**31, 2**63, 10**30, -(2**70)),
    *(0.0, -1.5, 1e308, math.nan, math.inf, -math.inf),
    *(True, False),
    *([], [0], [-1], ["a", 1], [[1]], [10**12], {}, {"a": 1}),
)
"""What a hand may write in place of a value."""


def edited(content: Any, chance: random.Random) -> tuple[str, Any]:
    """Nested tables and lists with one entry changed, taken away or added, and where."""
    places = list(_places(content))
    path = chance.choice(places)
    holder = content
    for step in path[:-1]:
        holder = holder[step]
    last, where = path[-1], ".".join(map(str, path))
    way = chance.random()
    if way < 0.2:
        del holder[last]
        return f"without {where}", content
    if way < 0.3 and isinstance(holder, dict):
        holder[f"{last}x"] = holder.pop(last)
        return f"{where} renamed", content
    if way < 0.35 and isinstance(holder, dict):
        holder["more"] = chance.choice(VALUES)
        return f"more beside {where}", content
    holder[last] = chance.choice(VALUES)
    return f"{where} = {holder[last]!r:.40}", content


def _places(content: Any, path: tuple[Any, ...] = ()) -> Any:
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for name, value in list(items):
        yield (*path, name)
        if isinstance(value, dict | list):
            yield from _places(value, (*path, name))
