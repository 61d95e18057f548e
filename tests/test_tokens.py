"""Tokens: which are valid, how long the cache remembers them, and what a token may grant."""

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from msgspec.structs import replace

from broker import authorization, database, settings, token_format, tokens
from broker.errors import Conflict, DatabaseUnavailable, Forbidden, InvalidInput, NotFound, Unauthorized
from broker.schema import maintenance
from tests.support.client import ADMIN_TOKEN, TOKEN_KEY, make_token

OTHER_KEY = "x" * 42 + "A"


def holder(name, scopes, topics, ends_in=None, limit=None):
    """A token as a request has it, which ends in so many seconds, and may send so many requests a second."""
    now = datetime.now(UTC)
    ends_at = ends_in and now + timedelta(seconds=ends_in)
    return authorization.Token(uuid.uuid4(), name, scopes, topics, now, ends_at, limit)


ALL = holder("all", list(authorization.SCOPES), ["*"])


def mint(name="shop", scopes=("publish",), topics=("*",), minter=ALL, **options):
    return tokens.mint(tokens.Mint(name=name, scopes=list(scopes), topics=list(topics), **options), minter)


def expire_cache():
    """Make every entry of both caches just too old."""
    for cache in (authorization._known, authorization._refused):
        cache.update({key: (until - authorization.CACHE_SECONDS, value) for key, (until, value) in cache.items()})


def is_valid(token):
    try:
        authorization.authorize(token)
    except Unauthorized:
        return False
    return True


def test_the_admin_token_may_do_everything():
    admin = authorization.authorize(ADMIN_TOKEN)
    assert (admin.name, admin.scopes, admin.topics) == ("admin", list(authorization.SCOPES), ["*"])


def test_a_minted_token_has_the_requested_scopes_and_topics():
    minted = mint(scopes=["publish", "consume"], topics=["orders", "invoices.*"])
    assert token_format.verify(minted.token, [TOKEN_KEY])
    token = authorization.authorize(minted.token)
    assert (token.id, token.name) == (minted.id, "shop")
    assert (token.scopes, token.topics) == (["publish", "consume"], ["orders", "invoices.*"])


def test_only_the_sha_256_of_a_token_is_stored(owner):
    minted = mint()
    rows = owner.execute("SELECT t::text FROM tokens t").fetchall()
    assert minted.token not in str(rows)
    assert authorization.digest(minted.token).hex() in str(rows)


@pytest.mark.parametrize("token", ["", "brk_unknown", "\ud800", "é" * 10_000, make_token("u")])
def test_an_unknown_token_is_refused(token):
    with pytest.raises(Unauthorized):
        authorization.authorize(token)


@pytest.mark.usefixtures("no_database")
@pytest.mark.parametrize(
    "token", ["x", "\ud800", "brk_" + "a" * 43, "brk_" + "a" * 50, ADMIN_TOKEN[:-1] + "1", make_token("a", OTHER_KEY)]
)
def test_a_text_that_is_no_token_of_this_broker_costs_no_look_at_the_database_and_no_place_in_a_cache(token):
    with pytest.raises(Unauthorized):
        authorization.authorize(token)
    assert not authorization._refused
    with pytest.raises(DatabaseUnavailable):
        authorization.authorize(ADMIN_TOKEN)


def test_during_a_rotation_both_keys_verify_and_the_first_signs(rotate):
    old = mint(name="old").token
    rotate(f"{OTHER_KEY},{TOKEN_KEY}")
    new = mint(name="new").token
    assert is_valid(old)
    assert is_valid(new)

    rotate(OTHER_KEY)

    assert token_format.verify(new, [OTHER_KEY])
    assert is_valid(new)
    assert not is_valid(old)


def test_a_valid_token_is_cached_for_a_minute(owner):
    minted = mint()
    authorization.authorize(minted.token)
    owner.execute("DELETE FROM tokens WHERE id = %s", [minted.id])
    assert authorization.authorize(minted.token).name == "shop"

    expire_cache()

    with pytest.raises(Unauthorized):
        authorization.authorize(minted.token)


def test_a_refusal_is_cached_for_a_minute(owner):
    later = make_token("l")
    with pytest.raises(Unauthorized):
        authorization.authorize(later)
    owner.execute(
        "INSERT INTO tokens (id, name, hash, scopes, topics)"
        " VALUES (gen_random_uuid(), 'later', %s, '{publish}', '{*}')",
        [authorization.digest(later)],
    )
    with pytest.raises(Unauthorized):
        authorization.authorize(later)

    expire_cache()

    assert authorization.authorize(later).name == "later"


def test_nothing_is_cached_while_the_database_is_unavailable(no_database):
    with pytest.raises(DatabaseUnavailable):
        authorization.authorize(ADMIN_TOKEN)
    no_database.undo()
    assert authorization.authorize(ADMIN_TOKEN).name == "admin"


def test_a_token_ends_so_many_seconds_after_its_creation(owner):
    minted = mint(expires_in_seconds=3600)
    assert minted.expires_at - minted.created_at == timedelta(hours=1)
    assert authorization.authorize(minted.token).expires_at == minted.expires_at
    assert tokens.read(minted.id).expires_at == minted.expires_at
    authorization.forget()

    owner.execute("UPDATE tokens SET expires_at = now() WHERE id = %s", [minted.id])

    with pytest.raises(Unauthorized):
        authorization.authorize(minted.token)
    assert tokens.read(minted.id).expires_at < datetime.now(UTC)


def test_a_token_ends_in_the_cache_too(owner):
    minted = mint(expires_in_seconds=3600)
    authorization.authorize(minted.token)
    owner.execute("UPDATE tokens SET expires_at = expires_at - interval '1 hour' WHERE id = %s", [minted.id])
    assert is_valid(minted.token)

    move_ends_in_the_cache(timedelta(hours=1))

    assert not is_valid(minted.token)


def move_ends_in_the_cache(earlier):
    """Let each cached token end earlier, while its entry is as young as before."""
    authorization._known.update(
        {
            key: (until, replace(token, expires_at=token.expires_at - earlier))
            for key, (until, token) in authorization._known.items()
        }
    )


def test_a_token_without_an_end_never_ends():
    minted = mint()
    assert minted.expires_at is None
    assert authorization.authorize(minted.token).expires_at is None


def test_a_token_cannot_mint_one_that_ends_later():
    minter = holder("lead", ["tokens", "publish"], ["*"], ends_in=3600)
    with pytest.raises(InvalidInput) as refused:
        mint(minter=minter, expires_in_seconds=3601)
    assert [(fault.pointer, fault.detail) for fault in refused.value.faults] == [
        ("/expires_in_seconds", "the minting token ends before that")
    ]
    assert mint(minter=minter, expires_in_seconds=3500).expires_at < minter.expires_at


def test_without_an_end_of_its_own_a_token_ends_with_the_one_that_mints_it():
    minter = holder("lead", ["tokens", "publish"], ["*"], ends_in=3600)
    assert mint(minter=minter).expires_at == minter.expires_at


def test_a_token_has_the_limit_that_it_was_minted_with():
    minted = mint(requests_per_second=50)
    assert minted.requests_per_second == 50
    assert authorization.authorize(minted.token).requests_per_second == 50
    assert tokens.read(minted.id).requests_per_second == 50
    limits = {token.name: token.requests_per_second for token in tokens.list_tokens(None, 9).items}
    assert limits == {"admin": None, "shop": 50}


def test_a_token_without_a_limit_mints_tokens_without_one():
    minted = mint()
    assert minted.requests_per_second is None
    assert authorization.authorize(minted.token).requests_per_second is None


def test_a_token_cannot_mint_one_with_a_higher_limit():
    minter = holder("lead", ["tokens", "publish"], ["*"], limit=5)
    with pytest.raises(InvalidInput) as refused:
        mint(minter=minter, requests_per_second=6)
    assert [(fault.pointer, fault.detail) for fault in refused.value.faults] == [
        ("/requests_per_second", "the minting token has a lower limit")
    ]
    assert mint(minter=minter, requests_per_second=5).requests_per_second == 5


def test_without_a_limit_of_its_own_a_token_has_that_of_the_one_that_mints_it():
    minter = holder("lead", ["tokens", "publish"], ["*"], limit=5)
    minted = mint(minter=minter)
    assert minted.requests_per_second == 5
    assert tokens.read(minted.id).requests_per_second == 5


@pytest.mark.parametrize("limit", [0, 10_001, -1])
def test_the_database_refuses_a_limit_out_of_bounds(owner, limit):
    with pytest.raises(psycopg.errors.CheckViolation):
        owner.execute("UPDATE tokens SET requests_per_second = %s", [limit])


def test_a_token_that_has_ended_keeps_its_name_until_it_is_revoked(owner):
    minted = mint(expires_in_seconds=60)
    owner.execute("UPDATE tokens SET expires_at = now() WHERE id = %s", [minted.id])
    with pytest.raises(Conflict):
        mint()
    tokens.revoke(minted.id, ALL)
    assert mint().expires_at is None


def test_maintain_clears_the_tokens_that_ended_more_than_30_days_ago(owner):
    for name, days in (("long", 31), ("lately", 29)):
        minted = mint(name=name, expires_in_seconds=60)
        owner.execute(
            "UPDATE tokens SET expires_at = now() - make_interval(days => %s) WHERE id = %s", [days, minted.id]
        )
    assert maintenance.maintain().cleared["tokens"] == 1
    assert {token.name for token in tokens.list_tokens(None, 9).items} == {"admin", "lately"}


@pytest.fixture
def no_database(monkeypatch):
    """Let the functions find no database, until `no_database.undo()`."""
    database.functions.close()
    monkeypatch.setattr(database.functions, "_url", lambda: "postgresql://127.0.0.1:1/nowhere")
    return monkeypatch


@pytest.fixture
def rotate(monkeypatch):
    """Set TOKEN_KEYS, as a deployment does, in a process that has no token in its cache."""

    def rotate(keys):
        monkeypatch.setenv("TOKEN_KEYS", keys)
        settings.token_keys.cache_clear()
        authorization.forget()

    yield rotate
    settings.token_keys.cache_clear()


@pytest.fixture
def small_caches(monkeypatch):
    monkeypatch.setattr(authorization, "CACHE_SIZE", 2)


@pytest.mark.usefixtures("small_caches")
def test_refused_tokens_push_no_valid_one_out_of_the_cache(owner):
    minted = mint()
    authorization.authorize(minted.token)
    owner.execute("DELETE FROM tokens")
    assert not any(is_valid(make_token(str(n))) for n in range(10))
    assert is_valid(minted.token)
    assert len(authorization._refused) == 2


@pytest.mark.usefixtures("small_caches")
def test_a_full_cache_of_valid_tokens_loses_the_oldest(owner):
    minted = [mint(name=f"shop-{n}").token for n in range(3)]
    assert all(map(is_valid, minted))
    owner.execute("DELETE FROM tokens")
    assert len(authorization._known) == 2
    assert [is_valid(token) for token in minted] == [False, True, True]


@pytest.mark.usefixtures("small_caches")
def test_a_full_cache_of_refused_tokens_loses_the_oldest(owner):
    guesses = [make_token(str(n)) for n in range(3)]
    assert not any(map(is_valid, guesses))
    owner.execute(
        "INSERT INTO tokens (id, name, hash, scopes, topics)"
        " SELECT gen_random_uuid(), guess, sha256(guess::bytea), '{publish}', '{*}' FROM unnest(%s::text[]) guess",
        [guesses],
    )
    assert [is_valid(guess) for guess in guesses] == [True, False, False]


@pytest.mark.usefixtures("small_caches")
def test_a_token_that_was_looked_up_again_is_the_newest_in_the_cache(owner):
    first, second, third = (mint(name=f"shop-{n}").token for n in range(3))
    authorization.authorize(first)
    authorization.authorize(second)
    expire_cache()
    for token in (first, third):
        authorization.authorize(token)
    owner.execute("DELETE FROM tokens")
    assert [is_valid(token) for token in (first, second, third)] == [True, False, True]


@pytest.mark.parametrize(
    ("pattern", "topic", "covered"),
    [
        ("orders", "orders", True),
        ("orders", "orders.eu", False),
        ("orders.*", "orders.eu", True),
        ("orders.*", "orders.", True),
        ("orders.*", "orders", False),
        ("*", "anything", True),
        ("orders.*", "orders.eu.*", True),
        ("orders.eu.*", "orders.*", False),
        ("orders.*", "*", False),
        ("orders", "orders*", False),
    ],
)
def test_a_pattern_covers_a_name_or_a_prefix_of_names(pattern, topic, covered):
    assert authorization.covers(pattern, topic) is covered


def test_a_token_is_limited_to_its_scopes_and_topics():
    token = holder("shop", ["publish"], ["orders", "invoices.*"])
    token.demand(["publish"], "orders")
    token.demand(["publish"], "invoices.eu")
    token.demand(["publish"], None)
    with pytest.raises(Forbidden, match="does not have the scope consume"):
        token.demand(["consume"], "orders")
    with pytest.raises(Forbidden, match="does not cover this topic"):
        token.demand(["publish"], "orders.eu")


def test_a_token_cannot_grant_more_than_it_holds():
    minter = holder("lead", ["tokens", "publish"], ["orders.*"])
    assert mint(topics=["orders.eu", "orders.us.*", "orders.*"], minter=minter)
    with pytest.raises(InvalidInput) as refused:
        mint(name="more", scopes=["publish", "consume"], topics=["orders.eu", "orders", "*"], minter=minter)
    assert [fault.pointer for fault in refused.value.faults] == ["/scopes/1", "/topics/1", "/topics/2"]
    assert {token.name for token in tokens.list_tokens(None, 9).items} == {"admin", "shop"}


def test_a_token_name_can_be_used_once():
    first = mint()
    with pytest.raises(Conflict):
        mint(scopes=["consume"])
    assert tokens.read(first.id).scopes == ["publish"]


def test_tokens_are_listed_in_the_order_of_their_creation(owner):
    owner.execute("DELETE FROM tokens")
    ids = [mint(name=f"token-{n}").id for n in range(4)]
    assert [token.id for token in tokens.list_tokens(None, 9).items] == ids
    assert [token.id for token in tokens.list_tokens(ids[0], 2).items] == ids[1:3]


def test_a_token_cannot_revoke_one_that_allows_more():
    publisher, star = mint(), mint(name="star", topics=["*"])
    lead = holder("lead", ["tokens", "publish"], ["orders"])
    with pytest.raises(Forbidden, match="allows more than the revoking token does"):
        tokens.revoke(star.id, lead)
    lead = holder("lead", ["tokens"], ["*"])
    with pytest.raises(Forbidden):
        tokens.revoke(publisher.id, lead)
    assert {token.name for token in tokens.list_tokens(None, 9).items} == {"admin", "shop", "star"}


def test_the_process_that_revoked_a_token_refuses_it_at_once():
    minted = mint()
    admin = holder("admin", list(authorization.SCOPES), ["*"])
    authorization.authorize(minted.token)
    tokens.revoke(minted.id, admin)
    with pytest.raises(Unauthorized):
        authorization.authorize(minted.token)
    with pytest.raises(NotFound):
        tokens.read(minted.id)
    with pytest.raises(NotFound):
        tokens.revoke(minted.id, admin)
