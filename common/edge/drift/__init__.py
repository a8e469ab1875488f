"""What data usually look like, what comes in lately, and how far the one is from the other."""
