"""Measurements of Aune itself: ratios against a named peer, in one run."""
