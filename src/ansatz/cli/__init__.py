"""The command `ansatz`: parse, call, print."""
