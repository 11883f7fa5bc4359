"""The nets once more, in NumPy: loops over pixels, and formulas copied from papers."""

import equinox as eqx
import jax
import numpy as np
import scipy.special

FORMULAS = {
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, x / 100),
    # Hendrycks and Gimpel's approximation of x Phi(x)
    "gelu": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * scipy.special.expit(x),
    "softplus": lambda x: np.logaddexp(0, x),
    "sigmoid": scipy.special.expit,
}


def shaken(net, seed=0):
    """The net with other numbers everywhere: zeros and ones at the start would hide mistakes."""
    arrays, rest = eqx.partition(net, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    rng = np.random.default_rng(seed)
    leaves = [jax.numpy.asarray(rng.normal(0, 0.4, x.shape), x.dtype) for x in leaves]
    return eqx.combine(jax.tree.unflatten(structure, leaves), rest)


def linear(layer, x):
    return np.asarray(layer.weight) @ x + np.asarray(layer.bias)


def nonlinear(then, h, c):
    if then.norm is not None:
        h = (h - np.mean(h)) / np.sqrt(np.var(h) + 1e-5)
        h = np.asarray(then.norm.scale) * h + np.asarray(then.norm.shift)
    if then.modulation is not None:
        gamma, beta = np.asarray(then.modulation.scale) @ c, np.asarray(then.modulation.shift) @ c
        h = (1 + gamma) * h + beta
    return FORMULAS[then.activation](h)


def beside(x, c):
    return x.ravel() if c is None else np.concatenate([x.ravel(), c])


def mlp(net, x, c=None):
    h = beside(x, None if net.modulate else c)
    for layer, then in zip(net.layers, net.between, strict=False):
        h = nonlinear(then, linear(layer, h), c)
    return linear(net.layers[-1], h)


def residual(net, x, c=None):
    h = linear(net.first, beside(x, None if net.modulate else c))
    for block in net.blocks:
        inner = linear(block.first, nonlinear(block.before, h, c))
        h = h + linear(block.second, nonlinear(block.within, inner, c))
    return linear(net.last, h)


def padded(x, before, behind, circular):
    widths = [(before[0], behind[0]), (before[1], behind[1]), (0, 0)]
    return np.pad(x, widths, mode="wrap" if circular else "constant")


def convolution(layer, x):
    """Each pixel of the result is the product with a patch of 3 x 3, two pixels apart."""
    odd = np.array(x.shape[:2]) % 2
    rows, columns = np.array(x.shape[:2]) // 2 + odd
    x = padded(x, odd, (1, 1), layer.circular)
    weight, bias = np.asarray(layer.weight), np.asarray(layer.bias)
    y = np.zeros((rows, columns, len(bias)))
    for i in range(rows):
        for j in range(columns):
            y[i, j] = weight @ x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].ravel() + bias
    return y


def upsampling(layer, x):
    """Each pixel of the result sees the nearest coarser one and its neighbours on that side."""
    outs, ins = len(layer.bias), x.shape[-1]
    weight = np.asarray(layer.weight).reshape(2, 2, outs, 2, 2, ins)
    x = padded(x, (1, 1), (1, 1), layer.circular)
    y = np.zeros((*layer.size, outs))
    for a in range(layer.size[0]):
        for b in range(layer.size[1]):
            four = x[(a + 1) // 2 :, (b + 1) // 2 :][:2, :2]
            y[a, b] = np.einsum("oijc,ijc->o", weight[(a + 1) % 2, (b + 1) % 2], four)
    return y + np.asarray(layer.bias)


CHANNELS_LAST = {
    "none": lambda stack: stack[..., None],
    "first": lambda stack: np.transpose(stack, (0, 2, 3, 1)),
    "last": lambda stack: stack,
}
"""From a stack of arrays to one of images whose channels come last, for each place of theirs."""


def encoder(net, x, c=None, *, axis):
    stack = CHANNELS_LAST[axis](x.reshape(net.copies, *net.images.shape))
    h = np.concatenate(list(stack), axis=-1)
    n = len(net.convolutions)
    for layer, then in zip(net.convolutions, net.between, strict=False):
        h = nonlinear(then, convolution(layer, h), c)
    h = beside(h, None if net.modulate else c)
    for layer, then in zip(net.layers, net.between[n:], strict=False):
        h = nonlinear(then, linear(layer, h), c)
    return linear(net.layers[-1], h)


def decoder(net, z, c=None, *, axis, numbers, small):
    h = beside(z, None if net.modulate else c)
    n = len(net.layers) - 1
    for layer, then in zip(net.layers, net.between[:n], strict=False):
        h = nonlinear(then, linear(layer, h), c)
    h = linear(net.layers[-1], h).reshape(*small, -1)
    for layer, then in zip(net.upsamplings, net.between[n:], strict=True):
        h = upsampling(layer, nonlinear(then, h, c))
    image = np.stack(np.split(h, numbers, axis=-1))
    if axis == "first":
        image = np.transpose(image, (0, 3, 1, 2))
    return image.ravel() + np.asarray(net.bias)
