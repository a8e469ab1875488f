"""The pages that agents read: choose a model, give it data, read its answer and its reasons."""
