"""Texts of requests: cleaned, masked, made noisy for tests, placed on a scale of writing."""
