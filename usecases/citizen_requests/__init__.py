"""Citizen requests: which service, how urgent, seen before, and the passage that answers."""
