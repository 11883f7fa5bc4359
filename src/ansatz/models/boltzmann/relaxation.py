"""The energy of units that lie between their two values, and how it moves with them.

E(v, h) = -b·s - sum_(i,j) W_ij s_i s_j over the units s = (v, h) is linear in every single one, so
that the same formula between the values is the mean of E over independent units with these means.
Hidden units that share no edge are summed out,

    F(v) = E(v, 0) - sum_j log sum_h exp(f_j(v) h),    dF/dv_i = dE/dv_i at h = E[h | v],

with f_j(v) the pull on the hidden unit j.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.sparse import SparseKernel
from ansatz.models.boltzmann.units import log_states, unit_mean
from ansatz.protocol.capabilities import Scalar

States = Float[Array, "chain node"]


def relaxed_energy(machine: BoltzmannMachine, visible: Float[Array, " visible"]) -> Scalar:
    """F of one state of the visible units, and its slope; the machine stands still.

    Vmapped, all states go through one product or gather, as chains do.
    """
    assert machine.terms is None, "Fixed terms need not be linear in a unit between its values."
    assert not machine.kernel(machine.visible).enumerated, "Hidden units share an edge."
    kernel = jax.lax.stop_gradient(machine.kernel())
    bias, still = jax.lax.stop_gradient((machine.bias, visible))
    shown, hidden = np.array(machine.visible, int), np.array(machine.hidden, int)
    places = np.argsort(np.concatenate([shown, hidden]))

    def pull(h: Float[Array, " hidden"]) -> Float[Array, " node"]:
        """-dE/ds_i of every unit."""
        return _pulls(kernel, jnp.concatenate([still, h])[places][None])[0]

    found = pull(jnp.zeros(len(hidden), still.dtype))
    value = -still @ (bias + found)[shown] / 2
    if len(hidden):
        field = found[hidden]
        value -= jnp.sum(log_states(field, machine.units))
        found = pull(unit_mean(field, machine.units))
    # The first term is F itself and has no slope, the second is zero and has it.
    return value - found[shown] @ (visible - still)


@jax.custom_batching.custom_vmap
def _pulls(kernel: SparseKernel, states: States) -> States:
    """-dE/ds_i of every unit."""
    return kernel.pulls(kernel.between(states.T)).T


@_pulls.def_vmap
def _pulls_of_many(
    size: int, batched: Sequence[object], kernel: SparseKernel, states: Float[Array, "..."]
) -> tuple[Float[Array, "..."], Bool[Array, ""] | bool]:
    """Whatever is mapped over is more chains, unless each has a machine of its own."""
    machines, many = batched
    if any(jax.tree.leaves(machines)):
        axes = (jax.tree.map(lambda own: 0 if own else None, machines), 0 if many else None)
        alone = jax.vmap(lambda k, s: k.pulls(k.between(s.T)).T, in_axes=axes)
        return alone(kernel, states), True
    flat = states.reshape(-1, states.shape[-1])
    return _pulls(kernel, flat).reshape(states.shape), True
