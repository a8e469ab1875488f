"""What stands before every answer: connections, hosts, keys and rates."""
