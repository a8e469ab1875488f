"""What a task asks of vendors: question papers, submissions, their checks and losses."""

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

__all__ = [
    "Column",
    "Contest",
    "Finding",
    "Labels",
    "Output",
    "Paper",
    "Questions",
    "Submission",
]
