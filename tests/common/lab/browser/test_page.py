"""The same file in a real browser, from a disk: no server, no network, the lab's own answers."""

import re
import time

import pytest

from common.edge.archive import Limits, read_files
from common.edge.bundle import Bundle
from common.edge.errors import SourceError
from common.lab.browser.page import write_browser_page
from tests.webdriver import browser

pytestmark = pytest.mark.slow

SAME = 0.98
"""WebAssembly rounds the last bit otherwise: now and then a feature falls on the next step of
its grid (tests/test_node.py)."""


@pytest.fixture(scope="module")
def page(sealed_zip, signing_key, tmp_path_factory):
    bundle = Bundle.open(sealed_zip, [signing_key[1]])
    model = read_files(sealed_zip, Limits())["model.onnx"]
    try:
        return write_browser_page(bundle, model, tmp_path_factory.mktemp("browser"))
    except SourceError as error:
        pytest.skip(f"the runtime is not at hand: {error.found}")


def test_a_browser_computes_what_the_lab_computed(page):
    """Opened as a file: the golden rows replay in WebAssembly."""
    with browser() as opened:
        opened.open(page.as_uri())
        said = ""
        for _ in range(150):
            said = opened.run("return document.getElementById('etat').textContent")
            if "en cours" not in said:
                break
            time.sleep(0.2)
        counts = re.match(r"(\d+) valeurs sur (\d+) égales", said)
        assert counts, said
        assert int(counts.group(1)) >= SAME * int(counts.group(2)) > 0
        asked = opened.run("return performance.getEntriesByType('resource').map((e) => e.name)")
        assert all(name.startswith(("file:", "blob:")) for name in asked)
        opened.quit()


def test_the_page_names_no_address(page):
    """Whoever reads the source finds no host to be asked."""
    text = page.read_text(encoding="utf-8") + page.with_name("page.js").read_text(encoding="utf-8")
    assert not re.search(r"https?://", text)
