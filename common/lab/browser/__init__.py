"""A bundle as a page that computes in the reader's browser: no server, no network."""
