"""Several devices: on this machine, or on several that run the same program side by side.

Every device holds the whole model and a share of each batch; XLA adds up what they find. So
the numbers are those of one device, up to the order of summation.
"""

import os
import socket
import time
import warnings
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from ansatz.protocol.errors import OptionError

AXIS = "events"
PATIENCE, SOON = 300.0, 5.0
"""Seconds to wait for the first process, and until others say that they wait."""


def join_cluster() -> None:
    """Join the other processes of a job, if the environment says that this is one of several.

    Slurm and Open MPI say so themselves. Elsewhere three variables do: JAX_COORDINATOR_ADDRESS
    (host:port of the first process), JAX_NUM_PROCESSES and JAX_PROCESS_ID.
    """
    if jax.distributed.is_initialized():
        return
    environment = os.environ
    own: dict[str, Any] = {}
    if "JAX_NUM_PROCESSES" in environment:
        try:
            own = {
                "coordinator_address": environment["JAX_COORDINATOR_ADDRESS"],
                "num_processes": int(environment["JAX_NUM_PROCESSES"]),
                "process_id": int(environment["JAX_PROCESS_ID"]),
            }
        except (KeyError, ValueError) as error:
            raise OptionError(
                "JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID must be set "
                f"together, the last two to whole numbers ({error})."
            ) from error
        processes = own["num_processes"]
        if processes > 1 and own["process_id"] > 0:
            _await(own["coordinator_address"])
    elif "SLURM_STEP_NODELIST" in environment:
        # Outside a step, as in the batch script itself, nobody else would come.
        processes = int(environment.get("SLURM_NTASKS", 1))
    else:
        processes = int(environment.get("OMPI_COMM_WORLD_SIZE", 1))
    if processes > 1:
        jax.distributed.initialize(**own)


def _await(address: str) -> None:
    """Wait until the first process is there: JAX would say nothing, and then abort."""
    host, _, port = address.rpartition(":")
    started, said = time.monotonic(), False
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except (OSError, ValueError, OverflowError) as error:
            waited = time.monotonic() - started
            if waited > PATIENCE or not isinstance(error, ConnectionError | TimeoutError):
                raise OptionError(
                    f"The first process is not at {address} ({error}): start the one of "
                    "JAX_PROCESS_ID=0 there, or set JAX_COORDINATOR_ADDRESS to host:port of it."
                ) from error
        if waited > SOON and not said:
            warnings.warn(f"Waiting for the first process at {address}.", stacklevel=2)
            said = True
        time.sleep(0.2)


def is_first_process() -> bool:
    """Whether this process is the one that writes files and speaks."""
    return jax.process_index() == 0


def count_devices(wanted: int) -> int:
    """How many devices a batch is shared by: as many as wanted, or all there are for 0.

    Of several processes each gives all it has.
    """
    there = jax.device_count()
    if wanted > there:
        raise OptionError(
            f"{wanted} devices are asked for, and there {'is' if there == 1 else 'are'} {there} "
            f"({jax.devices()[0].platform}). Give --devices {there}, or 0 for all there are."
        )
    if jax.process_count() > 1 and wanted not in (0, there):
        raise OptionError(f"Several processes share all their {there} devices: give --devices 0.")
    return wanted or there


def mesh_of(devices: int) -> Mesh | None:
    """The first so many devices in a row; None for a single one, which needs no sharing."""
    return Mesh(np.array(jax.devices()[:devices]), (AXIS,)) if devices > 1 else None


def everywhere(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The tree with each array whole on every device."""
    if mesh is None:
        return tree
    sharding = NamedSharding(mesh, PartitionSpec())

    def place(leaf: Any) -> Any:
        if not eqx.is_array(leaf) or getattr(leaf, "sharding", None) == sharding:
            return leaf
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(place(jax.random.key_data(leaf)))
        values = np.asarray(leaf)
        return jax.make_array_from_callback(values.shape, sharding, lambda part: values[part])

    return jax.tree.map(place, tree)


def here(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """The tree on this process's first device alone, as for a model that is put to use."""
    if mesh is None:
        return tree

    def fetch(leaf: Any) -> Any:
        return jax.device_put(np.asarray(leaf), jax.local_devices()[0])

    return jax.tree.map(lambda leaf: fetch(leaf) if eqx.is_array(leaf) else leaf, tree)


def shared(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Within compiled code: the leading axis of each array cut into a part for every device."""
    if mesh is None:
        return tree

    def cut(leaf: Any) -> Any:
        axes = (AXIS,) if leaf.ndim else ()
        return jax.lax.with_sharding_constraint(leaf, NamedSharding(mesh, PartitionSpec(*axes)))

    return jax.tree.map(cut, tree)


def replicated(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Within compiled code: each array whole on every device."""
    if mesh is None:
        return tree
    return jax.lax.with_sharding_constraint(tree, NamedSharding(mesh, PartitionSpec()))


def of_first_process(value: int) -> int:
    """What the first process has for a number on which all must agree."""
    if jax.process_count() == 1:
        return value
    return int(multihost_utils.broadcast_one_to_all(np.int32(value)))


def in_any_process(flag: bool) -> bool:
    """Whether the flag is up in any process."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.asarray(flag))))


def wait_for_all(what: str) -> None:
    """Go on when every process has come this far."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(what)
