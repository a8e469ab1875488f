"""One question at a time, beside the callers: which version is served, does a key open."""

import asyncio

import orjson

from benchmarks.serving.soak.versions import MODEL

__all__ = ["get", "get_status", "served_version"]

_SECONDS = 20.0


async def get(port: int, path: str, secret: str) -> tuple[int, bytes]:
    """Return status and body of an address; status 0 where nobody answers."""
    request = (
        f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {secret}\r\n"
        "connection: close\r\n\r\n"
    )
    try:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request.encode())
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return 0, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head[9:12] or 0), body


async def get_status(port: int, path: str, secret: str) -> int:
    """Return the status of an address; 0 where nobody answers."""
    return (await get(port, path, secret))[0]


async def served_version(port: int, secret: str) -> str:
    """Return the version of the soak's model in service; empty where there is none."""
    status, body = await get(port, "/models", secret)
    if status != 200:
        return ""
    models = orjson.loads(body)["models"]
    return next((str(one["version"]) for one in models if one["name"] == MODEL), "")
