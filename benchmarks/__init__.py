"""How fast the package learns, beside its peers; `make bench` measures and writes RESULTS.md."""
