"""Random numbers for samplers: a counter, hashed under a key, in one pass with what uses them.

A sweep needs one number for every unit, and JAX's own generator would take most of its time.
Here a number is a function of its place in the block and of three words of key, which JAX's
generator makes afresh for every block of every sweep.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, UInt32


def words(key: PRNGKeyArray, shape: tuple[int, ...]) -> UInt32[Array, "row column"]:
    """Random words, all different while there are fewer than 2^32 of them.

    The mixing is a bijection of 32 bits, three multiplications with shifts between (Wellons,
    2018, `triple32`), with a word of key put in before each.
    """
    first, second, third = jax.random.bits(key, (3,), jnp.uint32)
    down, along = (jax.lax.broadcasted_iota(jnp.uint32, shape, axis) for axis in (0, 1))
    x = down * jnp.uint32(shape[1]) + along + first
    x = (x ^ (x >> jnp.uint32(17))) * jnp.uint32(0xED5AD4BB) + second
    x = (x ^ (x >> jnp.uint32(11))) * jnp.uint32(0xAC4C1B51) + third
    x = (x ^ (x >> jnp.uint32(15))) * jnp.uint32(0x31848BAB)
    return x ^ (x >> jnp.uint32(14))


def uniform(
    key: PRNGKeyArray, shape: tuple[int, ...], dtype: jnp.dtype
) -> Float[Array, "row column"]:
    """Numbers in [0, 1), as fine as 24 bits in single precision and 32 in double."""
    bits = words(key, shape)
    if jnp.finfo(dtype).bits == 64:
        return bits.astype(dtype) * jnp.asarray(2.0**-32, dtype)
    # Signed integers of up to 24 bits are converted exactly, and fast.
    return (bits >> jnp.uint32(8)).astype(jnp.int32).astype(dtype) * jnp.asarray(2.0**-24, dtype)
