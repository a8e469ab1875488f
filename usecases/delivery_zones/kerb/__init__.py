"""Kerb events: cleaned, counted, and written in the CDS standard."""
