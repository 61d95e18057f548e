"""The form of a token, and its check: what is not made with the key is refused, whatever it looks like."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker import settings, token_format
from tests.support.client import ADMIN_TOKEN, TOKEN_KEY

OTHER_KEY = "x" * 42 + "A"
CHARACTERS = string.ascii_letters + string.digits + "_-"


@pytest.fixture
def set_keys(monkeypatch):
    """Set TOKEN_KEYS; None removes it."""

    def set_keys(value):
        if value is None:
            monkeypatch.delenv("TOKEN_KEYS")
        else:
            monkeypatch.setenv("TOKEN_KEYS", value)
        settings.token_keys.cache_clear()

    yield set_keys
    settings.token_keys.cache_clear()


def test_a_token_has_its_prefix_43_random_characters_and_7_of_check():
    token = token_format.make(TOKEN_KEY)
    assert token.startswith("brk_")
    assert len(token) == 4 + 43 + 7
    assert token[-7:] == token_format.check(token[:-7], TOKEN_KEY)
    assert token != token_format.make(TOKEN_KEY)


def test_the_check_is_the_beginning_of_the_hmac_sha256():
    """Made with `printf brk_aaa… | openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | basenc --base64url`."""
    assert ADMIN_TOKEN == "brk_" + "a" * 43 + "qMmqKd0"


@given(st.data())
def test_a_token_with_another_character_is_refused(data):
    token = token_format.make(TOKEN_KEY)
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.sampled_from(CHARACTERS) | st.characters())
    changed = token[:at] + character + token[at + 1 :]
    assert token_format.verify(changed, [TOKEN_KEY]) is (changed == token)


@given(st.text() | st.from_regex(r"brk_[A-Za-z0-9_-]{50}", fullmatch=True) | st.text(CHARACTERS, min_size=54))
def test_no_other_text_is_a_token(text):
    assert not token_format.verify(text, [TOKEN_KEY, OTHER_KEY])


@pytest.mark.parametrize("around", ["{}\n", " {}", "{} ", "{}A", "A{}"])
def test_a_token_has_nothing_around_it(around):
    assert not token_format.verify(around.format(ADMIN_TOKEN), [TOKEN_KEY])


@pytest.mark.parametrize("text", ["brk_" + "a" * 42, "brk_" + "a" * 44, "abc_" + "a" * 43, "brk_" + "é" * 43])
def test_a_text_of_another_form_is_refused_whatever_its_check(text):
    assert not token_format.verify(text + token_format.check(text, TOKEN_KEY), [TOKEN_KEY])


def test_each_of_the_keys_verifies():
    token = token_format.make(TOKEN_KEY)
    assert token_format.verify(token, [OTHER_KEY, TOKEN_KEY])
    assert token_format.verify(token, [TOKEN_KEY, OTHER_KEY])
    assert not token_format.verify(token, [OTHER_KEY])
    assert not token_format.verify(token, [])


def test_a_new_key_is_one_that_can_be_set():
    key = token_format.new_key()
    assert token_format.read_keys(key) == (key,)
    assert key != token_format.new_key()


def test_the_setting_has_one_key_or_two(set_keys):
    set_keys(TOKEN_KEY)
    assert settings.token_keys() == (TOKEN_KEY,)
    set_keys(f"{OTHER_KEY},{TOKEN_KEY}")
    assert settings.token_keys() == (OTHER_KEY, TOKEN_KEY)


@pytest.mark.parametrize(
    "value",
    [
        TOKEN_KEY[:-1],
        TOKEN_KEY + "=",
        TOKEN_KEY + ",",
        f"{TOKEN_KEY}, {OTHER_KEY}",
        f"{TOKEN_KEY}\n",
        ",".join([TOKEN_KEY] * 3),
        "é" * 43,
    ],
)
def test_a_setting_that_is_no_key_is_refused_without_quoting_it(set_keys, value):
    set_keys(value)
    with pytest.raises(settings.SettingInvalid) as refused:
        settings.token_keys()
    assert str(refused.value) == (
        "TOKEN_KEYS must be one key, or two with a comma between them: each has 43 characters of A-Z a-z 0-9 _ -"
    )
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("value", [None, ""])
def test_a_setting_that_is_missing_has_a_name(set_keys, value):
    set_keys(value)
    with pytest.raises(settings.SettingMissing, match="TOKEN_KEYS is not set"):
        settings.token_keys()
