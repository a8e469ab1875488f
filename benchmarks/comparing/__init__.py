"""Hold every entry against the reference: differences, verdicts, power, the record as JSON."""
