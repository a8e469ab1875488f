"""The replay bench: collection policies driven on the same days, compared at equal overflows."""
