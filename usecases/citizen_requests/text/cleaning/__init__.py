"""Take away what surrounds a request: politeness, signatures, threads, disclaimers."""
