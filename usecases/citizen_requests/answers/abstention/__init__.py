"""Does a sheet answer at all: the learnt head that lets the assistant say "I do not know"."""
