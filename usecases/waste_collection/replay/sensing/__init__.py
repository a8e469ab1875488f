"""Fewer sensors and faulty ones: what a planner is shown, and what it should believe."""
