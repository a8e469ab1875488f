"""The authored set is frozen: nobody may tune it to a model."""

import hashlib
from collections import Counter
from dataclasses import replace

import pytest

from common.edge.errors import DataError
from usecases.citizen_requests.authored import (
    CHALLENGE,
    CHALLENGE_SHA256,
    FROZEN_SHA256,
    SHIPPED,
    frozen_requests,
)

SERVICES = 21


def test_the_file_is_the_one_committed_before_any_model() -> None:
    """A changed comma would let the check follow the rules instead of holding them."""
    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() == FROZEN_SHA256
    assert hashlib.sha256(CHALLENGE.read_bytes()).hexdigest() == CHALLENGE_SHA256


def test_the_set_covers_every_service_level_and_register() -> None:
    """The issue asks for 150 requests at least; rarer registers must be there too."""
    requests = frozen_requests()
    assert len(requests) >= 160
    assert len({request.service for request in requests}) == SERVICES
    assert Counter(request.urgency for request in requests) == {0: 139, 1: 34, 2: 40}
    registers = {request.register for request in requests}
    assert {
        "courant",
        "soutenu",
        "sms",
        "allophone",
        "colere",
        "note",
        "agee",
        "fautes",
    } <= registers


def test_links_point_to_earlier_requests() -> None:
    """A duplicate of something not yet received could not be linked."""
    received = {request.id: request.received for request in frozen_requests()}
    for request in frozen_requests():
        for other in filter(None, (request.duplicate_of, request.other_fault_of)):
            assert received[other] < request.received


def test_phone_numbers_and_mail_addresses_are_reserved_for_fiction() -> None:
    """No living person may be reached by what the repository ships."""
    for request in frozen_requests():
        for span in request.personal:
            value = request.text[span.start : span.end]
            digits = "".join(filter(str.isdigit, value)).removeprefix("33").removeprefix("0")
            if span.kind == "phone":
                assert digits.startswith(("19900", "63998"))
            if span.kind == "email":
                assert value.endswith((".example", "@example.org", "@example.com"))


def test_a_level_that_does_not_exist_is_refused() -> None:
    """A typing error in the file must not pass for a new level."""
    with pytest.raises(DataError, match="0, 1 or 2"):
        replace(frozen_requests()[0], urgency=3)
