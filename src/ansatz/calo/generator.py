"""The recipe of a shower generator: a VAE of bits, with a Boltzmann machine as prior.

Khoshaman et al. (2018); Hoque et al. (2024); Toledo-Marín et al. (2025).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.calo.generator_figures import shower_figures
from ansatz.calo.geometry import Geometry, as_text, from_xml, geometry
from ansatz.calo.layers import Layout
from ansatz.calo.masked import MaskedHead, without_weights
from ansatz.calo.nets import ShowerDecoder, ShowerTrunk
from ansatz.calo.raised import Raised
from ansatz.calo.sharing import SharingHead
from ansatz.distributions import BernoulliHead
from ansatz.models.vae.hierarchy import HierarchicalEncoder
from ansatz.models.vae.machine_recipe import MachinePriorRecipe
from ansatz.models.vae.model import VAE
from ansatz.models.vae.placement import Placement, pulled
from ansatz.models.vae.shown import Categories, Shown, Steps
from ansatz.models.vae.view import View
from ansatz.nets import MLP, ConditionalNet
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject

STEP = math.log(10) / 2
"""In ln E_inc from one unit that shows it to the next."""


@dataclass(frozen=True, kw_only=True)
class ShowerRecipe(MachinePriorRecipe):
    """A generator of calorimeter showers at given incident energies."""

    name: ClassVar[str] = "calo-qvae"
    kind: ClassVar[str] = "the recipe 'calo-qvae'"
    log_conditions: ClassVar[bool] = True
    holds: ClassVar[bool] = True

    geometry: str = "dataset2"
    """The voxels: a built-in geometry, a binning file, XML, or what stands in one."""
    latent: int = 1024
    """Bits in a code."""
    graph: str = "pegasus:16"
    """Which of them the prior couples; of a larger graph the part that is connected best is
    taken."""
    energies: Literal["shared", "masked"] = "shared"
    """What the decoder says: a likelihood, of hits, energies of layers and how voxels share them;
    or the field's loss, squares of logits that a mask of hits cuts out."""
    mask: Literal["true", "predicted"] = "true"
    """By which hits squares are masked while 'masked' learns."""
    hit_power: float = 0.0
    """The power p of the weights (1 + u)^p of hits while 'masked' learns."""
    features: int = 64
    """Numbers for each layer within the nets."""
    depth: int = 2
    """Residual blocks, in encoder and decoder."""
    width: int = 512
    """Units of these blocks, in which all layers meet."""
    clamp: bool = True
    """Whether codes are drawn under the incident energy: the prior shows it by units, one for
    every half of a decade, that pull at every bit and are clamped. With --prior bernoulli bits are
    coupled to nothing else."""
    rate: float = 2e-3
    """Learning rate, the highest the schedule reaches."""
    schedule: Literal["constant", "cosine", "exponential"] = "cosine"
    """The course of the learning rate after the warm-up: energies of layers want the last digits of
    a rate that falls."""
    warmup: int = 50
    """Steps in which the learning rate rises linearly from zero."""
    sweeps: int = 200
    """Of the prior's chains from a random start until they have forgotten it."""
    annealing: int = 1000
    """Steps in which log Z is annealed from either side once the fit is done, under each step of
    the energy."""
    preprocess: tuple[str, ...] = ("none",)
    """Nothing: energies are in MeV."""

    def __post_init__(self) -> None:
        MachinePriorRecipe.__post_init__(self)
        for label in ("features", "depth", "width"):
            if getattr(self, label) < 1:
                raise OptionError(f"{label} must be at least 1; it is {getattr(self, label)}.")
        if self.preprocess != ("none",):
            raise OptionError("Showers are learnt in MeV as they are: leave --preprocess out.")
        if self.hit_power < 0:
            raise OptionError(f"hit_power must not be negative; it is {self.hit_power}.")

    def resolve(self, spec: Spec) -> "ShowerRecipe":
        voxels = self.voxels.voxels
        if spec.shape != (voxels,):
            raise OptionError(
                f"The geometry {self.voxels.name} has {voxels:,} voxels, and the showers have "
                f"shape {spec.shape}: name theirs by --geometry."
            )
        if spec.condition != 1 or spec.classes != (0,):
            raise OptionError(
                "A shower is learnt under its incident energy, one number: give --conditions "
                "incident_energies."
            )
        # A run may be moved away from a binning file, and so holds it.
        held = replace(self, geometry=as_text(self.voxels))
        resolved = MachinePriorRecipe.resolve(held, spec)
        assert isinstance(resolved, ShowerRecipe)
        return resolved

    @property
    def voxels(self) -> Geometry:
        """How the calorimeter is cut."""
        text = self.geometry.lstrip()
        return from_xml(text, "binning") if text.startswith("<") else geometry(self.geometry)

    @property
    def coins(self) -> bool:
        return self.prior == "bernoulli" and not self.clamp

    def shown(self, spec: Spec) -> Shown:
        if not self.clamp:
            return Categories(())
        ends = zip(spec.condition_lowest, spec.condition_highest, strict=True)
        low, high = next(ends, (1.0, 1.0))
        first, last = math.floor(math.log(low) / STEP) + 1, math.ceil(math.log(high) / STEP)
        return Steps(tuple(STEP * k for k in range(first, last)))

    def _placed(self, spec: Spec) -> Placement:
        none = replace(self, clamp=False)
        placed = MachinePriorRecipe._placed(none, spec)
        shown = self.shown(spec).size
        return pulled(placed, shown, self.prior == "boltzmann") if self.clamp else placed

    def view(self, spec: Spec) -> View:
        return View(spec.shape, self.dtype)

    def encoder(
        self, spec: Spec, view: View, sizes: tuple[int, ...], key: PRNGKeyArray
    ) -> HierarchicalEncoder:
        key_trunk, *keys = jax.random.split(key, 1 + len(sizes))
        layout = Layout.of(self.voxels)
        trunk = ShowerTrunk.drawn(
            layout, self.features, self.depth, self.width, self.dtype, key_trunk
        )
        levels, before = [], 1
        for size, key_level in zip(sizes, keys, strict=True):
            net = MLP(
                self.width,
                (self.width // 2,),
                size,
                condition=before,
                activation="gelu",
                dtype=self.dtype,
                key=key_level,
            )
            levels.append(ConditionalNet(net, BernoulliHead((size,))))
            before += size
        return HierarchicalEncoder(tuple(levels), sizes, trunk)

    def decoder(self, spec: Spec, own: eqx.Module | None, key: PRNGKeyArray) -> ConditionalNet:
        layout = Layout.of(self.voxels)
        head: Any = SharingHead(spec.shape, layout)
        if self.energies == "masked":
            raised = Raised.none(layout, self.dtype)
            head = MaskedHead(spec.shape, self.mask, self.hit_power, raised)
        net = ShowerDecoder.drawn(
            layout,
            self.latent,
            self.features,
            self.depth,
            self.width,
            (head.of_voxels, head.of_layers),
            self.dtype,
            key,
        )
        return ConditionalNet(net, head)

    def initialise(self, model: VAE, batch: Batch, key: PRNGKeyArray) -> VAE:
        """Start the decoder at the mean over showers, whatever the code."""
        assert batch.condition is not None
        share = batch.event * jnp.exp(-batch.condition)
        raw = model.decoder.head.initial(share)
        return eqx.tree_at(lambda m: m.decoder.net, model, model.decoder.net.with_output_bias(raw))

    def figures(self, model: VAE, subject: Subject) -> tuple[Figure, ...]:
        own = shower_figures(model, subject, self.voxels)
        return *own, *MachinePriorRecipe.figures(self, model, subject)

    def conclude(self, model: VAE, key: PRNGKeyArray, held: Iterable[Batch] = ()) -> VAE:
        """Find what weights add to the hits, too; squares under a mask of draws add as well."""
        key_prior, key_hits = jax.random.split(key)
        model = MachinePriorRecipe.conclude(self, model, key_prior)
        if self.energies != "masked" or self.mask != "true" or not self.hit_power:
            return model
        return without_weights(model, held, key_hits)
