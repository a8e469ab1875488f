"""What a bundle says of the data that its model learned from: counts, and how far usual ones go."""
