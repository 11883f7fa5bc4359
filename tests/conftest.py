"""What every test runs under: strict types, strict ranks, one compilation cache."""

import functools
import gc
from pathlib import Path

import jax
import pytest
from jax._src.interpreters import mlir

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

if hasattr(mlir, "make_ir_context"):
    # For each of the ten thousand programs of a suite JAX makes a context of MLIR and loads all
    # dialects into it, which takes longer than most of them to lower: one does for all.
    mlir.make_ir_context = functools.cache(mlir.make_ir_context)

# Tracing makes objects by the thousand: Python need not look for garbage among them so often.
gc.set_threshold(100_000, 50, 100)


def pytest_collection_finish():
    """Modules stay to the end: nobody need look for garbage among their half a million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def double_precision():
    """64-bit numbers for the length of a test, to compare with an oracle."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.fixture(autouse=True)
def _single_precision_again():
    """A fit in double precision leaves it on for the program; for the tests it ends with it."""
    yield
    if jax.config.jax_enable_x64:
        jax.config.update("jax_enable_x64", False)


MAPS = Path("/proc/self/maps")
MOST_MAPS = 40_000
"""Of the 65 530 that Linux gives a process; beyond them compiling ends in a segmentation fault."""


def _let_go():
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()


@pytest.fixture(autouse=True, scope="module")
def _compiled_programs_are_let_go():
    """Each takes some ten maps of memory, and a whole suite has thousands of them."""
    yield
    _let_go()


@pytest.fixture
def many_programs():
    """For a test that compiles as much as other modules do."""
    yield
    _let_go()
