"""Delivery bays: when they are full, whether long stays block them, where one more would serve."""
