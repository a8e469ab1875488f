"""The bench tests itself: simulated error rates, cheating submissions, a practice contest."""
