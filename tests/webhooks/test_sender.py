"""Webhooks arrive, and no endpoint, however it behaves, gets more than its answer's due."""

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
def hasty():
    """A sender that soon loses patience."""
    with Sender(allow_private=True, timeout=SHORT) as sender:
        yield sender


@pytest.fixture
def public():
    """A sender to public addresses only."""
    with Sender(allow_private=False) as sender:
        yield sender


def post(sender, url, body=b"{}", headers=None):
    """The answer to one request."""
    sender.post(Request(url, headers or {}, body), "tag")
    [(tag, answer)] = sender.responses(LONG)
    assert tag == "tag"
    assert len(sender) == 0
    return answer


def collect(sender, count):
    """The answers of `count` requests, by tag."""
    answers = {}
    while len(answers) < count:
        batch = sender.responses(LONG)
        assert batch, f"{len(answers)} of {count} answers came"
        answers |= dict(batch)
    return answers


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


def test_an_answer_comes_back_whole(sender, endpoint):
    endpoint.answer(503, {"Retry-After": "120", "X-Two": "a", "x-two": "b"}, b"come later")
    before = datetime.now(UTC)

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.reason, answer.body) == (503, None, b"come later")
    assert answer.headers == {"content-length": "10", "retry-after": "120", "x-two": "a, b"}
    assert before <= answer.started_at <= datetime.now(UTC)
    assert timedelta() < answer.duration <= datetime.now(UTC) - before


@pytest.mark.parametrize("status", [200, 204, 404, 410, 425, 429, 500])
def test_a_status_is_reported(sender, endpoint, status):
    endpoint.answer(status)

    assert post(sender, endpoint.url).status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_reported_and_not_followed(sender, endpoint, status):
    endpoint.answer(status, {"Location": f"{endpoint.url}/elsewhere"}, path="/")

    assert post(sender, endpoint.url).status == status
    assert len(endpoint.requests) == 1


def test_headers_of_an_interim_answer_are_forgotten(sender, endpoint):
    endpoint.does(endpoints.says(b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\nHTTP/1.1 204 Done\r\nx-final: b\r\n\r\n"))

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.headers) == (204, {"x-final": "b"})


def test_a_hanging_endpoint_runs_out_of_time(hasty, endpoint):
    endpoint.hang()

    answer = post(hasty, endpoint.url)

    assert (answer.status, answer.reason) == (None, "no whole response within 0.3 s")


@pytest.mark.parametrize("drips", [endpoints.drips_headers, endpoints.drips_body])
def test_an_endpoint_that_drips_runs_out_of_time_all_the_same(hasty, endpoint, drips):
    endpoint.does(drips())

    answer = post(hasty, endpoint.url)

    assert (answer.status, answer.reason) == (None, "no whole response within 0.3 s")


def test_a_late_answer_is_an_answer(sender, endpoint):
    endpoint.does(endpoints.answers_after(0.2))

    assert post(sender, endpoint.url).status == 200


def test_a_refused_connection_is_named(sender):
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))

        answer = post(sender, f"http://127.0.0.1:{unheard.getsockname()[1]}/")

    assert (answer.status, answer.reason) == (None, "the connection was refused")


def test_a_reset_is_named(sender, endpoint):
    endpoint.does(endpoints.resets())

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.reason) == (None, "the connection was reset")


def test_an_early_close_is_named(sender, endpoint):
    endpoint.does(endpoints.closes())

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.reason) == (None, "the connection was closed without a response")


def test_half_an_answer_is_none(sender, endpoint):
    endpoint.does(endpoints.closes(after=b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"))

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.reason) == (None, "the response broke off")


def test_what_is_not_http_is_no_answer(sender, endpoint):
    endpoint.does(endpoints.says(b"SSH-2.0-OpenSSH_9.9\r\n"))

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.reason) == (None, "the response is not HTTP")


def test_a_name_that_does_not_exist_is_named(sender):
    answer = post(sender, "http://nowhere.invalid/")

    assert (answer.status, answer.reason) == (None, "the host's name was not found")


def test_of_a_huge_answer_only_the_beginning_is_read(sender, endpoint):
    endpoint.does(endpoints.floods(100_000_000))

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.reason) == (200, "only the first 65536 bytes of the response were read")
    assert answer.body == bytes(MAX_BODY)


def test_an_answer_of_just_the_limit_is_whole(sender, endpoint):
    endpoint.answer(body=bytes(MAX_BODY))

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.reason, len(answer.body)) == (200, None, MAX_BODY)


@pytest.mark.parametrize(
    "headers", [b"x-many: 1\r\n" * (MAX_HEADERS // 10), b"x-long: " + b"1" * 200_000], ids=["many", "long"]
)
def test_an_answer_with_huge_headers_is_none(sender, endpoint, headers):
    endpoint.does(endpoints.says(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n\r\n"))

    answer = post(sender, endpoint.url)

    assert (answer.status, answer.reason) == (None, "the response's headers have more than 65536 bytes")


def test_a_name_that_stands_for_loopback_is_refused_when_connected_to(public, endpoint):
    answer = post(public, endpoint.url.replace("127.0.0.1", "localhost"))

    assert answer.status is None
    assert answer.reason in {"the address 127.0.0.1 is not public", "the address ::1 is not public"}
    assert endpoint.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1.", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "%31%32%37.0.0.1"]
)
def test_each_spelling_of_loopback_is_refused_when_connected_to(public, endpoint, host):
    answer = post(public, endpoint.url.replace("127.0.0.1", host))

    assert (answer.status, answer.reason) == (None, "the address 127.0.0.1 is not public")
    assert endpoint.connections == 0


@pytest.mark.parametrize("host", ["[::1]", "[::ffff:127.0.0.1]", "[::1%25lo]", "[64:ff9b::7f00:1]", "10.0.0.1"])
def test_each_private_literal_is_refused_when_connected_to(public, host):
    answer = post(public, f"http://{host}:9/")

    assert answer.status is None
    assert answer.reason.endswith("is not public")


def test_https_is_spoken_with_an_endpoint_that_an_authority_vouches_for(tmp_path):
    authority = Authority(tmp_path)
    with (
        Endpoint(authority.context()) as endpoint,
        Sender(allow_private=True, certificates=authority.certificates) as sender,
    ):
        endpoint.answer(body=b"secret")

        assert post(sender, endpoint.url).body == b"secret"


def test_an_unknown_authority_is_not_trusted(sender, tmp_path):
    with Endpoint(Authority(tmp_path).context()) as endpoint:
        answer = post(sender, endpoint.url)

    assert answer.status is None
    assert answer.reason.startswith("the certificate was refused: ")
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("certificate", "why"),
    [({"name": "example.com"}, "localhost"), ({"lifetime": timedelta(days=-1)}, "expired")],
    ids=["another name", "expired"],
)
def test_a_certificate_that_does_not_fit_is_refused(tmp_path, certificate, why):
    authority = Authority(tmp_path)
    with (
        Endpoint(authority.context(**certificate)) as endpoint,
        Sender(allow_private=True, certificates=authority.certificates) as sender,
    ):
        answer = post(sender, endpoint.url)

    assert answer.status is None
    assert answer.reason.startswith("the certificate was refused: ")
    assert why in answer.reason
    assert endpoint.requests == []


def test_an_endpoint_that_speaks_no_tls_is_named(sender, endpoint):
    answer = post(sender, endpoint.url.replace("http:", "https:"))

    assert (answer.status, answer.reason) == (None, "the TLS handshake failed")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://a b/", "http://bücher.example/", ""])
def test_what_is_no_http_url_is_not_sent(sender, url):
    answer = post(sender, url)

    assert (answer.status, answer.reason) == (None, "the url is not an http url of printable ASCII")


def test_a_url_that_libcurl_cannot_read_is_not_sent(sender):
    assert post(sender, "http://[::1").reason == "the url is malformed"


@pytest.mark.parametrize("header", [("x-a", "1\r\nx-b: 2"), ("x-a: 1\r\nx-b", "2"), ("x-a", "ä"), ("", "1")], ids=ascii)
def test_a_header_that_would_become_another_is_not_sent(sender, endpoint, header):
    answer = post(sender, endpoint.url, headers=dict([header]))

    assert answer.status is None
    assert answer.reason.endswith("is malformed")
    assert endpoint.connections == 0


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Host", "Connection", "Expect"])
def test_a_header_that_frames_the_request_is_not_sent(sender, endpoint, name):
    answer = post(sender, endpoint.url, headers={name: "0"})

    assert (answer.status, answer.reason) == (None, f"the header '{name}' must not be set")
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


def test_what_one_request_brought_is_not_told_of_the_next(sender, endpoint):
    endpoint.answer(500, {"x-old": "1"}, b"old", times=1)

    post(sender, endpoint.url, b"long body", {"x-first": "1"})
    answer = post(sender, endpoint.url)

    assert (answer.status, answer.headers, answer.body) == (200, {"content-length": "0"}, b"")
    assert endpoint.requests[1].body == b"{}"
    assert "x-first" not in endpoint.requests[1].headers


def test_a_connection_is_used_again(sender, endpoint):
    for _ in range(5):
        post(sender, endpoint.url)

    assert endpoint.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced(sender, endpoint):
    post(sender, endpoint.url)
    endpoint.does(endpoints.closes(), times=1)

    assert post(sender, endpoint.url).status == 200
    assert endpoint.connections == 2


def test_a_thousand_webhooks_each_get_their_own_answer(sender, endpoint):
    for number in range(1000):
        endpoint.answer(body=b"%d" % number, path=f"/{number}")
        sender.post(Request(f"{endpoint.url}/{number}", {}, b"%d" % number), number)
    assert len(sender) == 1000

    answers = collect(sender, 1000)

    assert {number: int(answer.body) for number, answer in answers.items()} == {n: n for n in range(1000)}
    assert Counter(int(request.body) for request in endpoint.requests) == Counter(range(1000))


def test_one_host_gets_only_its_share_of_connections(endpoint):
    endpoint.does(endpoints.answers_after(0.05))
    with Sender(allow_private=True, host_connections=3) as sender:
        for number in range(12):
            sender.post(Request(endpoint.url, {}, b""), number)

        collect(sender, 12)

    assert endpoint.connections == 3


def test_all_hosts_together_get_only_so_many_connections(endpoint):
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

        [(tag, answer)] = sender.responses(LONG)

    assert (tag, answer.status) == ("healthy", 200)


def test_waiting_ends_when_nothing_has(sender, endpoint):
    endpoint.hang()
    sender.post(Request(endpoint.url, {}, b""), "tag")

    assert sender.responses(timedelta(milliseconds=50)) == []
    assert len(sender) == 1


def test_with_nothing_posted_there_is_nothing_to_wait_for(sender):
    assert sender.responses(LONG) == []


def test_asking_without_waiting_moves_things_on(sender, endpoint):
    sender.post(Request(endpoint.url, {}, b""), "tag")

    while not (answers := sender.responses(timedelta())):
        pass

    assert [(tag, answer.status) for tag, answer in answers] == [("tag", 200)]


def test_a_closed_sender_lets_go_of_its_connections(endpoint):
    endpoint.hang()
    with Sender(allow_private=True) as sender:
        sender.post(Request(endpoint.url, {}, b""), "under way")
        while not endpoint.requests:
            sender.responses(timedelta(milliseconds=10))

    endpoint.wait_for_silence()
    assert len(sender) == 0
