"""How often something can be done."""

import time
from collections.abc import Callable


def rate(function: Callable[[], object], n: int, seconds: float) -> float:
    """Events per second of a call that makes n of them, called again and again."""
    function()
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        function()
        calls += 1
    return n * calls / (time.perf_counter() - began)
