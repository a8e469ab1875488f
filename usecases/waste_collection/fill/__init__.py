"""Fill levels: public files, cleaning, and the standards they travel in."""
