"""Elementary distributions, the divergence between two, and heads that make them from nets."""

from ansatz.distributions.abstract import AbstractDistribution as AbstractDistribution
from ansatz.distributions.bernoulli import Bernoulli as Bernoulli
from ansatz.distributions.categorical import Categorical as Categorical
from ansatz.distributions.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from ansatz.distributions.divergence import closed_form as closed_form
from ansatz.distributions.divergence import kl as kl
from ansatz.distributions.divergence import kl_terms as kl_terms
from ansatz.distributions.elementwise import AbstractElementwise as AbstractElementwise
from ansatz.distributions.elementwise_mixture import ElementwiseMixture as ElementwiseMixture
from ansatz.distributions.full_normal import FullNormal as FullNormal
from ansatz.distributions.heads.abstract import AbstractElementwiseHead as AbstractElementwiseHead
from ansatz.distributions.heads.abstract import AbstractHead as AbstractHead
from ansatz.distributions.heads.abstract import Measure as Measure
from ansatz.distributions.heads.bernoulli import BernoulliHead as BernoulliHead
from ansatz.distributions.heads.categorical import CategoricalHead as CategoricalHead
from ansatz.distributions.heads.continuous_bernoulli import (
    ContinuousBernoulliHead as ContinuousBernoulliHead,
)
from ansatz.distributions.heads.full_normal import FullNormalHead as FullNormalHead
from ansatz.distributions.heads.hurdle import HurdleHead as HurdleHead
from ansatz.distributions.heads.laplace import LaplaceHead as LaplaceHead
from ansatz.distributions.heads.logistic import LogisticHead as LogisticHead
from ansatz.distributions.heads.mixture import MixtureHead as MixtureHead
from ansatz.distributions.heads.normal import FixedNormalHead as FixedNormalHead
from ansatz.distributions.heads.normal import NormalHead as NormalHead
from ansatz.distributions.heads.normal import SharedNormalHead as SharedNormalHead
from ansatz.distributions.heads.poisson import PoissonHead as PoissonHead
from ansatz.distributions.heads.product import ProductHead as ProductHead
from ansatz.distributions.hurdle import Hurdle as Hurdle
from ansatz.distributions.independent import Independent as Independent
from ansatz.distributions.laplace import Laplace as Laplace
from ansatz.distributions.log_normal import LogNormal as LogNormal
from ansatz.distributions.logistic import Logistic as Logistic
from ansatz.distributions.mixture import Mixture as Mixture
from ansatz.distributions.nats import Nats as Nats
from ansatz.distributions.nats import entropy as entropy
from ansatz.distributions.normal import Normal as Normal
from ansatz.distributions.poisson import Poisson as Poisson
from ansatz.distributions.product import Product as Product
from ansatz.distributions.transformed import Transformed as Transformed
