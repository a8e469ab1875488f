"""Numbers, texts and tables as callers write them, and what is said of those refused."""
