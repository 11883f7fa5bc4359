"""Trees of arrays as safetensors files that prove their own integrity.

Arrays are named by their path in the tree. The file's metadata hold plain values and a
SHA-256 of everything else, so that a truncated file or a flipped bit is found when it is read.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ansatz.protocol.errors import RunError
from ansatz.runs.files import write_atomic


def save_arrays(path: Path, tree: PyTree, values: dict[str, Any]) -> None:
    """Write the arrays of `tree` and the plain `values`."""
    from safetensors.numpy import save

    arrays = {name: np.asarray(leaf) for name, leaf in named(tree).items()}
    # One entry only: the format does not keep several in a fixed order, and the same content
    # should be the same file.
    proof = {"values": values, "sha256": _digest(arrays, values)}
    write_atomic(path, save(arrays, {"ansatz": json.dumps(proof)}))


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays by name and the plain values, proven to be what was saved."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            proof = json.loads((file.metadata() or {})["ansatz"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        intact = proof["sha256"] == _digest(arrays, proof["values"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged or cut short: {error}.") from error
    if not intact:
        raise RunError(f"{path} is damaged: its content does not match its checksum.")
    return arrays, proof["values"]


def named(tree: PyTree) -> dict[str, Any]:
    """The arrays of a tree by their path, such as 'model.encoder.net.layers.0.weight'."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, _is_array))
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def fill(tree: PyTree, arrays: dict[str, np.ndarray], place: str) -> PyTree:
    """`tree` with each of its arrays, or shapes of arrays, replaced by the one saved for it."""
    wanted = named(tree)
    for name, leaf in wanted.items():
        if name not in arrays:
            raise RunError(f"{place} has no array {name!r}; it was saved by another model.")
        if arrays[name].shape != leaf.shape:
            raise RunError(
                f"{place} holds {name!r} of shape {arrays[name].shape}; "
                f"the model needs {leaf.shape}."
            )
    structure = jax.tree.structure(eqx.filter(tree, _is_array))
    filled = jax.tree.unflatten(
        structure, [jnp.asarray(arrays[name], wanted[name].dtype) for name in wanted]
    )
    return eqx.combine(filled, eqx.filter(tree, _is_array, inverse=True))


def _is_array(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _digest(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(values).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
