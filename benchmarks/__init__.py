"""A vendor's solution held against the reference, and measurements of Aune itself."""
