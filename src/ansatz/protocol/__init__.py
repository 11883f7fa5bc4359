"""Plain classes that every room agrees on; this room imports no other."""
