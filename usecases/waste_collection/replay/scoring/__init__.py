"""What a replay did, and policies compared at equal overflows."""
