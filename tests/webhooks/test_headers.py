"""The one list of headers that only the broker may set."""

import pytest

from broker.webhooks import headers
from broker.webhooks.transfer import Request, request_fault

OF_CONNECTION = [
    *["Connection", "content-length", "EXPECT", "host", "Keep-Alive", "proxy-authorization", "Proxy-Connection"],
    *["te", "Trailer", "transfer-encoding", "Upgrade"],
]
OF_DISPATCH = ["Content-Type", "webhook-id", "Webhook-Signature", "webhook-timestamp"]
FREE = ["authorization", "x-shop", "content-language", "user-agent", "te-x", "x-host", "proxy"]


def fault(name: str) -> str | None:
    return request_fault(Request("http://127.0.0.1/", {name: "a"}, b""))


@pytest.mark.parametrize("name", OF_CONNECTION)
def test_a_header_of_the_connection_is_neither_stored_nor_sent(name: str) -> None:
    assert headers.is_reserved(name)
    assert fault(name) == f"the header {name!a} must not be set"


@pytest.mark.parametrize("name", OF_DISPATCH)
def test_a_header_that_dispatch_sets_is_sent_and_not_stored(name: str) -> None:
    assert headers.is_reserved(name)
    assert fault(name) is None


@pytest.mark.parametrize("name", FREE)
def test_any_other_header_is_stored_and_sent(name: str) -> None:
    assert not headers.is_reserved(name)
    assert fault(name) is None
