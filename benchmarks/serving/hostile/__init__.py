"""Attacks on a running server and on an install: what was tried, what came of it."""
