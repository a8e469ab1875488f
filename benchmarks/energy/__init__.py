"""What a figure of energy is worth, and what a year of service takes."""
