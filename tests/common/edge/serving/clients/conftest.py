"""The script of the clients runs in an environment of its own: pytest must not import it."""

collect_ignore = ["triton_client.py"]
