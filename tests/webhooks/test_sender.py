"""Sending: a webhook arrives as it was posted, and an endpoint that misbehaves affects only its own response."""

import socket
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from broker import __version__
from broker.webhooks.sender import Sender
from broker.webhooks.transfer import MAX_BODY, MAX_HEADERS, Request
from tests.support import endpoints
from tests.support.endpoints import Authority, Endpoint

LONG = timedelta(seconds=30)
SHORT = timedelta(milliseconds=300)


@pytest.fixture
def endpoint():
    with Endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def sender():
    with Sender(allow_private=True) as sender:
        yield sender


@pytest.fixture
def short_timeout_sender():
    """A sender with a time-out of 0.3 s."""
    with Sender(allow_private=True, timeout=SHORT) as sender:
        yield sender


@pytest.fixture
def public_sender():
    """A sender to public addresses only."""
    with Sender(allow_private=False) as sender:
        yield sender


def post(sender, url, body=b"{}", headers=None):
    """The response to one request."""
    sender.post(Request(url, headers or {}, body), "tag")
    [(tag, response)] = sender.responses(LONG)
    assert tag == "tag"
    assert len(sender) == 0
    return response


def collect(sender, count):
    """The responses to `count` requests, by tag."""
    responses = {}
    while len(responses) < count:
        batch = sender.responses(LONG)
        assert batch, f"{len(responses)} of {count} responses arrived"
        responses |= dict(batch)
    return responses


def test_a_webhook_arrives_as_it_was_posted(sender, endpoint):
    body = bytes(range(256)) * 1600

    post(sender, f"{endpoint.url}/hook?a=1", body, {"Content-Type": "application/json", "webhook-id": "7", "x-no": ""})

    [request] = endpoint.requests
    assert (request.method, request.path, request.body) == ("POST", "/hook?a=1", body)
    assert request.headers == {
        "host": endpoint.url.removeprefix("http://"),
        "user-agent": f"pgbroker/{__version__}",
        "accept": "*/*",
        "content-type": "application/json",
        "webhook-id": "7",
        "x-no": "",
        "content-length": "409600",
    }


def test_a_response_is_returned_whole(sender, endpoint):
    endpoint.answer(503, {"Retry-After": "120", "X-Two": "a", "x-two": "b"}, b"come later")
    before = datetime.now(UTC)

    response = post(sender, endpoint.url)

    assert (response.status, response.reason, response.body) == (503, None, b"come later")
    assert response.headers == {"content-length": "10", "retry-after": "120", "x-two": "a, b"}
    assert before <= response.started_at <= datetime.now(UTC)
    assert timedelta() < response.duration <= datetime.now(UTC) - before


@pytest.mark.parametrize("status", [200, 204, 404, 410, 425, 429, 500])
def test_a_status_is_reported(sender, endpoint, status):
    endpoint.answer(status)

    assert post(sender, endpoint.url).status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_reported_and_not_followed(sender, endpoint, status):
    endpoint.answer(status, {"Location": f"{endpoint.url}/other"}, path="/")

    assert post(sender, endpoint.url).status == status
    assert len(endpoint.requests) == 1


def test_headers_of_an_interim_response_are_dropped(sender, endpoint):
    endpoint.does(endpoints.says(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 204 Done\r\nx-final: b\r\n\r\n"))

    response = post(sender, endpoint.url)

    assert (response.status, response.headers) == (204, {"x-final": "b"})


def test_a_request_to_an_endpoint_that_hangs_times_out(short_timeout_sender, endpoint):
    endpoint.hang()

    response = post(short_timeout_sender, endpoint.url)

    assert (response.status, response.reason) == (None, "no whole response within 0.3 s")


@pytest.mark.parametrize("drips", [endpoints.drips_headers, endpoints.drips_body])
def test_a_request_to_an_endpoint_that_responds_without_end_times_out(short_timeout_sender, endpoint, drips):
    endpoint.does(drips())

    response = post(short_timeout_sender, endpoint.url)

    assert (response.status, response.reason) == (None, "no whole response within 0.3 s")


def test_a_late_response_counts(sender, endpoint):
    endpoint.does(endpoints.answers_after(0.2))

    assert post(sender, endpoint.url).status == 200


def test_a_refused_connection_is_reported(sender):
    with socket.socket() as not_listening:
        not_listening.bind(("127.0.0.1", 0))

        response = post(sender, f"http://127.0.0.1:{not_listening.getsockname()[1]}/")

    assert (response.status, response.reason) == (None, "the connection was refused")


def test_a_reset_connection_is_reported(sender, endpoint):
    endpoint.does(endpoints.resets())

    response = post(sender, endpoint.url)

    assert (response.status, response.reason) == (None, "the connection was reset")


def test_a_connection_closed_without_a_response_is_reported(sender, endpoint):
    endpoint.does(endpoints.closes())

    response = post(sender, endpoint.url)

    assert (response.status, response.reason) == (None, "the connection was closed without a response")


def test_a_response_that_breaks_off_counts_as_no_response(sender, endpoint):
    endpoint.does(endpoints.closes(after=b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"))

    response = post(sender, endpoint.url)

    assert (response.status, response.reason) == (None, "the response broke off")


def test_a_response_that_is_not_http_counts_as_no_response(sender, endpoint):
    endpoint.does(endpoints.says(b"SSH-2.0-OpenSSH_9.9\r\n"))

    response = post(sender, endpoint.url)

    assert (response.status, response.reason) == (None, "the response is not HTTP")


def test_a_host_name_that_does_not_exist_is_reported(sender):
    response = post(sender, "http://nowhere.invalid/")

    assert (response.status, response.reason) == (None, "the host's name was not found")


def test_only_the_beginning_of_a_huge_response_is_read(sender, endpoint):
    endpoint.does(endpoints.floods(100_000_000))

    response = post(sender, endpoint.url)

    assert (response.status, response.reason) == (200, "only the first 65536 bytes of the response were read")
    assert response.body == bytes(MAX_BODY)


def test_a_response_of_exactly_the_limit_is_read_whole(sender, endpoint):
    endpoint.answer(body=bytes(MAX_BODY))

    response = post(sender, endpoint.url)

    assert (response.status, response.reason, len(response.body)) == (200, None, MAX_BODY)


@pytest.mark.parametrize(
    "headers", [b"x-many: 1\r\n" * (MAX_HEADERS // 10), b"x-long: " + b"1" * 200_000], ids=["many", "long"]
)
def test_a_response_with_huge_headers_counts_as_no_response(sender, endpoint, headers):
    endpoint.does(endpoints.says(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n"))

    response = post(sender, endpoint.url)

    assert (response.status, response.reason) == (None, "the response's headers have more than 65536 bytes")


def test_a_name_whose_address_is_loopback_is_refused_at_the_connection(public_sender, endpoint):
    response = post(public_sender, endpoint.url.replace("127.0.0.1", "localhost"))

    assert response.status is None
    assert response.reason in {"the address 127.0.0.1 is not public", "the address ::1 is not public"}
    assert endpoint.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1.", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "%31%32%37.0.0.1"]
)
def test_each_spelling_of_loopback_is_refused_at_the_connection(public_sender, endpoint, host):
    response = post(public_sender, endpoint.url.replace("127.0.0.1", host))

    assert (response.status, response.reason) == (None, "the address 127.0.0.1 is not public")
    assert endpoint.connections == 0


@pytest.mark.parametrize("host", ["[::1]", "[::ffff:127.0.0.1]", "[::1%25lo]", "[64:ff9b::7f00:1]", "10.0.0.1"])
def test_each_private_address_is_refused_at_the_connection(public_sender, host):
    response = post(public_sender, f"http://{host}:9/")

    assert response.status is None
    assert response.reason.endswith("is not public")


def test_a_certificate_of_a_trusted_authority_is_accepted(tmp_path):
    authority = Authority(tmp_path)
    with (
        Endpoint(authority.context()) as endpoint,
        Sender(allow_private=True, certificates=authority.certificates) as sender,
    ):
        endpoint.answer(body=b"secret")

        assert post(sender, endpoint.url).body == b"secret"


def test_a_certificate_of_an_unknown_authority_is_refused(sender, tmp_path):
    with Endpoint(Authority(tmp_path).context()) as endpoint:
        response = post(sender, endpoint.url)

    assert response.status is None
    assert response.reason.startswith("the certificate was refused: ")
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [({"name": "example.com"}, "localhost"), ({"lifetime": timedelta(days=-1)}, "expired")],
    ids=["another name", "expired"],
)
def test_a_certificate_with_another_name_or_that_has_expired_is_refused(tmp_path, certificate, reason):
    authority = Authority(tmp_path)
    with (
        Endpoint(authority.context(**certificate)) as endpoint,
        Sender(allow_private=True, certificates=authority.certificates) as sender,
    ):
        response = post(sender, endpoint.url)

    assert response.status is None
    assert response.reason.startswith("the certificate was refused: ")
    assert reason in response.reason
    assert endpoint.requests == []


def test_an_https_url_of_an_endpoint_without_tls_is_reported(sender, endpoint):
    response = post(sender, endpoint.url.replace("http:", "https:"))

    assert (response.status, response.reason) == (None, "the TLS handshake failed")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://a b/", "http://bücher.example/", ""])
def test_a_request_to_a_url_that_is_not_http_is_not_sent(sender, url):
    response = post(sender, url)

    assert (response.status, response.reason) == (None, "the url is not an http url of printable ASCII")


def test_a_request_to_a_url_that_libcurl_cannot_read_is_not_sent(sender):
    assert post(sender, "http://[::1").reason == "the url is malformed"


@pytest.mark.parametrize("header", [("x-a", "1\r\nx-b: 2"), ("x-a: 1\r\nx-b", "2"), ("x-a", "ä"), ("", "1")], ids=ascii)
def test_a_request_with_a_malformed_header_is_not_sent(sender, endpoint, header):
    response = post(sender, endpoint.url, headers=dict([header]))

    assert response.status is None
    assert response.reason.endswith("is malformed")
    assert endpoint.connections == 0


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Host", "Connection", "Expect"])
def test_a_request_with_a_header_that_libcurl_must_set_is_not_sent(sender, endpoint, name):
    response = post(sender, endpoint.url, headers={name: "0"})

    assert (response.status, response.reason) == (None, f"the header '{name}' must not be set")
    assert endpoint.connections == 0


def test_proxies_and_netrc_of_the_environment_are_ignored(monkeypatch, tmp_path, endpoint):
    (tmp_path / ".netrc").write_text("default login somebody password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with Sender(allow_private=True) as sender:
        assert post(sender, endpoint.url).status == 200

    assert "authorization" not in endpoint.requests[0].headers


def test_cookies_are_not_kept(sender, endpoint):
    endpoint.answer(headers={"Set-Cookie": "a=b"})

    post(sender, endpoint.url)
    post(sender, endpoint.url)

    assert "cookie" not in endpoint.requests[1].headers


def test_nothing_of_a_request_or_its_response_is_left_in_the_next(sender, endpoint):
    endpoint.answer(500, {"x-old": "1"}, b"old", times=1)

    post(sender, endpoint.url, b"long body", {"x-first": "1"})
    response = post(sender, endpoint.url)

    assert (response.status, response.headers, response.body) == (200, {"content-length": "0"}, b"")
    assert endpoint.requests[1].body == b"{}"
    assert "x-first" not in endpoint.requests[1].headers


def test_a_connection_is_used_again(sender, endpoint):
    for _ in range(5):
        post(sender, endpoint.url)

    assert endpoint.connections == 1


def test_a_connection_that_the_endpoint_closed_is_replaced(sender, endpoint):
    post(sender, endpoint.url)
    endpoint.does(endpoints.closes(), times=1)

    assert post(sender, endpoint.url).status == 200
    assert endpoint.connections == 2


def test_each_of_a_thousand_requests_gets_its_own_response(sender, endpoint):
    for number in range(1000):
        endpoint.answer(body=b"%d" % number, path=f"/{number}")
        sender.post(Request(f"{endpoint.url}/{number}", {}, b"%d" % number), number)
    assert len(sender) == 1000

    responses = collect(sender, 1000)

    assert {number: int(response.body) for number, response in responses.items()} == {n: n for n in range(1000)}
    assert Counter(int(request.body) for request in endpoint.requests) == Counter(range(1000))


def test_one_host_gets_at_most_its_share_of_connections(endpoint):
    endpoint.does(endpoints.answers_after(0.05))
    with Sender(allow_private=True, host_connections=3) as sender:
        for number in range(12):
            sender.post(Request(endpoint.url, {}, b""), number)

        collect(sender, 12)

    assert endpoint.connections == 3


def test_all_hosts_together_get_at_most_the_limit_of_connections(endpoint):
    endpoint.does(endpoints.answers_after(0.05))
    with Endpoint() as other, Sender(allow_private=True, connections=1) as sender:
        for number in range(3):
            sender.post(Request(endpoint.url, {}, b""), number)
            sender.post(Request(other.url, {}, b""), number + 100)

        assert list(collect(sender, 6)) == [0, 100, 1, 101, 2, 102]


def test_a_hanging_host_delays_no_other(sender, endpoint):
    endpoint.hang()
    with Endpoint() as healthy:
        for number in range(200):
            sender.post(Request(endpoint.url, {}, b""), ("hanging", number))
        sender.post(Request(healthy.url, {}, b""), "healthy")

        [(tag, response)] = sender.responses(LONG)

    assert (tag, response.status) == ("healthy", 200)


def test_the_sender_returns_no_responses_when_the_wait_is_over(sender, endpoint):
    endpoint.hang()
    sender.post(Request(endpoint.url, {}, b""), "tag")

    assert sender.responses(timedelta(milliseconds=50)) == []
    assert len(sender) == 1


def test_the_sender_does_not_wait_when_nothing_was_posted(sender):
    assert sender.responses(LONG) == []


def test_requests_make_progress_without_a_wait_for_responses(sender, endpoint):
    sender.post(Request(endpoint.url, {}, b""), "tag")

    while not (responses := sender.responses(timedelta())):
        pass

    assert [(tag, response.status) for tag, response in responses] == [("tag", 200)]


def test_a_closed_sender_closes_its_connections(endpoint):
    endpoint.hang()
    with Sender(allow_private=True) as sender:
        sender.post(Request(endpoint.url, {}, b""), "under way")
        while not endpoint.requests:
            sender.responses(timedelta(milliseconds=10))

    endpoint.wait_for_silence()
    assert len(sender) == 0
