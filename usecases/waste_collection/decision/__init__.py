"""From a morning's readings to the rounds of the day: chosen, checked, explained, written out."""
