"""Our server held against others: the same model, the same rows, one run."""
