"""Invertible maps with their log-determinants; they serve preprocessing and flows."""

from ansatz.bijections.abstract import AbstractBijection as AbstractBijection
from ansatz.bijections.abstract import Condition as Condition
from ansatz.bijections.affine import Affine as Affine
from ansatz.bijections.autoregressive import Autoregressive as Autoregressive
from ansatz.bijections.chain import Chain as Chain
from ansatz.bijections.coupling import Coupling as Coupling
from ansatz.bijections.coupling import MaskedCoupling as MaskedCoupling
from ansatz.bijections.coupling import by_channel as by_channel
from ansatz.bijections.coupling import by_index as by_index
from ansatz.bijections.coupling import checkerboard as checkerboard
from ansatz.bijections.inverse import Inverse as Inverse
from ansatz.bijections.log1p import Log1p as Log1p
from ansatz.bijections.logit import Logit as Logit
from ansatz.bijections.lower_upper import LowerUpper as LowerUpper
from ansatz.bijections.multiscale import Channelled as Channelled
from ansatz.bijections.multiscale import MultiScale as MultiScale
from ansatz.bijections.multiscale import Squeeze as Squeeze
from ansatz.bijections.permutation import Permutation as Permutation
from ansatz.bijections.permutation import Reversal as Reversal
from ansatz.bijections.repeated import Repeated as Repeated
from ansatz.bijections.rotation import Rotation as Rotation
from ansatz.bijections.scalar import AbstractScalarMap as AbstractScalarMap
from ansatz.bijections.scalar import Shift as Shift
from ansatz.bijections.scalar import ShiftAndScale as ShiftAndScale
from ansatz.bijections.scaling import Scaling as Scaling
from ansatz.bijections.spline import Spline as Spline
