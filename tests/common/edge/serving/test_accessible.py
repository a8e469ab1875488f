"""The pages in a real browser: axe-core finds nothing, 320 px is enough, keys are enough."""

import shutil
import subprocess
import tarfile
from functools import cache
from pathlib import Path

import pytest

from tests.once import one_at_a_time
from tests.webdriver import browser

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[4]
AXE = "axe-core@4.14.1"
MODEL = "/modeles/building_energy.day_ahead"
TAB, ENTER = "\ue004", "\ue007"
CHECK = "const done = arguments[0]; axe.run(document).then(done, (error) => done(String(error)))"


@cache
def axe():
    """Return the script of axe-core, fetched once with the npm client into ``.aune/node``."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    folder = ROOT / ".aune" / "node"
    packed = folder / "axe-core-4.14.1.tgz"
    with one_at_a_time("node"):
        if not packed.exists():
            folder.mkdir(parents=True, exist_ok=True)
            command = [npm, "pack", AXE, "--pack-destination", str(folder), "--silent"]
            if subprocess.run(command, capture_output=True, timeout=180, check=False).returncode:
                pytest.skip(f"npm could not fetch {AXE}")
    with tarfile.open(packed) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.fixture(scope="module")
def pages():
    with browser() as opened:
        yield opened
        opened.quit()


@pytest.fixture
def address(live):
    with live() as port:
        yield f"http://127.0.0.1:{port}"


def violations(page):
    page.run(axe())
    found = page.wait_for(CHECK)
    assert isinstance(found, dict), found
    assert len(found["passes"]) > 10, "axe looked at next to nothing"
    return [
        f"{item['id']}: {node['html'][:120]}"
        for item in found["violations"]
        for node in item["nodes"]
    ]


@pytest.mark.parametrize("width", [320, 1200])
def test_axe_finds_nothing_on_any_page(pages, address, width):
    """List, form, answer and refusal, narrow and wide; nothing is wider than the screen."""
    pages.resize(width, 900)
    for path in ("/", MODEL):
        pages.open(address + path)
        assert violations(pages) == []
        assert pages.run("return document.documentElement.scrollWidth <= innerWidth")
    pages.run("document.querySelector('button').click()")
    assert "Réponse" in pages.run("return document.getElementById('reponse').innerText")
    assert violations(pages) == []
    assert pages.run("return document.documentElement.scrollWidth <= innerWidth")
    pages.run("document.querySelector('textarea').value = 'douze'")
    pages.run("document.querySelector('button').click()")
    assert "refusées" in pages.run("return document.getElementById('reponse').innerText")
    assert violations(pages) == []


def test_keys_alone_lead_from_the_list_to_an_answer(pages, address):
    """From the first page: skip link, model, fields, button, answer."""
    pages.resize(1200, 900)
    pages.open(address + "/")
    where = "return document.activeElement.outerHTML"
    for _ in range(20):
        pages.press([TAB])
        if MODEL in pages.run(where):
            break
    pages.press([ENTER])
    for _ in range(60):
        pages.press([TAB])
        if pages.run(where).startswith('<button type="submit">'):
            break
    pages.press([ENTER])
    assert pages.run("return document.activeElement.id") == "reponse"
