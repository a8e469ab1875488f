"""What comes in lately, how far it is from what a model learned, and how to say so."""
