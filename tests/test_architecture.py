"""What the tree promises: direction of imports, sizes, names, quiet starts, nothing local."""

import ast
import json
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from usecases import names

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.xdist_group("architecture")  # every module is read and parsed once
PACKAGES = ("common", "usecases", "benchmarks")

MAX_FUNCTION_LINES = 50
P90_FUNCTION_LINES = 25
MAX_FILE_LINES = 450
MAX_FILE_BYTES = 1_000_000
MAX_HELP_CPU_SECONDS = 1.0
"""DESIGN asks for 0.3 s of ``aune --help``; a busy shared core is given three times that."""

USECASE_FILES = {
    "README.md", "sources.toml", "data.py", "simulate.py", "features.py", "model.py",
    "tasks.py", "usecase.py", "__init__.py",
}  # fmt: skip

HEAVY = ("codecarbon", "lightgbm", "matplotlib", "mlflow", "ndonnx", "onnx", "onnxruntime",
         "pandas", "scipy", "shap", "sklearn", "statsmodels")  # fmt: skip
EDGE_MAY_IMPORT = {
    "anyio", "common", "cryptography", "numpy", "onnxruntime", "orjson", "starlette", "typer",
    "uvicorn",
}  # fmt: skip

# Put together from parts, so that this file does not hold what it forbids.
UNFINISHED = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME")) + r")\b")
REGISTRY = re.compile(
    "|".join(("pypi" + r"\.org", "python" + r"hosted\.org", "artifact" + "ory", "nexus" + r"[.\-/]",
              "simple" + "/index", "--(extra-)?index" + "-url[= ]http"))
)  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w.>/-])/(?:home/[a-z]|Us" + r"ers/[A-Za-z]|wo" + r"rk/[a-z])")


@cache
def tracked() -> list[Path]:
    """Return the files that git tracks and that are still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def sources() -> list[Path]:
    """List the modules, without the scripts that run in other servers' own environments."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if "peers" not in path.parts)


@cache
def parsed(path: Path) -> ast.Module:
    """Return a module's tree; several tests read every one of them."""
    return ast.parse(path.read_text(encoding="utf-8"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def texts() -> list[tuple[str, str]]:
    """Return the tracked text files; the lock and pinned sources hold hashes only."""
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content[:4096]:
            found.append((relative(path), content.decode("utf-8")))
    return found


@cache
def function_sizes() -> list[tuple[int, str]]:
    """Return the lines of each function, its docstring left out, with its place."""
    sizes = []
    for path in sources():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if ast.get_docstring(node) is not None:
                    n_lines -= (first.end_lineno or first.lineno) - first.lineno + 1
                sizes.append((n_lines, f"{relative(path)}:{node.lineno} {node.name}"))
    return sizes


def fresh(program: str) -> dict:
    """Run a program in a new interpreter; it prints one JSON object."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_import_contracts_are_kept():
    """The edge never imports the lab, use cases are independent, one file per heavy package."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("usecase", names())
def test_every_use_case_folder_has_the_same_file_names(usecase):
    """A reader who knows one use case finds everything in the others."""
    present = {path.name for path in (ROOT / "usecases" / usecase).iterdir()}
    assert not USECASE_FILES - present


def test_no_function_is_longer_than_a_screen():
    """50 lines at most, docstring left out (DESIGN 7)."""
    long = [f"{place}: {size}" for size, place in function_sizes() if size > MAX_FUNCTION_LINES]
    assert not long


def test_nine_functions_of_ten_are_short():
    """The 90th percentile stays within 25 lines (DESIGN 7)."""
    assert np.percentile([size for size, _ in function_sizes()], 90) <= P90_FUNCTION_LINES


def test_no_module_is_longer_than_450_lines():
    """A longer one holds two nouns (DESIGN 7)."""
    lengths = {relative(path): len(path.read_text("utf-8").splitlines()) for path in sources()}
    assert not {name: lines for name, lines in lengths.items() if lines > MAX_FILE_LINES}


def test_nothing_is_left_unfinished_in_the_code():
    """What is missing belongs to an issue, not to a comment."""
    found = [name for name, text in texts() if name.endswith(".py") and UNFINISHED.search(text)]
    assert not found


def test_no_tracked_file_names_a_package_registry():
    """The lock has hashes and no address: a commune's mirror is as good as any."""
    assert not [name for name, text in texts() if REGISTRY.search(text)]


def test_no_tracked_file_holds_a_path_of_one_machine():
    """A home or work folder in a file works for its author alone."""
    found = {name: MACHINE_PATH.search(text) for name, text in texts()}
    assert not {name: match.group() for name, match in found.items() if match}


def test_no_tracked_file_is_over_a_megabyte():
    """Data are fetched, bundles are made; neither is kept in git."""
    sizes = {relative(path): path.stat().st_size for path in tracked()}
    assert not {name: size for name, size in sizes.items() if size > MAX_FILE_BYTES}


@pytest.mark.parametrize("path", sources(), ids=relative)
def test_module_says_what_it_is_for_and_what_it_offers(path):
    """A docstring, and an ``__all__`` that is sorted and true."""
    tree = parsed(path)
    assert ast.get_docstring(tree)
    if path.name == "__init__.py" and len(tree.body) == 1:
        return
    name = relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    module = import_module(name)
    offered = list(module.__all__)
    # Ruff's order (isort): CONSTANTS, Classes, functions, each in alphabetical order.
    kinds = [0 if entry.isupper() else 1 if entry[:1].isupper() else 2 for entry in offered]
    assert list(zip(kinds, offered, strict=True)) == sorted(zip(kinds, offered, strict=True))
    assert len(set(offered)) == len(offered)
    assert not [entry for entry in offered if not hasattr(module, entry)]


def test_help_is_quick_and_loads_no_heavy_package():
    """``aune --help`` is the first thing that anybody types."""
    told = fresh(
        "import json, resource, sys\n"
        "from typer.testing import CliRunner\n"
        "from usecases.cli import app\n"
        "result = CliRunner().invoke(app, ['--help'])\n"
        f"loaded = sorted(set(sys.modules) & set({HEAVY!r}))\n"
        "usage = resource.getrusage(resource.RUSAGE_SELF)\n"
        "print(json.dumps({'code': result.exit_code, 'text': result.output, 'loaded': loaded,"
        " 'cpu': usage.ru_utime + usage.ru_stime}))"
    )
    assert told["code"] == 0
    assert "benchmark" in told["text"] or "run" in told["text"]
    assert told["loaded"] == []
    assert told["cpu"] < MAX_HELP_CPU_SECONDS


def test_edge_imports_nothing_but_what_a_commune_installs():
    """Imported in a new interpreter, module by module, the edge brings no lab package along."""
    modules = [
        relative(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for path in (ROOT / "common" / "edge").rglob("*.py")
    ]
    told = fresh(
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print(json.dumps({'heavy': sorted(set(sys.modules) & "
        f"(set({HEAVY!r}) - {{'onnxruntime'}})), 'lab': [name for name in sys.modules"
        " if name.startswith(('common.lab', 'usecases', 'benchmarks'))]}))"
    )
    assert told == {"heavy": [], "lab": []}


def test_edge_sources_name_only_the_packages_of_the_edge():
    """Lazy imports count too: every import statement below common/edge is looked at."""
    found = set()
    for path in (ROOT / "common" / "edge").rglob("*.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    assert found - set(sys.stdlib_module_names) <= EDGE_MAY_IMPORT
