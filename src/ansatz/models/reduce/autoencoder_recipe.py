"""How the settings of an autoencoder become a model and an update."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.distributions.heads.fitting import average, log_odds
from ansatz.models.reduce.autoencoder import Autoencoder, Transposed
from ansatz.models.reduce.autoencoder_figures import figures
from ansatz.models.reduce.contraction import diagnose, slopes_only_jump
from ansatz.models.reduce.reconstruction import Corruption, Reconstruction
from ansatz.models.reduce.settings import AutoencoderSettings
from ansatz.models.reduce.stacked import StackedUpdate
from ansatz.nets import OwnNet, check_output, making_net, reading_net
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import gradient
from ansatz.protocol.measure import Measure
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate


@dataclass(frozen=True, kw_only=True)
class AutoencoderRecipe(AutoencoderSettings):
    """An autoencoder: plain, linear, tied, denoising, contractive, sparse, stacked, of images."""

    name: ClassVar[str] = "autoencoder"
    kind: ClassVar[str] = "the recipe 'autoencoder'"
    family: ClassVar[type[eqx.Module]] = Autoencoder
    nets: ClassVar[tuple[str, ...]] = ("encoder", "decoder")

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> Autoencoder:
        if nets and (self.tied or self.stacked):
            word = "tied" if self.tied else "stacked"
            raise OptionError(
                f"--{word} needs to know the layers of both nets, and nets of your own may have "
                "any: leave it out, or the nets."
            )
        key_encoder, key_decoder = jax.random.split(key)
        given = nets.get("encoder")
        encoder = OwnNet(given) if given is not None else self._encoder(spec, key_encoder)
        decoder: Any
        if self.tied:
            widths = (*self.hidden[::-1], spec.size)
            decoder = Transposed(tuple(jnp.zeros(width, self.dtype) for width in widths))
        else:
            own = nets.get("decoder")
            decoder = OwnNet(own) if own is not None else self._decoder(spec, key_decoder)
        model = Autoencoder(encoder, decoder, self.code, self.output, spec.shape)
        ends = (
            ("encoder", encoder, spec.shape, self.latent),
            ("decoder", model.decoding, (self.latent,), spec.size),
        )
        for part, net, shape, size in ends:
            check_output(part, net, shape, spec.condition, size, self.dtype)
        return model

    def initialise(self, model: Autoencoder, batch: Batch, key: PRNGKeyArray) -> Autoencoder:
        """Start the decoder at what events are like on average, whatever the code."""
        if isinstance(model.decoder, OwnNet):
            return model
        centre = log_odds if self.error == "cross-entropy" else average
        bias = centre(batch.event, None).ravel()
        return eqx.tree_at(lambda m: m.decoder, model, model.decoder.with_output_bias(bias))

    def check(self, model: Autoencoder, batch: Batch) -> None:
        for weight, part in ((self.contract, "encoder"), (self.contract_decoder, "decoder")):
            if weight and slopes_only_jump(model, part, batch):
                raise OptionError(
                    f"A contractive penalty follows how slopes change, and those of the {part} "
                    "only jump, as with ReLU, which no gradient sees: give it smooth activations."
                )

    def update(self, spec: Spec) -> AbstractUpdate:
        objective = Reconstruction(
            corruption=Corruption(self.noise, self.mask),
            contract=self.contract,
            contract_decoder=self.contract_decoder,
            sparsity=self.sparsity,
            probes=self.probes,
            activity=self.activity or None,
            binary=self.error == "cross-entropy",
        )
        steps = self.epochs * spec.steps_per_epoch // self.phases
        whole = gradient(objective, self.alone(), steps=steps, average=self.average)
        if not self.stacked:
            return whole
        # Above the events there are codes, which the squared error suits whatever they are.
        inner = replace(whole, objective=replace(objective, binary=False))
        return StackedUpdate((whole, *(inner,) * (self.phases - 2), whole), steps)

    def figures(self, model: Autoencoder, subject: Subject) -> tuple[Figure, ...]:
        return figures(model, subject)

    def diagnose(
        self, model: Autoencoder, batch: Batch, key: PRNGKeyArray, *, refine: int = 0
    ) -> tuple[Measure, ...]:
        return diagnose(model, batch)

    def _encoder(self, spec: Spec, key: PRNGKeyArray) -> eqx.Module:
        return reading_net(self.net, spec.shape, self.latent, **self._common(spec), key=key)

    def _decoder(self, spec: Spec, key: PRNGKeyArray) -> eqx.Module:
        common = self._common(spec)
        return making_net(self.net, self.latent, spec.shape, spec.size, **common, key=key)

    def _common(self, spec: Spec) -> dict[str, Any]:
        """What the nets of both parts are told."""
        return {
            "hidden": self.hidden,
            "channels": self.channels,
            "circular": self.circular,
            "condition": spec.condition,
            "activation": self.activation,
            "dropout": self.dropout,
            "normalise": self.normalise,
            "modulate": self.modulate,
            "dtype": self.dtype,
        }
