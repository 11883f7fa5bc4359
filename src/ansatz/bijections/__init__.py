"""Invertible maps with their log-determinants; they serve preprocessing and flows."""

from ansatz.bijections.abstract import AbstractBijection as AbstractBijection
from ansatz.bijections.affine import Affine as Affine
from ansatz.bijections.chain import Chain as Chain
from ansatz.bijections.log1p import Log1p as Log1p
from ansatz.bijections.logit import Logit as Logit
