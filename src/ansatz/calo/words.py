"""What showers and their energies are called where they are shown."""

KINDS = ("reference", "generated")


def energy_words(mev: float) -> str:
    """An energy in MeV as a person says it."""
    for unit, size in (("TeV", 1e6), ("GeV", 1e3)):
        if mev >= 0.9995 * size:
            return f"{mev / size:.3g} {unit}"
    return f"{mev:.3g} MeV"
