"""Will a bay be free: rows, counted queues and what the rungs are made of."""
