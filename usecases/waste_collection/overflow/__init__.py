"""When a container overflows: what was seen, what collections hide, and what is answered."""
