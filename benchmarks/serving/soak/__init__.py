"""A million requests while the server is killed, restarted, upgraded and given new keys."""
