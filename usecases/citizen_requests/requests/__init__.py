"""Tables of short texts that a town hall's own services were asked for, and sets to measure on."""
