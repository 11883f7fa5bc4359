"""Elementary distributions, the divergence between two, and heads that make them from nets."""

from ansatz.distributions.abstract import AbstractDistribution as AbstractDistribution
from ansatz.distributions.bernoulli import Bernoulli as Bernoulli
from ansatz.distributions.divergence import Divergence as Divergence
from ansatz.distributions.divergence import closed_form as closed_form
from ansatz.distributions.divergence import kl as kl
from ansatz.distributions.heads import AbstractHead as AbstractHead
from ansatz.distributions.heads import BernoulliHead as BernoulliHead
from ansatz.distributions.heads import FixedNormalHead as FixedNormalHead
from ansatz.distributions.heads import LogisticHead as LogisticHead
from ansatz.distributions.heads import NormalHead as NormalHead
from ansatz.distributions.heads import SharedNormalHead as SharedNormalHead
from ansatz.distributions.logistic import Logistic as Logistic
from ansatz.distributions.normal import Normal as Normal
