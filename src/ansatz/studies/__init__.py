"""Published and exactly known results, found again: the one table from a name to its study.

Nothing is imported before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ansatz.protocol.errors import OptionError, nearest

if TYPE_CHECKING:
    from ansatz.studies.study import Study

_STUDIES = {
    "detailed-balance": "ansatz.studies.detailed_balance:DetailedBalanceStudy",
    "ising": "ansatz.studies.ising:IsingStudy",
    "linear-gaussian": "ansatz.studies.linear_gaussian:LinearGaussianStudy",
    "rbm-mnist": "ansatz.studies.rbm_mnist:RBMMnistStudy",
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
