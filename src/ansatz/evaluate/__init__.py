"""How good a fitted distribution is."""
