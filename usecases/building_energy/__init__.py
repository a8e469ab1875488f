"""Energy of municipal buildings: the day-ahead forecast and what follows from it."""
