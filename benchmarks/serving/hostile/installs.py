"""Bundles that should never be installed, and a store that somebody damaged."""

import io
import json
import shutil
import stat
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.serving.hostile.outcome import Outcome
from benchmarks.serving.hostile.target import Target
from benchmarks.serving.soak.service import Service
from benchmarks.serving.soak.versions import TASK, USECASE, Version, trace, write
from common.edge.errors import AuneError
from common.edge.onnxfile import read_summary
from common.edge.signature import SIGNATURE, SUMS, sums_text
from common.edge.store.store import Store
from common.lab.keys import ensure_key, sign

__all__ = ["attack"]

_SECONDS = 10.0
_GROWTH_MB = 64.0
Files = dict[str, bytes]


def attack(target: Target) -> list[Outcome]:
    """Try to install each over a good version, then damage the store under a server."""
    root = target.folder / "installs"
    root.mkdir()
    found = [_refused(target, root, name, path) for name, path in _bundles(target, root)]
    found.append(_downgrade(target))
    return [*found, *_damaged(target)]


def _refused(target: Target, root: Path, name: str, path: Path) -> Outcome:
    """Install into a store with version 1 in use; it must stay, byte for byte."""
    store = Store(root / "store", [target.public_key])
    if not store.installed():
        store.install(target.bundles[1])
    before = _state(store.root)
    _reset_peak()
    start_mb, begun = _peak_mb(), time.monotonic()
    try:
        store.install(path)
        told = "installed"
    except AuneError as error:
        told = f"{type(error).__name__}: {error.found[:90]}"
    lasted, grown = time.monotonic() - begun, _peak_mb() - start_mb
    same = _state(store.root) == before
    in_use = store.open(USECASE, TASK).manifest.version
    ok = told != "installed" and same and in_use == "1.0.0" and lasted < _SECONDS
    return Outcome(
        "install",
        name,
        f"{told}; {lasted:.2f} s, memory +{max(0.0, grown):.0f} MB",
        f"refused, the store as before, memory at most +{_GROWTH_MB:g} MB",
        ok and grown <= _GROWTH_MB,
    )


def _state(root: Path) -> dict[str, bytes]:
    """Return every file of a store that is not for its own housekeeping."""
    kept = (path for path in root.rglob("*") if path.is_file() and "staging" not in path.parts)
    return {str(path.relative_to(root)): path.read_bytes() for path in kept}


def _reset_peak() -> None:
    """Forget the largest size of this process so far (``proc(5)``, ``clear_refs``)."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def _bundles(target: Target, root: Path) -> Iterator[tuple[str, Path]]:
    """Make each hostile bundle when its turn comes."""
    good = _unpacked(target.bundles[2])
    for name, change in _ZIPS.items():
        path = root / "zip.zip"
        change(path, good)
        yield name, path
    for name, files in _signed(target, good):
        yield name, _packed(root / "signed.zip", files)
    other = ensure_key(root / "other.pem")
    yield "signed by a key that nobody trusts", write(root / "other.zip", Version(2), other)


def _unpacked(path: Path) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _with_entry(name: str, data: bytes = b"x", mode: int = 0) -> Callable[[Path, Files], None]:
    def change(path: Path, files: Files) -> None:
        _packed(path, files)
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)

    return change


def _many_entries(path: Path, files: Files) -> None:
    _packed(path, files | {f"f{n}": b"" for n in range(20_000)})


def _changed_byte(path: Path, files: Files) -> None:
    model = bytearray(files["model.onnx"])
    model[len(model) // 2] ^= 1
    _packed(path, files | {"model.onnx": bytes(model)})


def _cut(path: Path, files: Files) -> None:
    _packed(path, files)
    path.write_bytes(path.read_bytes()[:-200])


def _lying_size(path: Path, files: Files) -> None:
    """Pack 100 MB of zeros that announce a kilobyte, in the directory and before the data."""
    _packed(path, files)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("bomb", bytes(100_000_000))
    size = (100_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1_000).to_bytes(4, "little")))


_ZIPS: dict[str, Callable[[Path, Files], None]] = {
    "a name that climbs out: ../../x": _with_entry("../../x"),
    "an absolute name: /etc/cron.d/x": _with_entry("/etc/cron.d/x"),
    "a Windows name: ..\\..\\x": _with_entry("..\\..\\x"),
    "a symbolic link to /etc/passwd": _with_entry("link", b"/etc/passwd", stat.S_IFLNK | 0o777),
    "a device file": _with_entry("null", b"", stat.S_IFCHR | 0o666),
    "the manifest a second time": _with_entry("MANIFEST.json", b"{}"),
    "a zip bomb: 200 MB of zeros": _with_entry("bomb", bytes(200_000_000)),
    "a zip bomb that announces 1 kB": _lying_size,
    "20,000 entries": _many_entries,
    "one bit of the model changed": _changed_byte,
    "the end of the file cut off": _cut,
}


def _signed(target: Target, good: Files) -> Iterator[tuple[str, Files]]:
    """Bundles with a good signature over a bad content: the publisher's key was stolen."""

    def sealed(**changed: bytes) -> Files:
        files = {n: d for n, d in good.items() if n not in (SUMS, SIGNATURE)}
        files |= {name.replace("_", "."): data for name, data in changed.items()}
        sums = sums_text(files).encode()
        return files | {SUMS: sums, SIGNATURE: sign(sums, target.key)}

    model = good["model.onnx"]
    greedy = _four_tebibytes(model)
    yield (
        "a graph that asks for 4 TiB, its operators kept from the manifest",
        sealed(model_onnx=greedy),
    )
    yield (
        "a graph that asks for 4 TiB, operators as in the manifest",
        sealed(model_onnx=greedy, manifest_json=_matching(good["manifest.json"], greedy)),
    )
    yield "a loop in the graph", sealed(model_onnx=_renamed(model, "Loop"))
    yield "an operator of another domain", sealed(model_onnx=_renamed(model, "Add", "evil.example"))
    yield "weights in a file outside: ../../x", sealed(model_onnx=_external(model))
    yield "a graph of 6 MB", sealed(model_onnx=_padded(model))
    yield "no ONNX at all", sealed(model_onnx=b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    yield "golden rows that hold objects", sealed(examples_npz=_pickled())
    yield "a manifest nested 100,000 deep", sealed(manifest_json=b"[" * 100_000)
    yield "another graph than the golden rows", sealed(model_onnx=trace(Version(3)))


def _four_tebibytes(model: bytes) -> bytes:
    """Let the forecast wait for the sum of 2**40 float32 made from nothing."""
    import onnx

    graph = onnx.load_from_string(model)
    nodes, outputs = graph.graph.node, graph.graph.output
    size = onnx.numpy_helper.from_array(np.array([2**40], np.int64), "evil_size")
    graph.graph.initializer.append(size)
    name = outputs[0].name
    for node in nodes:
        node.output[:] = ["honest" if one == name else one for one in node.output]
        node.input[:] = ["honest" if one == name else one for one in node.input]
    nodes.append(onnx.helper.make_node("ConstantOfShape", ["evil_size"], ["evil"]))
    nodes.append(onnx.helper.make_node("ReduceSum", ["evil"], ["evil_sum"], keepdims=0))
    nodes.append(onnx.helper.make_node("Add", ["honest", "evil_sum"], [name]))
    return bytes(graph.SerializeToString())


def _matching(manifest: bytes, model: bytes) -> bytes:
    """Return a manifest that names the operators of a graph."""
    raw = json.loads(manifest)
    raw["operators"] = sorted(list(pair) for pair in read_summary(model).operators)
    return json.dumps(raw).encode()


def _renamed(model: bytes, operator: str, domain: str = "") -> bytes:
    import onnx

    graph = onnx.load_from_string(model)
    graph.graph.node[-1].op_type = operator
    graph.graph.node[-1].domain = domain
    if domain:
        graph.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    return bytes(graph.SerializeToString())


def _external(model: bytes) -> bytes:
    import onnx

    graph = onnx.load_from_string(model)
    tensor = onnx.TensorProto(name="far", data_type=1, dims=[4], data_location=1)
    tensor.external_data.append(onnx.StringStringEntryProto(key="location", value="../../x"))
    graph.graph.initializer.append(tensor)
    return bytes(graph.SerializeToString())


def _padded(model: bytes) -> bytes:
    import onnx

    graph = onnx.load_from_string(model)
    rng = np.random.default_rng(0)
    noise = rng.random(1_500_000, np.float32)
    graph.graph.initializer.append(onnx.numpy_helper.from_array(noise, "noise"))
    return bytes(graph.SerializeToString())


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, inputs=np.array([{"a": 1}], dtype=object))
    return buffer.getvalue()


def _downgrade(target: Target) -> Outcome:
    """Install a version that had a fault, signed in its time, over the one that mended it."""
    store = Store(target.folder / "downgrade", [target.public_key])
    store.install(target.bundles[2])
    try:
        store.install(target.bundles[1])
        told = "installed"
    except AuneError as error:
        told = f"{type(error).__name__}: {error.found}"
    in_use = store.open(USECASE, TASK).manifest.version
    ok = told != "installed" and in_use == "2.0.0"
    return Outcome("install", "an older signed version", told, "refused without the option", ok)


def _damaged(target: Target) -> list[Outcome]:
    """Damage a store, start a server on it, and ask: nothing unverified may answer."""
    place = target.folder / "damaged"
    versions = f"versions/{USECASE}/{TASK}"
    damages: dict[str, Callable[[Path], object]] = {
        "the record torn": lambda root: (root / versions / "current.json").write_bytes(b'{"lay'),
        "record and log torn": lambda root: [
            (root / name).write_bytes(b"\xff")
            for name in (f"{versions}/current.json", "installs.jsonl")
        ],
        "the bundle's bytes changed": lambda root: _flip(root / versions / "2.0.0/bundle.zip"),
        "another signed version in its place": lambda root: shutil.copy(
            target.bundles[1], root / versions / "2.0.0/bundle.zip"
        ),
        "the trusted key taken away": lambda root: shutil.rmtree(root / "trusted"),
        "a bundle replaced by a link to a device": lambda root: _linked(
            root / versions / "2.0.0/bundle.zip"
        ),
    }
    sound = Store(place / "sound", [target.public_key])
    sound.install(target.bundles[1])
    sound.install(target.bundles[2])
    found = []
    for name, damage in damages.items():
        root = place / "store"
        shutil.copytree(sound.root, root)
        damage(root)
        found.append(_served(place, root, name))
        shutil.rmtree(root)
    return found


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _served(place: Path, root: Path, name: str) -> Outcome:
    """Version 2 where the log could mend it, or nothing at all: never something else."""
    from benchmarks.serving.hostile.wire import HOST, exchange

    service = Service(place, root, "--rate", "0")
    service.start()
    try:
        ask = b"GET %b HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"
        live, ready, models = (
            exchange(service.port, ask % path)
            for path in (b"/health/live", b"/health/ready", b"/models")
        )
    finally:
        service.reap()
    is_mended = ready.statuses == (200,) and b'"version":"2.0.0"' in models.answer
    is_closed = ready.statuses == (503,) and b'"models":[]' in models.answer
    told = "mended from the log" if is_mended else "not ready, no model served"
    return Outcome(
        "store",
        name,
        told if is_mended or is_closed else f"ready {ready}, {models.answer[-80:]!r}",
        "live; the installed version or none",
        live.statuses == (200,) and (is_mended or is_closed),
    )
