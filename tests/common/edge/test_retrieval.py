"""The index answers the same everywhere, counts ties against nobody, and refuses what is broken."""

import json
import zipfile
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.archive import Limits, stored_at
from common.edge.bundle import Bundle
from common.edge.errors import (
    ChecksumError,
    GoldenRowError,
    ManifestError,
    TableError,
    UsageError,
)
from common.edge.manifest import Manifest
from common.edge.retrieval.inputs import Index
from common.edge.retrieval.passages import Library
from common.edge.retrieval.search import Retrieval
from common.edge.retrieval.settings import Channel, RetrievalSettings
from common.edge.retrieval.spelling import Spelling, one_slip, struck
from common.edge.retrieval.terms import folded, letter_keys, stem, word_keys, words_of
from common.edge.textcodes import LONGEST_TEXT, codes_of, text_of
from common.lab.export import BundleContent, golden_rows, write_bundle
from common.lab.index import (
    ChannelPlan,
    Document,
    FieldWeight,
    IndexPlan,
    Section,
    build,
    digest_of,
    with_golden_texts,
)
from common.lab.usecase import Field

TEXTS = (
    ("Carte d'identité perdue", "papiers", "Déclarez la perte au commissariat. Refaites-la."),
    ("Passeport perdu", "papiers", "Déclarez la perte. Le passeport coûte 86 €."),
    ("Inscription à la crèche", "famille", "Demandez une place en crèche à la mairie."),
    ("Lampadaire en panne", "voirie", "Signalez le lampadaire éteint au service de l'éclairage."),
)
QUESTIONS = [title for title, _, _ in TEXTS] * 16
LABELS = ("papiers", "famille", "voirie")
FIELDS = {"title": FieldWeight(2.0, 0.0), "body": FieldWeight(1.0, 0.5)}
PLAN = IndexPlan(
    channels=(
        ChannelPlan(Channel("words", "words", 1.0), FIELDS),
        ChannelPlan(Channel("letters", "letters", 1.0, 3, 5), FIELDS),
        ChannelPlan(Channel("meaning", "meaning", 0.5), dimensions=3),
    ),
    passages=ChannelPlan(
        Channel("passages", "words", 1.0),
        {"heading": FieldWeight(1.0, 0.0), "text": FieldWeight(1.0, 0.0)},
    ),
    stop_words=("a", "d", "de", "en", "la", "l"),
    labels=LABELS,
    spelling_documents=1,
)


def documents():
    return [
        Document(
            record={"id": f"D{number}", "title": title, "date": "2020-01-01", "url": "#"},
            fields={"title": title, "body": text},
            sections=tuple(
                Section(f"Partie {at}", part) for at, part in enumerate(text.split(". "))
            ),
            labels=(label,),
        )
        for number, (title, label, text) in enumerate(TEXTS)
    ]


@pytest.fixture(scope="module")
def built():
    return build(documents(), PLAN, fills=("votes", "retrieval_features"))


@pytest.fixture(scope="module")
def retrieval(built):
    return Retrieval(*built)


# -- terms -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("inscriptions", "inscription"),
        ("nationale", "nationaux"),
        ("déclaration", "déclarations"),
        ("perdue", "perdus"),
        ("électrices", "électrice"),
    ],
)
def test_forms_of_one_word_share_a_stem(one, other):
    assert words_of(folded(one)) == words_of(folded(other))


def test_short_words_and_numbers_are_left_as_they_are():
    """« pas » is no plural, and a phone number has no ending."""
    assert [stem(word) for word in ("pas", "2020", "rue")] == ["pas", "2020", "rue"]


def test_runs_of_letters_are_those_of_the_definition():
    """Read again, letter by letter, in plain Python: a blank only at an end of the run."""
    text = text_of(folded("L'œuvre d'été, à 3 €"))
    expected = {
        text[at : at + size]
        for size in (3, 4, 5)
        for at in range(len(text) - size + 1)
        if " " not in text[at + 1 : at + size - 1]
    }
    keys = letter_keys(folded("L'œuvre d'été, à 3 €"), 3, 5)
    assert len(np.unique(keys)) == len(expected)


@settings(deadline=None, max_examples=30)
@given(st.sets(st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789", min_size=3, max_size=3)))
def test_runs_of_letters_do_not_share_keys(words):
    """64 bits: as many keys as words of three letters (blanks at both ends)."""
    keys = [letter_keys(folded(word), 5, 5) for word in sorted(words)]
    assert len(np.unique(np.concatenate([*keys, np.empty(0, np.uint64)]))) == len(words)


def test_pairs_of_words_keep_their_order():
    assert word_keys(["carte", "grise"], 2) != word_keys(["grise", "carte"], 2)
    assert len(word_keys(["seul"], 2)) == 0


# -- spelling ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slip", "expected"),
    [
        ("passport", "passeport"),  # a letter dropped
        ("paseport", "passeport"),
        ("crèhce", "creche"),  # neighbours swapped
        ("lampadzire", "lampadaire"),  # a letter replaced
        ("lampadairre", "lampadaire"),  # a letter added
        ("lanpadère", "lanpadere"),  # two slips: left as it is
        ("komissaria", "commissariat"),  # by ear
    ],
)
def test_a_word_that_no_document_holds_is_repaired(built, slip, expected):
    """« comissariat » by ear: k for c, one m, no mute t, as « komissaria »."""
    word = "".join(chr(code) for code in folded(slip)).strip()
    assert Spelling(built[0]).repair(word) == expected


def test_repaired_words_are_said_and_found(retrieval):
    query = retrieval.query("pasport perdu")
    assert query.repaired == {}
    query = retrieval.query("lampadzire")
    assert query.repaired == {"lampadzire": "lampadaire"}
    assert retrieval.search("lampadzire").documents[0] == 3


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="abcd", min_size=1, max_size=6), st.integers(0, 5), st.sampled_from("abcd"))
def test_words_one_slip_apart_share_a_struck_form(word, at, letter):
    """What the index relies on: no repair is missed by looking up struck forms only."""
    at %= len(word)
    slips = {
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    } - {word, ""}
    for slip in slips:
        assert one_slip(word, slip)
        assert one_slip(slip, word)
        assert struck(word) & struck(slip)


def test_short_words_and_numbers_are_not_repaired(built):
    assert [Spelling(built[0]).repair(word) for word in ("cre", "8600", "x" * 30)] == [
        "cre",
        "8600",
        "x" * 30,
    ]


# -- search ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("j'ai perdu mon passeport", 1),
        ("lampadères cassés", 3),  # no word in common, only letters
        ("PLACE EN CRÈCHE", 2),
        ("cartes d'identités", 0),
    ],
)
def test_the_right_document_comes_first(retrieval, text, expected):
    assert retrieval.search(text).documents[0] == expected


def test_impacts_are_those_of_bm25f(built, retrieval):
    """« crèche » in one document of 4: title 2 x 1, body 1 / (0.5 + 0.5 x 5 / mean length).

    Bodies without stop words: declare perte commissariat refait la->stop = 4 (« Refaites-la »),
    declare perte le passeport coute 86 = 6, demande place creche mairie = 4, signale le
    lampadaire eteint au service eclairage = 7; « le », « au », « une » are no stop words here.
    """
    bodies = [words_of(folded(text), PLAN.stop_words) for _, _, text in TEXTS]
    mean = np.mean([len(body) for body in bodies])
    amount = 2.0 + 1 / (0.5 + 0.5 * len(bodies[2]) / mean)
    idf = np.log(1 + (4 - 1 + 0.5) / (1 + 0.5))
    expected = idf * amount / (1.2 + amount)
    assert retrieval.channel_scores("crèche")["words"][2] == pytest.approx(expected, abs=2**-13)


def test_equal_scores_are_in_the_order_of_the_documents():
    """Two documents of the same text: the first one first, both ways of asking."""
    twice = build([documents()[1], documents()[1], documents()[0]], replace(PLAN, labels=LABELS))
    found = Retrieval(*twice).search("passeport")
    assert found.documents[:2].tolist() == [0, 1]
    assert found.scores[0] == found.scores[1]


def test_nothing_in_common_finds_nothing(retrieval):
    for text in ("", "   ", "🙂🙂", "zzz"):
        found = retrieval.search(text)
        assert len(found.documents) == 0
        assert not found.votes.any()
        assert not found.features[:6].any()


def test_what_is_left_out_neither_answers_nor_votes(retrieval):
    """A sheet of another territory: the answer is what it would be without that sheet."""
    found = retrieval.search("passeport perdu", without=np.array([1]))
    assert 1 not in found.documents
    assert found.documents[0] == 0


def test_votes_are_shares_weighted_by_one_over_the_rank(retrieval):
    """Two documents found: 1 and 1/2, of 3/2 in all."""
    found = retrieval.search("déclarer la perte de la carte", k=10)
    say = 1 / np.arange(1.0, len(found.documents) + 1)
    labels = [TEXTS[number][1] for number in found.documents]
    expected = [say[[one == name for one in labels]].sum() / say.sum() for name in LABELS]
    assert found.votes == pytest.approx(expected)


def test_features_are_named_and_bounded(retrieval):
    found = retrieval.search("où déclarer la perte de mon passeport ?")
    named = dict(zip(retrieval.feature_names, found.features, strict=True))
    assert len(named) == 10 + 6 * 3
    assert named["known_share"] < 1  # « mon » and « où » are in no document
    assert named["words_rank"] == 1.0
    for name in ("held_share", "words_share", "letters_lead_far", "strongest_vote"):
        assert 0 <= named[name] <= 1


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300), st.integers(1, 20))
def test_any_text_is_answered_within_bounds(retrieval, text, k):
    found = retrieval.search(text, k)
    assert len(found.documents) == len(set(found.documents.tolist())) <= min(k, 4)
    assert (np.diff(found.scores) <= 0).all()
    assert ((found.scores > 0) & (found.scores <= 1)).all()
    assert np.isfinite(found.features).all()


def test_the_longest_text_is_answered_and_a_longer_one_refused(retrieval):
    long = ("passeport perdu " * LONGEST_TEXT)[:LONGEST_TEXT]
    assert retrieval.search(long).documents[0] == 1
    with pytest.raises(TableError, match="20001 characters"):
        retrieval.search(long + "x")


@pytest.mark.parametrize("k", [0, -1, 1001])
def test_k_is_bounded(retrieval, k):
    with pytest.raises(UsageError, match="k is"):
        retrieval.search("passeport", k)


def test_scores_do_not_depend_on_the_order_of_additions(built):
    """Whole numbers below 2**53: postings written backwards give the same bits."""
    arrays, plan = built
    backwards = dict(arrays)
    starts = arrays["letters_starts"]
    order = np.concatenate([np.arange(stop - 1, begin - 1, -1) for begin, stop in pairwise(starts)])
    for part in ("documents", "impacts"):
        backwards[f"letters_{part}"] = arrays[f"letters_{part}"][order]
    text = "la carte perdue"
    one, other = (Retrieval(each, plan).channel_scores(text) for each in (arrays, backwards))
    assert one["letters"].tobytes() == other["letters"].tobytes()


def test_the_index_does_not_depend_on_the_run(built):
    again, settings_again = build(documents(), PLAN, fills=("votes", "retrieval_features"))
    assert settings_again == built[1]
    assert all(np.array_equal(again[name], built[0][name]) for name in again)


def test_pruning_leaves_out_weak_postings_and_common_keys():
    """« declarez » and « perte » are in 2 of 4 documents: more than a share of 0.3."""
    channel = replace(PLAN.channels[0], largest_share=0.3, least_impact=0.5)
    plan = replace(PLAN, channels=(channel,))
    arrays, _ = build(documents(), plan)
    assert (np.diff(arrays["words_starts"]) == 1).all()
    assert (arrays["words_impacts"] >= 0.5 * 2**12).all()


# -- passages ----------------------------------------------------------------------------------


def test_a_passage_is_word_for_word_where_it_says(built):
    arrays, plan = built
    library, search = Library(arrays, plan.documents, plan.passages), Retrieval(arrays, plan)
    query = search.query("combien coûte le passeport")
    best = library.passages(query.stems, [0, 1], k=2)
    assert best[0].text == "Le passeport coûte 86 €."
    assert best[0].heading == "Partie 1"
    for passage in best:
        assert library.text(passage.document)[passage.start : passage.stop] == passage.text


def test_the_record_and_the_lead_of_a_document(built):
    arrays, plan = built
    library = Library(arrays, plan.documents, plan.passages)
    assert library.record(3)["title"] == "Lampadaire en panne"
    assert library.lead(2).text == "Demandez une place en crèche à la mairie."


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("words_keys", lambda a: a[::-1].copy()),
        ("words_starts", lambda a: a[:-1]),
        ("words_documents", lambda a: a + np.uint16(4)),
        ("words_impacts", lambda a: a.astype(np.float32)),
        ("meaning_stems", lambda a: a[:, :2]),
        ("labels", lambda a: a[:2]),
        ("spelling_words", lambda a: a + np.int32(10_000)),
        ("words_best", None),
    ],
)
def test_arrays_that_do_not_fit_are_refused(built, name, change):
    arrays = dict(built[0])
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays[name])
    with pytest.raises(ManifestError):
        Retrieval(arrays, built[1])


@pytest.mark.parametrize("name", ["texts_starts", "passage_spans", "records_bytes"])
def test_a_library_that_does_not_fit_is_refused(built, name):
    arrays = dict(built[0])
    arrays[name] = arrays[name][:-1]
    with pytest.raises(ManifestError):
        Library(arrays, built[1].documents, built[1].passages)


def test_settings_round_trip_through_json(built):
    raw = json.loads(json.dumps(built[1].to_object()))
    assert RetrievalSettings.from_object(raw) == built[1]


@pytest.mark.parametrize(
    "change",
    [
        {"documents": 0},
        {"documents": True},
        {"channels": []},
        {"vote_depth": 0},
        {"fills": ["secrets"]},
        {"extra": 1},
        {"arrays": {"words_keys": "zz"}},
        {"labels": []},
    ],
)
def test_settings_out_of_range_are_refused(built, change):
    with pytest.raises(ManifestError):
        RetrievalSettings.from_object(built[1].to_object() | change)


# -- inside a bundle ---------------------------------------------------------------------------


def graph_of(n_labels, n_features):
    """Return a graph whose output is the sum of the votes and the first feature."""
    import ndonnx as ndx

    votes = ndx.argument(shape=("n", n_labels), dtype=ndx.float32)
    features = ndx.argument(shape=("n", n_features), dtype=ndx.float32)
    total = ndx.sum(votes, axis=1) + features[:, 0]
    model = ndx.build({"votes": votes, "retrieval_features": features}, {"total": total})
    return model.SerializeToString()


@pytest.fixture(scope="module")
def content(built, signing_key):
    arrays, plan = built
    found = Index.open(arrays, plan).evidence(QUESTIONS)
    sizes = {"votes": len(LABELS), "retrieval_features": found["retrieval_features"].shape[1]}
    arrays, plan = with_golden_texts(arrays, plan, QUESTIONS)
    return BundleContent(
        usecase="citizen_requests",
        task="answers",
        version="1.0.0",
        question="Une fiche répond-elle ?",
        model=graph_of(*sizes.values()),
        inputs=tuple(
            Field(name, "float32", ("n", size), "1", name, default=np.zeros(size, np.float32))
            for name, size in sizes.items()
        ),
        outputs=(Field("total", "float32", ("n",), "1", "Somme."),),
        terms=(),
        golden=golden_rows(found),
        run_json="{}",
        card_html="<p></p>",
        hashes={"data": "", "code": "", "lock": ""},
        created="2026-11-23T00:00:00Z",
        simulated=False,
        arrays=arrays,
        retrieval=plan,
    )


def test_a_text_alone_is_enough_in_a_folder_and_in_a_zip(content, signing_key, tmp_path):
    """The arrays are mapped from both; a zip that packs them has them in memory; all answer."""
    for name in ("bundle", "bundle.zip"):
        write_bundle(tmp_path / name, content, signing_key[0])
    _pack(tmp_path / "bundle.zip", tmp_path / "packed.zip")
    answers = []
    for name in ("bundle", "bundle.zip", "packed.zip"):
        opened = Bundle.open(tmp_path / name, [signing_key[1]])
        answers.append(opened.predict({"codes": codes_of(["passeport perdu"])})["total"])
        values = opened.arrays["words_impacts"]
        assert _is_mapped(values) == (name != "packed.zip")
        assert not values.flags.writeable
    search = Retrieval(content.arrays, content.retrieval).search("passeport perdu")
    assert answers[0] == pytest.approx(search.votes.sum() + search.features[0])
    assert answers[0] == answers[1] == answers[2]


def _is_mapped(values):
    """Follow what an array is a view of, down to a mapped file or to bytes."""
    while values is not None and not isinstance(values, np.memmap):
        values = values.obj if isinstance(values, memoryview) else getattr(values, "base", None)
    return values is not None


def _pack(path, packed):
    """Write a zip anew with every entry compressed, as Aune did before."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))


def test_arrays_lie_in_a_zip_as_they_are_and_begin_where_a_processor_reads_best(
    content, signing_key, tmp_path
):
    """On a multiple of 64 bytes, as numpy begins the data of a file of its own."""
    write_bundle(tmp_path / "bundle.zip", content, signing_key[0])
    raw = (tmp_path / "bundle.zip").read_bytes()
    for name in content.arrays:
        file, start = stored_at(tmp_path / "bundle.zip", f"arrays/{name}.npy")
        assert file == tmp_path / "bundle.zip"
        assert start % 64 == 0
        assert raw[start : start + 6] == b"\x93NUMPY"
    assert stored_at(tmp_path / "bundle.zip", "model.onnx") is None


def test_an_array_that_changes_between_its_check_and_its_use_is_refused(
    content, signing_key, tmp_path, monkeypatch
):
    """Somebody writes into the zip after its checksums were held, before it is mapped."""
    path = tmp_path / "bundle.zip"
    write_bundle(path, content, signing_key[0])

    def changed(path, name):
        file, start = stored_at(path, name)
        with file.open("r+b") as handle:
            handle.seek(start + 130)
            handle.write(b"\xff")
        return file, start

    monkeypatch.setattr("common.edge.bundle.stored_at", changed)
    with pytest.raises(ChecksumError, match="changed while it was opened"):
        Bundle.open(path, [signing_key[1]])


def test_what_the_caller_gives_is_not_computed_again(content, signing_key, tmp_path):
    write_bundle(tmp_path / "b.zip", content, signing_key[0])
    opened = Bundle.open(tmp_path / "b.zip", [signing_key[1]])
    given = {"votes": np.ones((1, 3)), "codes": codes_of(["passeport"])}
    features = Retrieval(content.arrays, content.retrieval).search("passeport").features
    assert opened.predict(given)["total"][0] == pytest.approx(3 + features[0])


@pytest.mark.parametrize(
    "codes", [np.zeros((1, 2)), np.array([[-1]]), np.array([[0x110000]]), np.array([65, 66])]
)
def test_codes_that_are_no_text_are_refused(content, signing_key, tmp_path, codes):
    index = Index.open(content.arrays, content.retrieval)
    with pytest.raises(TableError, match="input codes"):
        index.fill({"codes": codes}, Limits())


def test_an_index_that_answers_otherwise_than_in_the_lab_is_refused(content, signing_key, tmp_path):
    """The golden texts are searched again: here they were recorded in another order."""
    arrays = dict(content.arrays)
    for part in ("golden_votes", "golden_retrieval_features"):
        arrays[part] = arrays[part][::-1].copy()
    digests = {name: digest_of(values) for name, values in arrays.items()}
    wrong = replace(content, arrays=arrays, retrieval=replace(content.retrieval, arrays=digests))
    with pytest.raises(GoldenRowError, match="golden text 0: votes"):
        write_bundle(tmp_path / "b.zip", wrong, signing_key[0])


def test_an_array_that_is_not_the_manifest_s_is_refused(content, signing_key, tmp_path):
    arrays = dict(content.arrays)
    arrays["words_impacts"] = arrays["words_impacts"] + np.uint16(1)
    with pytest.raises(ChecksumError, match="words_impacts"):
        write_bundle(tmp_path / "b.zip", replace(content, arrays=arrays), signing_key[0])


def test_a_manifest_without_an_index_is_written_as_before(bundle_content, signing_key, tmp_path):
    """No key ``retrieval``: older servers read it, and it is read again as None."""
    write_bundle(tmp_path / "folder", bundle_content, signing_key[0])
    text = (tmp_path / "folder" / "manifest.json").read_bytes()
    assert "retrieval" not in json.loads(text)
    assert Manifest.from_json(text).retrieval is None


def test_an_input_to_fill_must_be_an_input_of_the_graph(content, signing_key, tmp_path):
    shorter = replace(content.retrieval, labels=LABELS[:2])
    with pytest.raises(ManifestError, match="retrieval fills votes"):
        write_bundle(tmp_path / "b.zip", replace(content, retrieval=shorter), signing_key[0])
