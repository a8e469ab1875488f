"""What a run found: kept as a file, put in figures, printed."""
