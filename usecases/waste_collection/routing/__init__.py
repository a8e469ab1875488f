"""Rounds: roads, trucks, the plan of a day, its solver and its independent checker."""
