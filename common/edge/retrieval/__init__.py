"""Lexical retrieval over arrays that a bundle carries: no use-case code, no floating sums."""
