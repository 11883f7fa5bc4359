"""The energy of units that lie between their two values, and how it moves with them.

E(s) = -b·s - sum_(i,j) W_ij s_i s_j is linear in every single unit, so that the same formula
between the values is the mean of E over independent units with these means.
"""

from collections.abc import Sequence

import jax
from jaxtyping import Array, Bool, Float

from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.sparse import SparseKernel
from ansatz.protocol.capabilities import Scalar

States = Float[Array, "chain node"]


def relaxed_energy(machine: BoltzmannMachine, state: Float[Array, " node"]) -> Scalar:
    """E of one state, whose slope is dE/ds_i = -b_i - sum_j W_ij s_j; the machine stands still.

    Vmapped, all states go through one product or gather, as chains do.
    """
    assert machine.terms is None, "Fixed terms need not be linear in a unit between its values."
    kernel = jax.lax.stop_gradient(machine.kernel())
    bias, still = jax.lax.stop_gradient((machine.bias, state))
    pull = _pulls(kernel, still[None])[0]
    # The first term is E itself and has no slope, the second is zero and has it.
    return -still @ (bias + pull) / 2 - pull @ (state - still)


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
