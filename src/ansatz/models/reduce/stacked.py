"""Layer after layer: each learns to make again what the one below gives, then all together."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from ansatz.models.reduce.autoencoder import Autoencoder, Transposed
from ansatz.nets import MLP
from ansatz.nets.linear import Linear
from ansatz.protocol.gradient import GradientState, GradientUpdate
from ansatz.protocol.source import Batch
from ansatz.protocol.update import AbstractUpdate, Metrics, Score, Step

States = tuple[GradientState, ...]


class StackedUpdate(AbstractUpdate):
    """The first layer learns for `steps` steps, then the second from its codes, ..., then all.

    Bengio and others (2007). Every layer is an autoencoder of its own, with its own noise and
    penalties, and the memory of its own optimiser; those below it stand still. No score compares
    a model whose layers have not all learnt with one whose have: the last model is the result.
    """

    layers: tuple[GradientUpdate, ...]
    """One for each layer, and the last for all of them together."""
    steps: int = eqx.field(static=True)
    """Of each."""

    @property
    def score(self) -> Score | None:
        return None

    def initial(self, model: Autoencoder) -> States:
        learners = zip(self.layers, (*stack(model), model), strict=True)
        return tuple(update.initial(one) for update, one in learners)

    def __call__(
        self, state: States, batch: Batch, step: Step, key: PRNGKeyArray
    ) -> tuple[States, Metrics]:
        top = len(self.layers) - 1

        def learn(which: int) -> tuple[States, Metrics]:
            own = batch
            if which < top:
                below = self._models(state[:which])
                own = replace(batch, event=jax.vmap(lambda x: raised(below, x))(batch.event))
            since = step - which * self.steps
            after, metrics = self.layers[which](state[which], own, since, key)
            all_after = (*state[:which], after, *state[which + 1 :])
            # A switch returns arrays alone.
            return eqx.filter(
                all_after if which == top else self._joined(all_after), eqx.is_array
            ), metrics

        now = jnp.minimum(step // self.steps, top)
        branches = [lambda which=which: learn(which) for which in range(top + 1)]
        arrays, metrics = jax.lax.switch(now, branches)
        after = eqx.combine(arrays, state)
        return after, metrics | {"layer": (now + 1).astype(metrics["loss"].dtype)}

    def model(self, state: States) -> Autoencoder:
        return self.layers[-1].model(state[-1])

    def evaluate(self, state: States, batch: Batch, step: Step, key: PRNGKeyArray) -> Metrics:
        return self.layers[-1].evaluate(state[-1], batch, step, key)

    def _models(self, state: States) -> tuple[Autoencoder, ...]:
        return tuple(update.model(own) for update, own in zip(self.layers, state, strict=False))

    def _joined(self, state: States) -> States:
        """The layers as they are now put into the whole, from which all of them will go on."""
        *layers, whole = state
        model = unstack(whole.model, self._models(tuple(layers)))
        average = None if whole.average is None else eqx.filter(model, eqx.is_inexact_array)
        return (*layers, replace(whole, model=model, average=average))


def raised(layers: tuple[Autoencoder, ...], event: Array) -> Array:
    """What the encoders of these layers make of an event, one after the other."""
    for layer in layers:
        event = layer.encode(event)
    return event


def stack(model: Autoencoder) -> tuple[Autoencoder, ...]:
    """The shallow autoencoders that a deep one is made of, from the events up.

    The j-th reads what the (j-1)-th gives, with layer j of the encoder and the layer of the
    decoder that mirrors it. Their arrays are those of the deep one.
    """
    encoder, decoder = model.encoder, model.decoder
    names = [then.activation for then in encoder.between]
    codes, outputs = [*names, model.code], [model.output, *names]
    found = []
    for place, layer in enumerate(encoder.layers):
        mirrored = len(encoder.layers) - 1 - place
        found.append(
            Autoencoder(
                encoder=_alone(encoder, layer),
                decoder=Transposed((decoder.biases[mirrored],))
                if isinstance(decoder, Transposed)
                else _alone(decoder, decoder.layers[mirrored]),
                code=codes[place],
                output=outputs[place],
                shape=model.shape if place == 0 else (layer.weight.shape[1],),
            )
        )
    return tuple(found)


def unstack(model: Autoencoder, layers: tuple[Autoencoder, ...]) -> Autoencoder:
    """The deep autoencoder with the arrays of these shallow ones."""
    encoders = tuple(one.encoder.layers[0] for one in layers)
    model = eqx.tree_at(lambda m: m.encoder.layers, model, encoders)
    if isinstance(model.decoder, Transposed):
        biases = tuple(one.decoder.biases[0] for one in layers[::-1])
        return eqx.tree_at(lambda m: m.decoder.biases, model, biases)
    decoders = tuple(one.decoder.layers[0] for one in layers[::-1])
    return eqx.tree_at(lambda m: m.decoder.layers, model, decoders)


def _alone(net: MLP, layer: Linear) -> MLP:
    """A net of one of the layers."""
    return eqx.tree_at(lambda n: (n.layers, n.between), net, ((layer,), ()))
