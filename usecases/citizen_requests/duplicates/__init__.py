"""Requests about the same fault: linked for the agent, never closed."""
