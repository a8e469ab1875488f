"""What a task asks of vendors: question papers, submissions, their checks and losses."""

from common.lab.contest.audit import audit_rows
from common.lab.contest.checks import check_rows, main_column
from common.lab.contest.files import LIMITS, Limits
from common.lab.contest.quantiles import quantile_columns
from common.lab.contest.records import (
    Column,
    Contest,
    Finding,
    Labels,
    Output,
    Paper,
    Questions,
    Submission,
)
from common.lab.contest.rows import parse_rows

__all__ = [
    "LIMITS",
    "Column",
    "Contest",
    "Finding",
    "Labels",
    "Limits",
    "Output",
    "Paper",
    "Questions",
    "Submission",
    "audit_rows",
    "check_rows",
    "main_column",
    "parse_rows",
    "quantile_columns",
]
