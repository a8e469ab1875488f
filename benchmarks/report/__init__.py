"""The comparison page in French: one static file made from a Comparison."""

from benchmarks.report.page import comparison_page

__all__ = ["comparison_page"]
