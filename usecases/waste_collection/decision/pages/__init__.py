"""What dispatcher and crew read: French pages and sheets."""
