"""The append-only, hash-chained journal: written, checked, purged, read and explained."""
