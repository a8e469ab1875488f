"""Is the sensor right: faults put in, residual checks, ladder, task."""
