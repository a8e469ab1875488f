"""The lab: what the metropolis runs to train, measure, compare and export."""
