"""What codes are believed to be before an event is seen: fixed, learnt, or made by the encoder.

A prior is anything with `sample(key)` and `log_prob(code)`: an elementary distribution, or a
model of another family. Those here first have to be given something.
"""

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ansatz.distributions import AbstractDistribution, AbstractHead, Mixture
from ansatz.models.vae.cascade import Cascade
from ansatz.models.vae.view import View, known
from ansatz.protocol.capabilities import Condition, Event
from ansatz.protocol.errors import OptionError, nearest

PRIORS = ("standard", "learnt", "vamp", "flow")
COUNTED = {"learnt": "components", "vamp": "components", "flow": "couplings"}


@dataclass(frozen=True)
class PriorWord:
    """A prior by its name, and of how many parts it is: components of a mixture, say."""

    name: str
    count: int = 1

    @classmethod
    def of(cls, word: str) -> "PriorWord":
        """'learnt', 'learnt:10' for a mixture of ten, 'vamp:50' for fifty pseudo-inputs, 'flow:4'
        for four couplings."""
        name, _, number = word.partition(":")
        if name not in PRIORS:
            raise OptionError(f"There is no prior {name!r}. {nearest(name, PRIORS)}")
        if ":" not in word and name in ("standard", "learnt"):
            return cls(name)
        if name == "standard":
            raise OptionError("The prior 'standard' has no components; a mixture is learnt:10.")
        if not re.fullmatch(r"[1-9]\d*", number):
            raise OptionError(
                f"The prior {word!r} must end in a number of {COUNTED[name]}, as in {name}:10."
            )
        return cls(name, int(number))


class AbstractPrior(eqx.Module):
    """A prior that depends on what else the model has, or on the condition."""

    @abstractmethod
    def given(self, encoder: Any, condition: Condition) -> Any:
        """The distribution of codes."""


class LearntPrior(AbstractPrior):
    """r(z) = sum_k w_k r_k(z), each component with a location and a width that are learnt.

    With one component it is the trainable N(lambda_1, diag lambda_2), or trainable coins.
    """

    raw: Float[Array, "components size"]
    logits: Float[Array, " components"]
    head: AbstractHead

    def given(self, encoder: Any, condition: Condition) -> AbstractDistribution:
        if len(self.logits) == 1:
            return self.head(self.raw[0])
        return Mixture(self.logits, jax.vmap(self.head)(self.raw))


class VampPrior(AbstractPrior):
    """(1/C) sum_c q(z | u_c): the codes of C pseudo-inputs that are learnt (Tomczak and Welling,
    2018).

    It is an aggregate posterior in small: where codes of events lie, it lies too.
    """

    inputs: Float[Array, "components ..."]

    def given(self, encoder: Any, condition: Condition) -> AbstractDistribution:
        components = jax.vmap(lambda u: encoder(u, condition))(self.inputs)
        return Mixture(jnp.zeros(len(self.inputs), self.inputs.dtype), components)

    def fitted(self, view: View, event: Event) -> "VampPrior":
        """Pseudo-inputs that are events of a batch, as the encoder sees them."""
        place = jnp.arange(len(self.inputs)) % len(known(event)[0])
        inputs = jax.vmap(view)(jax.tree.map(lambda leaf: leaf[place], event))
        return VampPrior(inputs.astype(self.inputs.dtype))


class LayeredPrior(AbstractPrior):
    """p(z_n) p(z_(n-1) | z_n, c) ... p(z_1 | z_2, c): the prior of several stochastic layers."""

    top: Any
    rest: tuple[Any, ...]
    sizes: tuple[int, ...] = eqx.field(static=True)
    """From the top down."""

    def given(self, encoder: Any, condition: Condition) -> Cascade:
        top = given(self.top, encoder, condition)
        return Cascade(
            first=top, rest=self.rest, condition=condition, sizes=self.sizes, descends=True
        )


def given(prior: Any, encoder: Any, condition: Condition) -> Any:
    """The distribution of codes that a prior stands for."""
    return prior.given(encoder, condition) if isinstance(prior, AbstractPrior) else prior


def check_prior(prior: Any, latent: int) -> None:
    """Refuse a model as a prior that cannot be one, or not of codes of this length."""
    for name in ("sample", "log_prob"):
        if not callable(getattr(prior, name, None)):
            raise OptionError(
                f"A prior needs `sample` and `log_prob`; a {type(prior).__name__} has no {name}."
            )

    def drawn(key: PRNGKeyArray) -> Array:
        return prior.sample(key)

    code = eqx.filter_eval_shape(drawn, jax.eval_shape(lambda: jax.random.key(0)))
    if code.shape != (latent,):
        raise OptionError(
            f"The prior is of events of shape {code.shape}, and a code has shape ({latent},): "
            "set --latent to its length, or give another prior."
        )
