"""From settings to the bijection of a flow and its base."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeGuard

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from ansatz.bijections import (
    AbstractBijection,
    AbstractScalarMap,
    Autoregressive,
    Chain,
    Channelled,
    Coupling,
    Inverse,
    LowerUpper,
    MaskedCoupling,
    MultiScale,
    Permutation,
    Repeated,
    Reversal,
    Rotation,
    Scaling,
    Shift,
    ShiftAndScale,
    Spline,
    Squeeze,
    by_channel,
    checkerboard,
)
from ansatz.distributions import Logistic, Normal
from ansatz.models.flow.model import Flow
from ansatz.models.flow.own import check_base, shape_of_noise
from ansatz.models.flow.settings import FlowSettings
from ansatz.nets import MLP, FieldNet, MaskedMLP, ResidualMLP
from ansatz.nets.images import Images
from ansatz.protocol.recipe import Spec

DEVIATIONS = {"normal": 1.0, "logistic": math.pi / math.sqrt(3)}
"""Of the noise: what a first batch of events is scaled to."""


def build(recipe: FlowSettings, spec: Spec, key: PRNGKeyArray, nets: dict[str, Any]) -> Flow:
    """A flow that starts as a scaling alone, or with a bijection or base of the user's own."""
    extended = spec.size == 1 and recipe.structure == "coupling" and "bijection" not in nets
    events = (2,) if extended else spec.shape
    bijection = nets.get("bijection")
    if bijection is None:
        of = _of_fields if recipe.net == "conv" else _of_rows
        bijection = of(recipe, replace(spec, shape=events), key)
    noise = shape_of_noise(bijection, events, spec.condition, recipe.dtype)
    zeros = jnp.zeros(noise.shape, recipe.dtype)
    base = nets.get("base")
    if base is None:
        base = (Normal if recipe.base == "normal" else Logistic)(zeros, zeros + 1)
    check_base(base, noise)
    return Flow(base, bijection, spec.shape, extended)


def start(
    bijection: AbstractBijection, events: Array, condition: Array | None, deviation: float
) -> AbstractBijection:
    """The bijection with every scaling in its chain set by what events are like there, and the
    units of shifts likewise."""
    if not isinstance(bijection, Chain):
        return bijection
    places = [k for k, one in enumerate(bijection.bijections) if isinstance(one, Scaling)]
    members = list(bijection.bijections)
    for k in range(max(places, default=-1) + 1):
        member = members[k]
        if isinstance(member, Scaling):
            members[k] = member = member.fitted(events, deviation)
        if _shifts(member):
            members[k], events = _in_units(member, events, condition)
        elif k < places[-1]:
            events = _through(member, events, condition)
    return Chain(tuple(members))


def _shifts(bijection: AbstractBijection) -> TypeGuard[Repeated]:
    """Whether it is of couplings that shift by so many units."""
    if not isinstance(bijection, Repeated) or not isinstance(bijection.layers, Chain):
        return False
    coupling = bijection.layers.bijections[0]
    return isinstance(coupling, Coupling) and getattr(coupling.map, "unit", None) is not None


def _in_units(
    couplings: Repeated, events: Array, condition: Array | None
) -> tuple[Repeated, Array]:
    """The couplings that shift numbers in units of their deviation, and what comes out."""
    arrays, rest = eqx.partition(couplings.layers, eqx.is_array)
    units = []
    for k in range(len(jax.tree.leaves(arrays)[0])):
        layer = eqx.combine(jax.tree.map(lambda leaf, k=k: leaf[k], arrays), rest)
        rows = events.reshape(len(events), -1)
        spread = jnp.std(rows[:, rows.shape[1] // 2 :], axis=0)
        units.append(jnp.where(spread > 0, spread, 1))
        events = _through(layer, events, condition)
    unit = jnp.stack(units)
    return eqx.tree_at(lambda f: f.layers.bijections[0].map.unit, couplings, unit), events


def _through(bijection: AbstractBijection, events: Array, condition: Array | None) -> Array:
    return jax.vmap(lambda x, c: bijection.forward(x, c)[0])(events, condition)


def _map(recipe: FlowSettings) -> AbstractScalarMap:
    if recipe.coupling == "spline":
        return Spline(recipe.bins, recipe.bound)
    return Shift() if recipe.coupling == "additive" else ShiftAndScale()


def _scaling(recipe: FlowSettings, shape: tuple[int, ...]) -> Scaling:
    zeros = jnp.zeros(shape, recipe.dtype)
    return Scaling(zeros, zeros)


def _of_rows(recipe: FlowSettings, spec: Spec, key: PRNGKeyArray) -> Chain:
    """Layers that lay an event out in a row: f = (mix ∘ couple) ∘ ... ∘ (mix ∘ couple)."""
    one, size, map = _layer(recipe, spec), spec.size, _map(recipe)
    mixing: dict[str, Callable[[PRNGKeyArray], AbstractBijection]] = {
        "reverse": lambda _: Reversal(),
        "permute": lambda key: Permutation.drawn(key, size),
        "orthogonal": lambda key: Rotation.drawn(key, size, recipe.dtype),
        "lower-upper": lambda key: LowerUpper.drawn(key, size, recipe.dtype),
    }

    def layer(key: PRNGKeyArray) -> AbstractBijection:
        key_net, key_mix = jax.random.split(key)
        return Chain((one(map, key_net), mixing[recipe.mixing](key_mix)))

    if isinstance(map, Shift) and recipe.structure == "coupling":
        map = Shift(jnp.ones(size - size // 2, recipe.dtype))
    layers = Repeated(eqx.filter_vmap(layer)(jax.random.split(key, recipe.layers)))
    scaling = _scaling(recipe, spec.shape)
    parts: list[AbstractBijection] = [layers]
    if recipe.mixing == "reverse" and size > 2:
        # Neighbours say most of each other, so one of them moves as the other says.
        order = np.concatenate([np.arange(0, size, 2), np.arange(1, size, 2)])
        parts.insert(0, Permutation(jnp.asarray(order)))
    # Shifts keep volumes: their nets see events in their own units, whose scale comes last.
    parts.insert(len(parts) if recipe.coupling == "additive" else 0, scaling)
    return Chain(tuple(parts))


def _layer(recipe: FlowSettings, spec: Spec) -> Callable[[AbstractScalarMap, PRNGKeyArray], Any]:
    """What makes one layer, but for the mixing."""
    size = spec.size
    common: dict[str, Any] = {
        "condition": spec.condition,
        "activation": recipe.activation,
        "dtype": recipe.dtype,
    }
    if recipe.structure != "coupling":

        def one(map: AbstractScalarMap, key: PRNGKeyArray) -> AbstractBijection:
            net = MaskedMLP(size, recipe.hidden, map.numbers, **common, key=key)
            found = Autoregressive(map, quiet(net))
            return Inverse(found) if recipe.structure == "inverse-autoregressive" else found

        return one
    kind: Any = MLP if recipe.net == "mlp" else ResidualMLP

    def couple(map: AbstractScalarMap, key: PRNGKeyArray) -> AbstractBijection:
        stays = size // 2
        net = kind(stays, recipe.hidden, (size - stays) * map.numbers, **common, key=key)
        return Coupling(map, quiet(net))

    return couple


def _of_fields(recipe: FlowSettings, spec: Spec, key: PRNGKeyArray) -> Chain:
    """Convolutional couplings on a field, at one scale or at several.

    Each level couples on a checkerboard; all but a last one by itself then squeeze, couple by
    channels, and hand half of the channels on.
    """
    space, channels, axis = layout(spec.shape)
    map = _map(recipe)

    def couplings(key: PRNGKeyArray, mask: np.ndarray) -> Repeated:
        flip = np.arange(recipe.layers).reshape(-1, *(1,) * mask.ndim) % 2 == 1

        def one(key: PRNGKeyArray, mask: Array) -> AbstractBijection:
            c = mask.shape[-1]
            net = FieldNet(
                mask.ndim - 1,
                c,
                recipe.channels,
                c * map.numbers,
                condition=spec.condition,
                activation=recipe.activation,
                circular=recipe.circular,
                dtype=recipe.dtype,
                key=key,
            )
            return MaskedCoupling(mask, map, quiet(net))

        keys = jax.random.split(key, recipe.layers)
        return Repeated(eqx.filter_vmap(one)(keys, jnp.asarray(mask[None] != flip)))

    shape = (*space, channels)
    first: list[AbstractBijection] = [Channelled(spec.shape, axis), _scaling(recipe, (channels,))]
    if recipe.levels == 1:
        first.append(couplings(key, checkerboard(shape)))
    else:
        levels, shapes = [], []
        for key_level in jax.random.split(key, recipe.levels):
            key_board, key_channels = jax.random.split(key_level)
            board = couplings(key_board, checkerboard(shape))
            shape = (*(n // 2 for n in shape[:-1]), shape[-1] * 2 ** (len(shape) - 1))
            by = couplings(key_channels, by_channel(shape))
            levels.append(Chain((board, Squeeze(), by)))
            shapes.append(shape)
            shape = (*shape[:-1], shape[-1] // 2)
        first.append(MultiScale(tuple(levels), tuple(shapes)))
    if recipe.coupling == "additive":
        end = (*space, channels) if recipe.levels == 1 else (spec.size,)
        first.append(_scaling(recipe, end))
    return Chain(tuple(first))


def layout(shape: tuple[int, ...]) -> tuple[tuple[int, ...], int, int | None]:
    """Space, channels and the axis of the channels of events that are fields."""
    if len(shape) == 1:
        return shape, 1, None
    images = Images(shape)
    axis = {"none": None, "first": 0, "last": -1}[images.channel_axis]
    return images.size, images.channels, axis


def quiet(net: Any) -> Any:
    """The net with a last layer of zeros, so that the layer it steers starts as the identity."""

    def last(net: Any) -> Any:
        return (net.last if isinstance(net, ResidualMLP) else net.layers[-1]).weight

    return eqx.tree_at(last, net, replace_fn=jnp.zeros_like)
