"""Take away what says who wrote: names, numbers, addresses; pseudonymised, never anonymous."""
