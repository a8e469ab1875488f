"""Public routing instances: read, solved, and checked without the solver."""
