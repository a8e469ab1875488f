"""Service-public.fr sheets: read, cut into sections, and the questions and links that name them."""
