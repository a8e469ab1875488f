"""What must hold for every use case."""

from common.lab.checks.suite import Check, yield_checks

__all__ = ["Check", "yield_checks"]
