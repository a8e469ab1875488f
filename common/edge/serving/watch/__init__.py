"""The watch on data beside the answers: what comes in, what comes true, what is said of it."""
