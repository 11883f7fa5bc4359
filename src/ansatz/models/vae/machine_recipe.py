"""The settings of bits for a code and of a Boltzmann machine as their prior, whatever events are.

Rolfe (2017); Khoshaman et al. (2018).
"""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ansatz.distributions import BernoulliHead
from ansatz.models.boltzmann import BoltzmannMachine
from ansatz.models.boltzmann.chains import ChainSettings, check_units
from ansatz.models.boltzmann.objective import NegativeLogLikelihood
from ansatz.models.vae.estimator import ESTIMATORS
from ansatz.models.vae.hierarchy import HierarchicalEncoder
from ansatz.models.vae.machine_bound import HardBound, MachineBound
from ansatz.models.vae.machine_figures import figures
from ansatz.models.vae.machine_measures import diagnose
from ansatz.models.vae.machine_prior import MachinePrior
from ansatz.models.vae.model import VAE
from ansatz.models.vae.objective import Beta, Cooling, NegativeBound
from ansatz.models.vae.placement import Placement, place_latents
from ansatz.models.vae.prior import LearntPrior
from ansatz.models.vae.shown import Categories, Shown
from ansatz.models.vae.variational import VariationalRecipe
from ansatz.models.vae.view import View
from ansatz.nets import ConditionalNet
from ansatz.protocol.errors import OptionError
from ansatz.protocol.figures import Figure
from ansatz.protocol.gradient import Group, gradient
from ansatz.protocol.measure import Measure
from ansatz.protocol.recipe import Spec
from ansatz.protocol.source import Batch
from ansatz.protocol.subject import Subject
from ansatz.protocol.update import AbstractUpdate

WIDE = 1.0
"""Nats between both estimates of log Z that are worth a warning."""


@dataclass(frozen=True, kw_only=True)
class MachinePriorRecipe(ChainSettings, VariationalRecipe):
    """How a variational autoencoder of bits learns, with a Boltzmann machine on any graph."""

    holds: ClassVar[bool] = False
    """Whether a prior that shows the condition learns codes under it, p(z | c), and not both
    together, p(z, c)."""

    latent: int = 128
    """Bits in a code."""
    graph: str = ""
    """Which of them the prior couples: complete:N, bipartite:VxH, multipartite:AxBx..., chain:N,
    grid:LxL, king:LxL (the last three with :periodic if wished), pegasus:M or zephyr:M. Of a
    larger graph the part that is connected best is taken; without one the halves of a code are
    coupled with each other, and hidden units with both."""
    edges: tuple[str, ...] = ()
    """Or the edges themselves, as 0-1 1-2."""
    hidden_units: int | None = None
    """Units of the prior that no code shows, of one colour of the graph: bits that are coupled to
    them hang together in ways that pairs of bits cannot. As many as bits if nothing is said of
    the graph, and otherwise none."""
    levels: int = 0
    """Levels of the encoder, each of which sees the event and the levels before it: one for each
    colour of the graph, or 1 for all; 0 is one for each colour of a few."""
    partitions: tuple[int, ...] = ()
    """Bits of each colour of the graph that hidden units leave, the largest first; as many of each
    if not given."""
    prior: Literal["boltzmann", "bernoulli"] = "boltzmann"
    """What codes are believed to be: a machine's, or independent coins of learnt biases."""
    clamp: bool = False
    """Whether the prior shows the condition too, categories alone: codes are then drawn with the
    units of their own condition clamped."""
    estimator: Literal[
        "relaxed", "straight-through", "score", "score-constant", "score-leave-one-out"
    ] = "relaxed"
    """How the gradient passes through bits."""
    temperature: tuple[float, ...] = (0.5,)
    """Of relaxed bits: near zero they are almost zeros and ones, and their gradient is noisy. Two
    numbers are where it begins and where it ends, falling by the same factor in every step."""
    gibbs: int = 5
    """Sweeps of the prior's chains in each step."""
    chains: int = 256
    """Persistent chains of the prior, at each temperature."""
    prior_rate: float = 0.02
    """Learning rate of the prior, which has to follow the encoder, by gradient descent with
    momentum."""
    prior_epochs: int = 0
    """The last epochs, in which the prior learns alone; all of them go on with a run that `--from`
    names."""
    annealing: int = 2000
    """Steps in which log Z is annealed from either side once the fit is done."""

    def __post_init__(self) -> None:
        VariationalRecipe.__post_init__(self)
        ChainSettings.__post_init__(self)
        if not self.prior_rate > 0:
            raise OptionError(f"prior_rate must be positive; it is {self.prior_rate}.")
        if not 0 <= self.prior_epochs <= self.epochs:
            raise OptionError(
                f"prior_epochs are the last ones of all {self.epochs} epochs; they cannot be "
                f"{self.prior_epochs}."
            )
        for name, least in (("annealing", 1), ("levels", 0), ("hidden_units", 0)):
            if (getattr(self, name) or 0) < least:
                raise OptionError(f"{name} must not be {getattr(self, name)}.")
        for name in ("latent", "hidden_units"):
            check_units(name, getattr(self, name) or 0)
        if not 1 <= len(self.temperature) <= 2 or min(self.temperature) <= 0:
            raise OptionError(
                "temperature takes one positive number, or two: where it begins and where it "
                f"ends; it is {self.temperature}."
            )
        if self.temperature[-1] > self.temperature[0]:
            raise OptionError(
                f"The temperature of relaxed bits falls towards zeros and ones, and cannot rise "
                f"from {self.temperature[0]} to {self.temperature[-1]}."
            )
        if self.graph and self.edges:
            raise OptionError("Give a graph or its edges, not both.")
        if self.estimator == "score-leave-one-out" and self.draws == 1:
            raise OptionError(
                "score-leave-one-out judges each draw by others: give --draws 2, or more."
            )
        self._groups()

    def resolve(self, spec: Spec) -> "MachinePriorRecipe":
        shown = self.shown(spec)
        if self.coins:
            self._placed(spec)
            return self
        if shown.size and self.holds:
            if self.method not in ("auto", "pcd", "cd"):
                raise OptionError(
                    f"Chains that are held at the condition of events are not for the method "
                    f"{self.method!r}: choose --method pcd or cd, or --no-clamp."
                )
            return replace(self, method="cd" if self.method == "cd" else "pcd")
        return replace(self, method=self.chosen(self._machine(spec)))

    @property
    def coins(self) -> bool:
        """Whether the prior is no machine, but independent coins."""
        return self.prior == "bernoulli"

    def shown(self, spec: Spec) -> Shown:
        """How units of the prior show the condition."""
        if not self.clamp:
            return Categories(())
        if self.coins:
            raise OptionError(
                "Independent coins have no units to clamp: leave --clamp out, or choose --prior "
                "boltzmann."
            )
        if not (spec.classes and all(spec.classes)):
            there = "has numbers" if spec.classes else "is missing"
            raise OptionError(
                f"The prior clamps categories, one unit for each, and the condition {there}: "
                "leave --clamp out, or give --conditions that are categories."
            )
        return Categories(spec.classes)

    def build(self, spec: Spec, key: PRNGKeyArray, **nets: eqx.Module) -> VAE:
        key_encoder, key_decoder, key_prior = jax.random.split(key, 3)
        view = self.view(spec)
        machine = self._machine(spec)
        noise = jax.random.normal(key_prior, machine.weight.shape, self.dtype)
        coins = LearntPrior(
            jnp.zeros((1, self.latent), self.dtype),
            jnp.zeros(1, self.dtype),
            BernoulliHead((self.latent,)),
        )
        begun = replace(machine, weight=self.spread * noise)
        return VAE(
            view=view,
            encoder=self.encoder(spec, view, self._placed(spec).sizes, key_encoder),
            decoder=self.decoder(spec, nets.get("decoder"), key_decoder),
            prior=coins if self.coins else MachinePrior.of(begun, self.shown(spec)),
            read=self.latent,
            dtype=self.dtype,
        )

    @abstractmethod
    def view(self, spec: Spec) -> View:
        """What the encoder is shown."""

    @abstractmethod
    def encoder(
        self, spec: Spec, view: View, sizes: tuple[int, ...], key: PRNGKeyArray
    ) -> HierarchicalEncoder:
        """q(z | x, c), a net for each level of so many bits."""

    @abstractmethod
    def decoder(self, spec: Spec, own: eqx.Module | None, key: PRNGKeyArray) -> ConditionalNet:
        """p(x | z, c)."""

    def update(self, spec: Spec) -> AbstractUpdate:
        last = self.epochs - self.prior_epochs
        learning = spec.steps_per_epoch * last
        bound, hard = (
            NegativeBound(
                Beta(self.beta, self.beta_warmup),
                estimator,
                groups=self.draws,
                temperature=Cooling(self.temperature[0], self.temperature[-1], max(learning, 1)),
            )
            for estimator in (ESTIMATORS[self.estimator], ESTIMATORS["score"])
        )
        objective: Any = bound
        judge: Any = hard
        fixed = [Group(None, "view")]
        if not self.coins:
            exact = self.method == "exact" and not self.clamp
            machine = self._machine(spec)
            phase = NegativeLogLikelihood(
                self.free_phase(1, machine.given if self.holds else ()),
                self.slope == "centred",
                1,
                self.l1,
                self.l2,
            )
            objective = MachineBound(bound, phase, exact, alone=not learning)
            judge = HardBound(hard, exact)
            fixed.append(Group(None, "prior.known"))
            fixed.append(Group(None, "prior.rows"))
        return gradient(
            objective,
            (*fixed, *self._staged(learning)),
            steps=spec.steps_per_epoch * self.epochs,
            average=self.average,
            judge=judge,
        )

    def conclude(self, model: VAE, key: PRNGKeyArray, held: Iterable[Batch] = ()) -> VAE:
        """Find log Z of the prior, which is not needed for learning it."""
        if not isinstance(model.prior, MachinePrior):
            return model
        prior = model.prior.normalised(key, self.annealing)
        return eqx.tree_at(lambda m: m.prior, model, prior)

    def remarks(self, model: VAE, spec: Spec) -> tuple[str, ...]:
        if not isinstance(model.prior, MachinePrior) or model.prior.known.gap <= WIDE:
            return ()
        return (
            f"log Z of the prior is known to {model.prior.known.gap:.2f} nats, and the bound on "
            f"log p has the upper estimate: more --annealing than {self.annealing} steps narrows "
            "it.",
        )

    def caveat(self, model: VAE) -> str:
        return model.prior.known.caveat if isinstance(model.prior, MachinePrior) else ""

    def figures(self, model: VAE, subject: Subject) -> tuple[Figure, ...]:
        return figures(model, subject)

    def diagnose(
        self, model: VAE, batch: Batch, key: PRNGKeyArray, *, refine: int = 0
    ) -> tuple[Measure, ...]:
        if refine:
            raise OptionError("A posterior of levels is nets all through: leave --refine out.")
        return diagnose(model, batch, key)

    def _placed(self, spec: Spec) -> Placement:
        return place_latents(
            self.graph,
            self.edges,
            self.latent,
            self.levels,
            self.partitions,
            self.shown(spec).size,
            self._unseen,
        )

    @property
    def _unseen(self) -> int:
        """How many hidden units there are."""
        if self.hidden_units is not None:
            return self.hidden_units
        return 0 if self.graph or self.edges else self.latent

    def _machine(self, spec: Spec) -> BoltzmannMachine:
        """A machine of the right form, its weights at zero."""
        graph = self._placed(spec).graph
        return BoltzmannMachine(
            bias=jnp.zeros(graph.nodes, self.dtype),
            weight=jnp.zeros(len(graph.edges), self.dtype),
            terms=None,
            graph=graph,
            visible=tuple(range(graph.nodes - self._unseen)),
            shape=(self.latent,),
            units="binary",
            sweeps=self.sweeps,
        )

    def _staged(self, learning: int) -> tuple[Group, ...]:
        """The groups, with a rate of the prior's own; it alone learns after so many steps."""
        groups = list(self._groups())
        parts = [group.part for group in groups]
        if "prior" not in parts:
            own = {"optimiser": "sgd", "rate": self.prior_rate}
            own |= {"l1": 0.0, "l2": 0.0, "weight_decay": 0.0}
            groups.insert(0, Group(self.alone().with_settings(own), "prior"))
        if not self.prior_epochs:
            return tuple(groups)
        return tuple(
            group
            if group.part == "prior"
            else replace(group, last=min(learning, group.last or learning))
            for group in groups
        )
