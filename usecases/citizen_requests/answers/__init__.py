"""The official passage that answers: retrieval over sheets, abstention, and vendors' runs."""
