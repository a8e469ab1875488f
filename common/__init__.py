"""What every use case shares; it knows none of them."""
