"""Centred gradients: the slope as it is once every unit is measured from its mean.

With offsets μ, the energy -(s - μ)·b' - sum W_ij (s_i - μ_i)(s_j - μ_j) is that of the machine
with the biases b = b' - W μ. A step down the slope in (b', W), written in (b, W), is a step along

    G_ij = g_ij - μ_i g_j - μ_j g_i,    G_i = g_i - sum_j G_ij μ_j

where g is the plain slope (Montavon and Müller, 2012; Melchior, Fischer and Wiskott, 2016). It
does not change when a unit's two values change places, which the plain slope does.
"""

from dataclasses import replace
from functools import singledispatch

import jax.numpy as jnp
from jaxtyping import Array, Float

from ansatz.models.boltzmann.abstract import AbstractMachine
from ansatz.models.boltzmann.machine import BoltzmannMachine
from ansatz.models.boltzmann.restricted import RestrictedMachine
from ansatz.models.boltzmann.units import unit_mean
from ansatz.protocol.capabilities import Scalar

Offsets = Float[Array, " node"]


@singledispatch
def centred(slope: AbstractMachine, offsets: Offsets, machine: AbstractMachine) -> AbstractMachine:
    """The slope G of a machine with the plain slope g."""
    raise TypeError(f"Nobody knows how a {type(slope).__name__} is centred.")


@singledispatch
def bias_means(machine: AbstractMachine) -> Offsets:
    """The units' means if there were biases alone."""
    raise TypeError(f"Nobody knows the means of a {type(machine).__name__}.")


@singledispatch
def means(slope: AbstractMachine, machine: AbstractMachine, total: Scalar) -> Offsets:
    """The units' means, times `total`, in the phase of that weight with this slope."""
    raise TypeError(f"Nobody knows the means of a {type(slope).__name__}.")


@centred.register
def _(slope: BoltzmannMachine, offsets: Offsets, machine: AbstractMachine) -> BoltzmannMachine:
    i, j = slope.graph.edges.T
    weight = slope.weight - offsets[i] * slope.bias[j] - offsets[j] * slope.bias[i]
    shift = jnp.zeros_like(slope.bias)
    shift = shift.at[i].add(weight * offsets[j]).at[j].add(weight * offsets[i])
    return replace(slope, weight=weight, bias=slope.bias - shift)


@bias_means.register
def _(machine: BoltzmannMachine) -> Offsets:
    return unit_mean(machine.bias, machine.units)


@means.register
def _(slope: BoltzmannMachine, machine: AbstractMachine, total: Scalar) -> Offsets:
    return -slope.bias


@centred.register
def _(slope: RestrictedMachine, offsets: Offsets, machine: RestrictedMachine) -> RestrictedMachine:
    visible, hidden = jnp.split(offsets, [len(slope.visible)])
    # A Gaussian unit pulls on hidden ones with v / sigma^2, which is what is centred.
    pull = visible if machine.log_scale is None else visible * jnp.exp(-2 * machine.log_scale)
    crossed = jnp.outer(slope.visible_bias, hidden) + jnp.outer(pull, slope.hidden_bias)
    weight = slope.weight - crossed
    return replace(
        slope,
        weight=weight,
        visible_bias=slope.visible_bias - weight @ hidden,
        hidden_bias=slope.hidden_bias - pull @ weight,
    )


@bias_means.register
def _(machine: RestrictedMachine) -> Offsets:
    visible = machine.visible_bias
    if not machine.gaussian:
        visible = unit_mean(visible, machine.units)
    return jnp.concatenate([visible, unit_mean(machine.hidden_bias, machine.units)])


@means.register
def _(slope: RestrictedMachine, machine: RestrictedMachine, total: Scalar) -> Offsets:
    visible = -slope.visible_bias
    if machine.log_scale is not None:
        # dE/db = -(v - b) / sigma^2.
        visible = total * machine.visible_bias + visible * jnp.exp(2 * machine.log_scale)
    return jnp.concatenate([visible, -slope.hidden_bias])
