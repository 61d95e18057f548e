"""What Migrate is invoked with: two optional values, of one form each."""

import pytest

from broker.errors import InvalidInput
from broker.schema import payload
from tests.support.client import Context, app

HASH, PASSWORD = "0123456789abcdef" * 4, "a-password-of-24-letters"


@pytest.mark.parametrize("event", [{}, None])
def test_an_empty_event_changes_nothing_beside_the_schema(event):
    assert payload.read(event) == payload.NOTHING


def test_both_values_are_read():
    read = payload.read({"admin_token_hash": HASH, "functions_password": PASSWORD})
    assert (read.admin_token_hash, read.functions_password) == (HASH, PASSWORD)


@pytest.mark.parametrize(
    "event",
    [
        {"admin_token": HASH},
        {"admin_token_hash": HASH[:-1]},
        {"admin_token_hash": HASH.upper()},
        {"admin_token_hash": HASH + "\n"},
        {"admin_token_hash": 7},
        {"functions_password": "s3cret"},
        {"functions_password": "s3cret with a space"},
        {"functions_password": "s3cret-with-an-é-in-it"},
        {"functions_password": "s3cret" * 40},
        {"functions_password": None, "key1": "value1"},
        ["s3cret"],
        "s3cret",
    ],
)
def test_another_event_is_refused_with_a_sentence_that_shows_no_value(event):
    with pytest.raises(
        InvalidInput, match=r"^Migrate takes a JSON object with admin_token_hash .* nothing was changed$"
    ) as e:
        app("migrate").handler(event, Context())
    for secret in (HASH[:-1], HASH.upper(), "s3cret"):
        assert secret not in str(e.value)
