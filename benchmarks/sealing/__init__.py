"""The sealed pack: questions handed out, labels kept, submissions logged, labels revealed."""
