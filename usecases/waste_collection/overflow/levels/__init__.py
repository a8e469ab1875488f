"""Daily levels and what they say: steps, histories, the table of a container, its paces."""
