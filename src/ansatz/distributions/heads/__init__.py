"""Heads: what a network's raw output means."""
