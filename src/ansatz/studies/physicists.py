"""Forty physicists, and what can be answered about each of them with yes or no.

Years, prizes, places, names of units and elements are matters of record; what somebody is known
for is a judgement.
"""

from typing import NamedTuple

import numpy as np


class Physicist(NamedTuple):
    """Somebody, when they lived, and the words that are true of them."""

    name: str
    born: int
    died: int | None
    words: frozenset[str]


QUESTIONS = {
    "woman": "a woman",
    "british": "born in the British Isles",
    "german": "born in what is Germany or Austria today",
    "latin": "born in Italy or France",
    "american": "born in the United States",
    "naturalised": "became a citizen of the United States",
    "prize": "won the Nobel prize in physics",
    "chemistry": "won the Nobel prize in chemistry",
    "family": "has a parent, spouse or child with a Nobel prize",
    "title": "was made a knight, a dame or a peer",
    "chair": "held a chair in Cambridge",
    "unit": "has a unit of the SI called after them",
    "element": "has an element called after them",
    "manhattan": "worked for the Manhattan project",
    "experiment": "known for experiments or observations",
    "electricity": "known for electricity and magnetism",
    "heat": "known for heat or statistical physics",
    "quantum": "helped to make quantum mechanics",
    "nucleus": "known for radioactivity, nuclei or particles",
    "stars": "known for stars, planets or the universe",
}
"""What the words mean."""

NOW = 2025

_TABLE = """
Galileo          1564 1642 latin experiment stars
Kepler           1571 1630 german stars
Pascal           1623 1662 latin unit experiment
Newton           1643 1727 british title chair unit experiment stars
Volta            1745 1827 latin unit experiment electricity
Ampère           1775 1836 latin unit experiment electricity
Faraday          1791 1867 british unit experiment electricity
Joule            1818 1889 british unit experiment heat
Kelvin           1824 1907 british title unit experiment electricity heat
Maxwell          1831 1879 british chair electricity heat
Gibbs            1839 1903 american heat
Boltzmann        1844 1906 german heat
Röntgen          1845 1923 german prize element experiment
Becquerel        1852 1908 latin prize unit experiment nucleus
Thomson          1856 1940 british prize family title chair experiment nucleus
Hertz            1857 1894 german unit experiment electricity
Planck           1858 1947 german prize heat quantum
Curie            1867 1934 woman prize chemistry family element experiment nucleus
Rutherford       1871 1937 chemistry title chair element experiment nucleus
Meitner          1878 1968 woman german element experiment nucleus
Einstein         1879 1955 german naturalised prize element heat quantum stars
Bohr             1885 1962 prize family element manhattan quantum nucleus
Schrödinger      1887 1961 german prize quantum
Raman            1888 1970 prize title experiment
Hubble           1889 1953 american experiment stars
Chadwick         1891 1974 british prize title manhattan experiment nucleus
Bose             1894 1974 heat quantum
Pauli            1900 1958 german naturalised prize quantum nucleus
Fermi            1901 1954 latin naturalised prize element manhattan experiment heat quantum nucleus
Heisenberg       1901 1976 german prize quantum nucleus
Dirac            1902 1984 british prize chair heat quantum nucleus
Oppenheimer      1904 1967 american manhattan quantum nucleus stars
Goeppert-Mayer   1906 1972 woman naturalised prize manhattan nucleus
Bardeen          1908 1991 american prize
Chandrasekhar    1910 1995 naturalised prize stars
Wu               1912 1997 woman naturalised manhattan experiment nucleus
Feynman          1918 1988 american prize manhattan quantum nucleus
Higgs            1929 2024 british prize nucleus
Hawking          1942 2018 british chair stars
Bell-Burnell     1943 -    woman british title experiment stars
"""


def physicists() -> tuple[Physicist, ...]:
    """All of them, the oldest first."""
    found = []
    for line in _TABLE.strip().splitlines():
        name, born, died, *words = line.split()
        unknown = set(words) - QUESTIONS.keys()
        if unknown:
            raise ValueError(f"{name} is said to be {unknown}, which nobody asks.")
        ends = None if died == "-" else int(died)
        found.append(Physicist(name, int(born), ends, frozenset(words)))
    return tuple(found)


def by_years(who: Physicist) -> dict[str, bool]:
    """What follows from the years."""
    ends = NOW if who.died is None else who.died
    return {
        "born before 1800": who.born < 1800,
        "born in 1900 or later": who.born >= 1900,
        "lived in 1945": who.born <= 1945 <= ends,
        "lived in 1980": who.born <= 1980 <= ends,
        "lived to be eighty": ends - who.born >= 80,
        "died before sixty": who.died is not None and ends - who.born < 60,
    }


def questions() -> tuple[str, ...]:
    """What is asked, in the order of the columns of `answers`."""
    return (*QUESTIONS.values(), *by_years(physicists()[0]))


def answers() -> np.ndarray:
    """A row of zeros and ones for each physicist."""
    rows = [
        [*(word in who.words for word in QUESTIONS), *by_years(who).values()]
        for who in physicists()
    ]
    return np.array(rows, np.uint8)
