"""The pages for agents: a form without JavaScript, an answer in words, refusals in their place."""

import base64
import re
from html import unescape
from urllib.parse import urlencode

import numpy as np
import pytest

from common.edge.serving.gate.keys import KeyRing
from common.edge.serving.pages.controls import example, typed_inputs
from common.edge.serving.pages.formdata import read_form
from common.edge.serving.pages.underlined import underlined
from common.edge.serving.problem import Problem

MODEL = "building_energy.day_ahead"
PAGE = f"/modeles/{MODEL}"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def served(call):
    (served,) = call.app.fleet.models.values()
    return served


@pytest.fixture(scope="module")
def typed(served):
    """What the form holds at first: the first golden row."""
    return example(served)


def text_of(reply):
    """Return what a reader sees of a page."""
    return unescape(re.sub(r"<[^>]+>|\s+", " ", reply.body.decode()))


def multipart(fields, files):
    """Write a form as browsers do (RFC 7578)."""
    parts = [
        f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
        for name, text in fields.items()
    ] + [
        f'--b\r\ncontent-disposition: form-data; name="{name}"; filename="a.csv"\r\n'
        f"content-type: text/csv\r\n\r\n{text}\r\n"
        for name, text in files.items()
    ]
    return ("".join(parts) + "--b--\r\n").encode(), "multipart/form-data; boundary=b"


def test_the_first_page_lists_what_is_served_with_its_question(call, served):
    """An agent chooses a question, not the name of a file."""
    reply = call("GET", "/")
    assert reply.status == 200
    assert served.manifest.question in text_of(reply)
    assert f'href="{PAGE}"' in reply.body.decode()


def test_the_example_of_the_form_is_the_golden_row_to_the_digits_shown(served, typed):
    """What is shown must be what is sent back: six significant digits, gaps as « nd »."""
    inputs = typed_inputs(served, typed)
    for name, values in served.bundle.golden[0].items():
        np.testing.assert_allclose(inputs[name], values[:1], rtol=1e-5)


def test_the_form_answers_like_the_program_interface(call, served, typed):
    """The page is another door to the same graph, not another model."""
    reply = call("POST", PAGE, urlencode(typed).encode(), content_type=FORM)
    assert reply.status == 200
    outputs = served.bundle.predict(typed_inputs(served, typed))
    first = float(np.ravel(outputs[served.manifest.outputs[0].name])[0])
    shown = f"{first:.4g}".rstrip("0").rstrip(".").replace(".", ",")
    assert shown in text_of(reply)
    for said in ("Pourquoi", "Fiabilité de cette réponse", "cœur occupé", "Signature"):
        assert said in text_of(reply)


def test_a_refused_value_is_named_beside_its_field_and_what_was_typed_stays(call, served, typed):
    """Losing 42 days of hours to one wrong letter would end the use of the page."""
    name = next(n for n, f in served.fields.items() if f.dtype == "float32" and f.default is None)
    words = typed[name].split()
    wrong = typed | {name: " ".join(["douze", *words[1:]])}
    reply = call("POST", PAGE, urlencode(wrong).encode(), content_type=FORM)
    assert reply.status == 422
    page = reply.body.decode()
    assert f'id="{name}-faute"' in page
    assert f'aria-describedby="{name}-aide {name}-faute" aria-invalid="true"' in page
    assert "valeur n° 1 « douze »" in text_of(reply)
    assert "douze" in re.search(rf'id="{name}"[^>]*>?(.{{0,40}})', page, re.S).group(0)


def test_too_few_values_are_counted(served, typed):
    """A missing hour must not shift the hours after it."""
    name = next(n for n, f in served.fields.items() if len(f.shape) > 1 and f.default is None)
    size = len(typed[name].split())
    with pytest.raises(Problem, match=f"{size - 1} valeurs ; attendu : {size}"):
        typed_inputs(served, typed | {name: " ".join(typed[name].split()[1:])})


def csv_of(served, rows):
    """Return the example, as many times, as the CSV that the page takes."""
    columns = {"id": [f"cas-{row}" for row in range(rows)]}
    for name, (values,) in served.bundle.golden[0].items():
        for index in np.ndindex(values.shape):
            value = values[index].item()
            cells = [f"{value:.6g}" if value == value else ""] * rows
            columns[".".join([name, *map(str, index)])] = [c.replace(".", ",") for c in cells]
    lines = [";".join(columns), *(";".join(row) for row in zip(*columns.values(), strict=True))]
    return "\n".join(lines)


def test_a_file_goes_before_the_fields_and_each_row_is_answered(call, served, typed):
    """The page says so; rows beyond the third are one line each."""
    body, kind = multipart(typed, {"fichier": csv_of(served, 5)})
    reply = call("POST", PAGE, body, content_type=kind)
    assert reply.status == 200
    assert all(f"cas-{row}" in text_of(reply) for row in range(5))


def test_the_answer_can_be_had_as_a_file(call, served, typed):
    """Whoever sends a table wants one back."""
    body, kind = multipart({"csv": "1"}, {"fichier": csv_of(served, 2)})
    reply = call("POST", PAGE, body, content_type=kind)
    assert reply.headers["content-type"].startswith("text/csv")
    assert reply.headers["content-disposition"].startswith("attachment")
    assert len(reply.body.decode("utf-8-sig").splitlines()) == 3


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"x", "multipart/form-data; boundary=b", 400),
        (b"%ff=1", FORM, 400),
        (b"a=1&" * 600, FORM, 400),
        (b"--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400),
    ],
)
def test_a_form_that_is_none_is_refused_on_the_page(call, body, kind, status):
    """Whatever comes in, the answer is a page that says what is wrong."""
    reply = call("POST", PAGE, body, content_type=kind)
    assert reply.status == status
    assert 'role="alert"' in reply.body.decode()


def test_forms_of_both_kinds_say_the_same():
    """A browser chooses the kind; the reader must not care."""
    body, kind = multipart({"a": "é;1"}, {})
    assert read_form(body, kind).texts == read_form(b"a=%C3%A9%3B1", FORM).texts


def test_nothing_of_a_text_can_become_part_of_the_page():
    """A request may hold anything, scripts included."""
    codes = np.array([ord(letter) for letter in "<script>&"])
    shown = underlined(codes, np.ones(len(codes)))
    assert "<script>" not in shown
    assert "&lt;script&gt;&amp;" in shown


def test_a_page_asks_for_nothing_outside_and_stays_small(call, typed):
    """No network at the town hall; 150 KiB with style and script."""
    pages = [call("GET", path) for path in ("/", PAGE, "/pages/style.css", "/pages/page.js")]
    pages.append(call("POST", PAGE, urlencode(typed).encode(), content_type=FORM))
    assert sum(len(page.body) for page in pages) <= 150 * 1024
    for page in pages:
        assert not re.search(rb"(?:src|href|url)\W{1,2}(?:https?:)?//", page.body)
    policy = pages[1].headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_browser_is_asked_for_the_key_and_another_site_cannot_use_it(caller, tmp_path):
    """Basic makes the browser ask; it then sends the key by itself, so the origin counts."""
    ring, secret = KeyRing().issued("accueil", "predict")
    ring.save(tmp_path / "keys.json")
    call = caller(keys=tmp_path / "keys.json")
    refused = call("GET", "/")
    assert (refused.status, refused.headers["www-authenticate"][:5]) == (401, "Basic")
    assert call("GET", "/models").headers["www-authenticate"] == "Bearer"
    given = "Basic " + base64.b64encode(f"agent:{secret}".encode()).decode()
    assert call("GET", "/", authorization=given).status == 200
    assert call("GET", "/", authorization=given, sec_fetch_site="cross-site").status == 403
    assert call("GET", "/", authorization="Basic %%%").status == 401
