"""A fitted model on disk: fit, save, resume, load."""
