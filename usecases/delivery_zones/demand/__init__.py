"""Observed stays and demand: dwell, loss queues, demand of a zone."""
