"""These scripts run in environments of their own: pytest must not import them."""

collect_ignore_glob = ["*/*.py"]
