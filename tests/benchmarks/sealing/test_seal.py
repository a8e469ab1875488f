"""The commitment: canonical bytes, salts, tree and proofs, against what the RFC says."""

import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.sealing.seal import (
    Tree,
    label_texts,
    leaf_bytes,
    leaf_hash,
    leaf_hashes,
    salt,
    texts,
)
from common.edge.errors import IntegrityError, UsageError
from common.lab.contest import Labels

SECRET = bytes(range(32))


def rfc6962(leaves):
    """The recursive definition of RFC 6962, 2.1, word for word."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + rfc6962(leaves[:k]) + rfc6962(leaves[k:])).digest()


def hashes(n):
    return [hashlib.sha256(b"\x00" + n_th.to_bytes(4, "big")).digest() for n_th in range(n)]


def test_the_rfc_s_own_vectors_are_found():
    """Certificate Transparency's published test: leaves "" and 00, roots known to all."""
    one = hashlib.sha256(b"\x00").digest()
    two = hashlib.sha256(b"\x00\x00").digest()
    assert Tree([one]).root.hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert Tree([one, two]).root.hex() == (
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    )


@pytest.mark.parametrize("n", [*range(1, 34), 100])
def test_levels_give_the_rfc_s_tree_and_every_proof_holds(n):
    """Pairing neighbours is the RFC's split; each leaf is provable, and only in its place."""
    leaves = hashes(n)
    tree = Tree(leaves)
    assert tree.root == rfc6962(leaves)
    for row in range(n):
        proof = tree.proof(row)
        assert proof.root(leaves[row]) == tree.root
        assert n == 1 or proof.root(leaves[(row + 1) % n]) != tree.root


@given(st.integers(2, 40), st.data())
@settings(max_examples=100, deadline=None)
def test_a_proof_with_any_change_fails(n, data):
    """A flipped bit, a hash too few, one too many."""
    leaves = hashes(n)
    tree = Tree(leaves)
    row = data.draw(st.integers(0, n - 1))
    proof = tree.proof(row)
    place = data.draw(st.integers(0, len(proof.path) - 1))
    bad = list(proof.path)
    bad[place] = bytes([bad[place][0] ^ 1]) + bad[place][1:]
    assert type(proof)(row, n, tuple(bad)).root(leaves[row]) != tree.root
    for path in (proof.path[:-1], (*proof.path, leaves[0])):
        with pytest.raises(IntegrityError):
            type(proof)(row, n, path).root(leaves[row])
    with pytest.raises(IntegrityError):
        type(proof)(n, n, proof.path).root(leaves[row])


def test_a_node_cannot_be_shown_as_a_leaf():
    """0x00 and 0x01 keep them apart: the second preimage of a plain Merkle tree."""
    leaves = hashes(2)
    assert leaf_hash(b"", leaves[0] + leaves[1]) != Tree(leaves).root


def test_a_salt_is_an_hmac_of_the_row_s_number():
    """Redone with the standard library's other interface."""
    expected = hmac.new(SECRET, (7).to_bytes(8, "big"), hashlib.sha256).digest()
    assert salt(SECRET, 7) == expected
    assert len({salt(SECRET, row) for row in range(1000)}) == 1000
    with pytest.raises(UsageError, match="16 bytes"):
        salt(b"x" * 16, 0)


def test_texts_are_exact():
    """The shortest decimal that reads back to the same double, whatever the value."""
    values = np.array([0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 1e16, 123456789.123])
    assert [float(text) for text in texts(values)] == values.tolist()
    assert texts(np.array([0.1], dtype=np.float32)) == ["0.10000000149011612"]
    assert texts(np.array([-np.nan])) == ["nan"]
    assert texts(np.array([True, False])) == ["true", "false"]
    assert texts(np.array([2**62])) == ["4611686018427387904"]
    with pytest.raises(UsageError, match="object"):
        texts(np.array([object()]))


@given(st.lists(st.tuples(st.text(), st.text()), max_size=4),
       st.lists(st.tuples(st.text(), st.text()), max_size=4))  # fmt: skip
def test_two_rows_never_share_their_bytes(one, two):
    """Fields of any text cannot run into one another."""
    assert (leaf_bytes(0, one) == leaf_bytes(0, two)) == (one == two)


def test_the_hashes_of_a_table_are_those_of_its_rows():
    """The quick path over columns is the documented construction."""
    columns = {"site": ["école", "b"], "kwh": ["1.5", "nan"]}
    by_hand = [
        leaf_hash(salt(SECRET, row), leaf_bytes(row, [(k, v[row]) for k, v in columns.items()]))
        for row in range(2)
    ]
    assert leaf_hashes(columns, SECRET) == by_hand


def test_labels_of_another_length_or_name_are_refused(paper):
    """A truth that hides a key, or of another paper."""
    for truth in ({"site": np.zeros(12)}, {"load_kwh": np.zeros(11)}):
        with pytest.raises(UsageError, match="12 rows"):
            label_texts(paper.questions, Labels(truth))
