"""Calorimeter showers: geometries, the field's files, and a simulator."""
