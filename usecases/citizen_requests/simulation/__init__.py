"""What simulated requests are composed of: facts, people, places and ways of writing."""
