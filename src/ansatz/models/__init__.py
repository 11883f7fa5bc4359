"""The families, and the one table from a recipe's name to its class.

Nothing is imported before it is asked for. Other packages add recipes through the entry-point
group `ansatz.recipes`; a recipe never comes from a path found in a file.
"""

from importlib import import_module
from importlib.metadata import entry_points

from ansatz.protocol.errors import OptionError, nearest
from ansatz.protocol.recipe import Recipe

_BUILT_IN = {
    "autoencoder": "ansatz.models.reduce:AutoencoderRecipe",
    "boltzmann": "ansatz.models.boltzmann:BoltzmannRecipe",
    "calo-qvae": "ansatz.calo.generator:ShowerRecipe",
    "deep-rbm": "ansatz.models.boltzmann:DeepRecipe",
    "flow": "ansatz.models.flow:FlowRecipe",
    "gan": "ansatz.models.gan:GANRecipe",
    "kmeans": "ansatz.models.mixture:KMeansRecipe",
    "mixture": "ansatz.models.mixture:MixtureRecipe",
    "pca": "ansatz.models.reduce:PCARecipe",
    "qvae": "ansatz.models.vae:QVAERecipe",
    "rbm": "ansatz.models.boltzmann:RBMRecipe",
    "vae": "ansatz.models.vae:VAERecipe",
}


def recipe_names() -> tuple[str, ...]:
    """The names of all recipes, those of other packages too."""
    return tuple(_table())


def recipe_class(name: str) -> type[Recipe]:
    """The recipe of that name."""
    table = _table()
    if name not in table:
        raise OptionError(f"There is no recipe {name!r}. {nearest(name, table)}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)


def _table() -> dict[str, str]:
    added = {point.name: point.value for point in entry_points(group="ansatz.recipes")}
    return dict(sorted({**added, **_BUILT_IN}.items()))
