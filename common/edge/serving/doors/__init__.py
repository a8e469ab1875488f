"""The protocols in which models are asked: what comes in and what goes out."""
