"""Published and exactly known results, found again: the one table from a name to its study.

Nothing is imported before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ansatz.protocol.errors import OptionError, nearest

if TYPE_CHECKING:
    from ansatz.studies.study import Study

_STUDIES = {
    "annealing": "ansatz.studies.annealing:AnnealingStudy",
    "beta-traversal": "ansatz.studies.beta_traversal:BetaTraversalStudy",
    "boltzmann-generator": "ansatz.studies.boltzmann_generator:BoltzmannGeneratorStudy",
    "calo-hit-bias": "ansatz.studies.calo_hit_bias:CaloHitBiasStudy",
    "calo-qvae": "ansatz.studies.calo_qvae:CaloQVAEStudy",
    "calo-spoiling": "ansatz.studies.calo_spoiling:CaloSpoilingStudy",
    "conditional-flow": "ansatz.studies.conditional_flow:ConditionalFlowStudy",
    "conditional-gan": "ansatz.studies.conditional_gan:ConditionalGANStudy",
    "conditional-vae": "ansatz.studies.conditional_vae:ConditionalVAEStudy",
    "contractive-ae": "ansatz.studies.contractive_ae:ContractiveAEStudy",
    "conv-flow-field": "ansatz.studies.conv_flow_field:ConvFlowFieldStudy",
    "deep-rbm": "ansatz.studies.deep_rbm:DeepRBMStudy",
    "denoising-ae": "ansatz.studies.denoising_ae:DenoisingAEStudy",
    "detailed-balance": "ansatz.studies.detailed_balance:DetailedBalanceStudy",
    "elbo-identities": "ansatz.studies.elbo_identities:ElboIdentitiesStudy",
    "em-monotone": "ansatz.studies.em_monotone:EMMonotoneStudy",
    "flow-2d": "ansatz.studies.flow_2d:Flow2DStudy",
    "flow-bayes": "ansatz.studies.flow_bayes:FlowBayesStudy",
    "four-families": "ansatz.studies.four_families:FourFamiliesStudy",
    "gan-2d": "ansatz.studies.gan_2d:GAN2DStudy",
    "gradient-estimators": "ansatz.studies.gradient_estimators:GradientEstimatorsStudy",
    "guess-a-physicist": "ansatz.studies.guess_a_physicist:GuessAPhysicistStudy",
    "ising": "ansatz.studies.ising:IsingStudy",
    "iwae-mnist": "ansatz.studies.iwae_mnist:IWAEStudy",
    "linear-ae": "ansatz.studies.linear_ae:LinearAEStudy",
    "linear-gaussian": "ansatz.studies.linear_gaussian:LinearGaussianStudy",
    "nice-anomaly": "ansatz.studies.nice_anomaly:NICEAnomalyStudy",
    "pca-mnist": "ansatz.studies.pca_mnist:PCAMnistStudy",
    "quantum-state": "ansatz.studies.quantum_state:QuantumStateStudy",
    "rbm-bars": "ansatz.studies.rbm_bars:RBMBarsStudy",
    "rbm-mnist": "ansatz.studies.rbm_mnist:RBMMnistStudy",
    "rbm-prior": "ansatz.studies.rbm_prior:RBMPriorStudy",
    "trainable-prior": "ansatz.studies.trainable_prior:TrainablePriorStudy",
    "vae-limits": "ansatz.studies.vae_limits:VAELimitsStudy",
    "wave-packet-vae": "ansatz.studies.wave_packet_vae:WavePacketStudy",
}


def study_names() -> tuple[str, ...]:
    """The names of all studies."""
    return tuple(sorted(_STUDIES))


def find_study(name: str) -> "Study":
    """The study of that name."""
    if name not in _STUDIES:
        raise OptionError(f"There is no study {name!r}. {nearest(name, study_names())}")
    module, _, attribute = _STUDIES[name].partition(":")
    return getattr(import_module(module), attribute)()
