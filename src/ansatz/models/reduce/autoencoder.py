"""The autoencoder: a net that compresses an event to a code, and one that expands the code."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.models.reduce.jacobian import probed_squared_norm, squared_norm
from ansatz.models.reduce.layered import LINEAR, is_layered, layered_squared_norm
from ansatz.nets import ACTIVATIONS, MLP
from ansatz.nets.linear import Linear
from ansatz.protocol.capabilities import Codec, Condition, Scalar


class Transposed(eqx.Module):
    """A decoder with the encoder's own matrices, transposed and in reverse, and its own biases."""

    biases: tuple[Float[Array, " _"], ...]

    def of(self, encoder: MLP) -> MLP:
        """The decoder that belongs to this encoder."""
        pairs = zip(encoder.layers[::-1], self.biases, strict=True)
        layers = tuple(Linear(layer.weight.T, bias) for layer, bias in pairs)
        return eqx.tree_at(lambda net: net.layers, encoder, layers)

    def with_output_bias(self, bias: Float[Array, " out"]) -> "Transposed":
        """The same with this bias behind the last layer."""
        return Transposed((*self.biases[:-1], bias))


class Autoencoder(Codec):
    """z = a(E(x, c)) and x̂ = b(D(z, c)): codes z that events can be made of again.

    E and D are nets; a and b, named by `code` and `output`, act on every number by itself. An
    autoencoder knows no density: what it says of an event is how well it is made again.
    """

    encoder: Any
    decoder: Any
    code: str = eqx.field(static=True)
    output: str = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)

    @property
    def decoding(self) -> Any:
        """The net D, whichever way its weights are kept."""
        tied = isinstance(self.decoder, Transposed)
        return self.decoder.of(self.encoder) if tied else self.decoder

    def encode(
        self, event: Array, condition: Condition = None, *, key: PRNGKeyArray | None = None
    ) -> Float[Array, " code"]:
        """The code of one event; the key is for nets that draw at random, as dropout does."""
        return through(self.code, self.encoder(event, condition, key=key))

    def decode(self, code: Float[Array, " code"], condition: Condition = None) -> Array:
        return self.finished(self.raw(code, condition)).reshape(self.shape)

    def finished(self, raw: Float[Array, " numbers"]) -> Float[Array, " numbers"]:
        """x̂ in a row, from what the net D gives."""
        return through(self.output, raw)

    def raw(
        self,
        code: Float[Array, " code"],
        condition: Condition = None,
        *,
        key: PRNGKeyArray | None = None,
    ) -> Float[Array, " numbers"]:
        """D(z, c): what is decoded, in a row and before b."""
        return self.decoding(code, condition, key=key)

    def encoder_contraction(
        self, event: Array, condition: Condition = None, *, key: PRNGKeyArray, probes: int = 0
    ) -> Scalar:
        """‖∂z/∂x‖², exactly or from so many `probes`."""
        net, last = self.encoder, self.code
        if not probes and is_layered(net):
            return layered_squared_norm(net, last, event, condition)
        return _squared_norm(lambda x: self.encode(x, condition), event, key, probes)

    def decoder_contraction(
        self,
        code: Float[Array, " code"],
        condition: Condition = None,
        *,
        key: PRNGKeyArray,
        probes: int = 0,
    ) -> Scalar:
        """‖∂x̂/∂z‖², likewise."""
        net, last = self.decoding, self.output
        if not probes and is_layered(net):
            return layered_squared_norm(net, last, code, condition)
        return _squared_norm(lambda z: self.decode(z, condition), code, key, probes)


def through(name: str, x: Array) -> Array:
    """An activation by its name, or the numbers as they are."""
    return x if name == LINEAR else ACTIVATIONS[name](x)


def _squared_norm(f: Any, x: Array, key: PRNGKeyArray, probes: int) -> Scalar:
    return probed_squared_norm(f, x, key, probes) if probes else squared_norm(f, x)
