"""A call to AWS: what it sends, over which connection, and what becomes of it when AWS fails or is silent."""

import json
import re
import socket
import ssl
from urllib.parse import urlsplit

import botocore.handlers
import botocore.session
import pytest

from broker import settings
from broker.aws import client, connections
from tests.support import endpoints
from tests.support.endpoints import Authority, Endpoint

OK = b"{}"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    for name, value in {"ACCESS_KEY_ID": "AKIA", "SECRET_ACCESS_KEY": "secret", "SESSION_TOKEN": "token"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield
    connections.close()


@pytest.fixture
def sqs(endpoint):
    """An endpoint that answers every call with an empty object."""
    endpoint.answer(body=OK)
    return endpoint


def call(url, seconds=30.0, content=None, service=client.SQS):
    return client.call(service, "SendMessageBatch", content or {}, region="us-east-1", endpoint=url, seconds=seconds)


def test_a_call_is_a_signed_post_of_json(sqs):
    sqs.answer(body=b'{"Successful": [1]}')
    assert call(sqs.url, content={"QueueUrl": "q"}) == {"Successful": [1]}
    [request] = sqs.requests
    assert (request.method, request.path, json.loads(request.body)) == ("POST", "/", {"QueueUrl": "q"})
    assert request.headers["content-type"] == "application/x-amz-json-1.0"
    assert request.headers["x-amz-target"] == "AmazonSQS.SendMessageBatch"
    assert request.headers["x-amz-security-token"] == "token"
    assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/")
    signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,"
    assert signed in request.headers["authorization"]
    assert request.headers["host"] == urlsplit(sqs.url).netloc


@pytest.mark.parametrize(
    ("service", "operation", "content"),
    [
        (client.SQS, "SendMessageBatch", {"QueueUrl": "q", "Entries": [{"Id": "0", "MessageBody": "é"}]}),
        (client.SECRETS_MANAGER, "GetSecretValue", {"SecretId": "a"}),
    ],
)
def test_a_call_is_the_request_of_botocore(sqs, service, operation, content):
    theirs = botocore.session.Session().create_client(service.name, region_name="us-east-1", endpoint_url=sqs.url)
    theirs._make_api_call(operation, content)
    theirs.close()
    client.call(service, operation, content, region="us-east-1", endpoint=sqs.url, seconds=30)
    botocores, ours = sqs.requests
    assert (ours.method, ours.path, json.loads(ours.body)) == (botocores.method, "/", json.loads(botocores.body))
    for name in ("content-type", "x-amz-target", "host", "x-amz-security-token"):
        assert ours.headers[name] == botocores.headers[name]
    [scope] = {re.search(r"Credential=(\S+),", request.headers["authorization"])[1] for request in sqs.requests}
    assert scope.endswith(f"/us-east-1/{service.name}/aws4_request")


def test_credentials_are_read_at_each_call(sqs, monkeypatch):
    call(sqs.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ANOTHER")
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    call(sqs.url)
    _, request = sqs.requests
    assert "Credential=ANOTHER/" in request.headers["authorization"]
    assert "x-amz-security-token" not in request.headers


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_nothing_is_called_without_credentials(sqs, monkeypatch, name):
    monkeypatch.setenv(name, "")
    with pytest.raises(settings.SettingMissing, match=f"{name} is not set"):
        call(sqs.url)
    assert sqs.requests == []


@pytest.mark.parametrize("function", ["Publish", None])
def test_the_trace_is_passed_on_as_botocore_does_it(sqs, monkeypatch, function):
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-2;Parent=3;Sampled=0;Lineage=4:5|é\n")
    if function:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", function)
    expected = {"headers": {}}
    botocore.handlers.add_recursion_detection_header(expected)
    call(sqs.url)
    [request] = sqs.requests
    assert request.headers.get("x-amzn-trace-id") == expected["headers"].get("X-Amzn-Trace-Id")
    assert ("x-amzn-trace-id" in request.headers) == bool(function)
    assert "trace" not in request.headers["authorization"]


def test_calls_share_a_connection(sqs):
    for _ in range(3):
        call(sqs.url)
    assert (len(sqs.requests), sqs.connections) == (3, 1)


def test_a_connection_that_the_server_closed_is_opened_again(sqs):
    call(sqs.url)
    sqs.does(endpoints.closes(after=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"), times=1)
    call(sqs.url)
    sqs.wait_for_silence()
    sqs.does(endpoints.resets(), times=1)  # the call has both of its attempts left
    call(sqs.url)
    assert (len(sqs.requests), sqs.connections) == (4, 3)


def test_a_connection_that_the_server_announces_to_close_is_not_kept(sqs):
    sqs.answer(headers={"connection": "close"}, body=OK)
    call(sqs.url)
    call(sqs.url)
    assert sqs.connections == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again(sqs, monkeypatch):
    call(sqs.url)
    now = connections.time.time()
    monkeypatch.setattr(connections.time, "time", lambda: now + connections.IDLE_SECONDS + 1)
    call(sqs.url)
    assert sqs.connections == 2


@pytest.mark.parametrize("fails", [endpoints.resets(), endpoints.closes(), endpoints.closes(after=b"HTTP/1.1 200")])
def test_a_call_whose_connection_breaks_is_made_once_more(sqs, fails):
    sqs.does(fails, times=1)
    assert call(sqs.url) == {}
    assert sqs.connections == 2


def test_a_call_whose_connection_breaks_twice_fails(sqs):
    sqs.does(endpoints.closes())
    with pytest.raises(client.CallFailed, match="RemoteDisconnected") as failed:
        call(sqs.url)
    assert failed.value.status is None
    assert len(sqs.requests) == 2


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (503, b"<html>", "HTTP 503"),
        (500, b'{"__type": "InternalError"}', "InternalError"),
        (400, b'{"__type": "com.amazon.coral.service#ThrottlingException"}', "ThrottlingException"),
    ],
)
def test_a_service_that_is_full_or_failing_is_asked_once_more(sqs, status, body, reason):
    sqs.answer(status, body=body, times=1)
    assert call(sqs.url) == {}
    sqs.answer(status, body=body)
    with pytest.raises(client.CallFailed, match=reason) as failed:
        call(sqs.url)
    assert failed.value.status == status
    assert (len(sqs.requests), sqs.connections) == (4, 1)


def test_what_aws_refuses_is_not_asked_again(sqs):
    sqs.answer(400, body=b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "private"}')
    with pytest.raises(client.CallFailed) as failed:
        call(sqs.url)
    assert (failed.value.reason, failed.value.status, str(failed.value)) == (
        "QueueDoesNotExist",
        400,
        "QueueDoesNotExist",
    )
    assert len(sqs.requests) == 1


def test_an_answer_that_is_not_json_is_a_failure(sqs):
    sqs.answer(body=b"<html>")
    with pytest.raises(client.CallFailed, match="DecodeError"):
        call(sqs.url)


@pytest.mark.parametrize("silence", [endpoints.hangs(), endpoints.drips_headers(), endpoints.drips_body()])
def test_a_silent_service_is_left_when_the_time_is_up(sqs, silence):
    sqs.does(silence)
    with pytest.raises(client.CallFailed, match="TimeoutError"):
        call(sqs.url, seconds=0.2)
    sqs.wait_for(1)
    sqs.wait_for_silence()
    assert len(sqs.requests) == 1


def test_a_silent_address_leaves_the_others_their_part_of_the_time(sqs, monkeypatch):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent, socket.create_connection(silent.getsockname()):
        addresses = [silent.getsockname(), ("127.0.0.1", urlsplit(sqs.url).port)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_names: found)
        assert call(sqs.url, seconds=1) == {}


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("http", 80)])
def test_a_port_needs_no_list_of_services(scheme, port, monkeypatch):
    asked = []

    def look_up(host, service, **_names):
        asked.append((host, service))
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(client.CallFailed, match="gaierror"):
        call(f"{scheme}://example.com")
    assert {*asked} == {("example.com", port)}


def test_a_closed_port_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(client.CallFailed, match="ConnectionRefusedError"):
        call(f"http://127.0.0.1:{port}")


def test_a_name_without_an_address_is_a_failure():
    with pytest.raises(client.CallFailed, match="gaierror"):
        call("https://nowhere.invalid")


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """An authority that this process trusts, and no other."""
    authority = Authority(tmp_path)
    context = ssl.create_default_context(cafile=authority.certificates)
    monkeypatch.setattr(connections, "_tls", lambda: context)
    return authority


def test_tls_is_spoken_over_one_connection(authority):
    with Endpoint(authority.context()) as tls:
        tls.answer(body=OK)
        call(tls.url)
        call(tls.url)
        assert (len(tls.requests), tls.connections) == (2, 1)
        connections.close()


def test_a_certificate_of_another_host_is_refused(authority):
    with Endpoint(authority.context("another.example")) as tls:
        with pytest.raises(client.CallFailed, match="SSLCertVerificationError"):
            call(tls.url)
        assert tls.requests == []


def test_the_authorities_of_the_system_are_trusted_and_no_others(tmp_path):
    assert connections._tls().verify_mode == ssl.CERT_REQUIRED
    with Endpoint(Authority(tmp_path).context()) as tls, pytest.raises(client.CallFailed, match="SSLCertVerification"):
        call(tls.url)


@pytest.mark.parametrize(
    ("setting", "service"),
    [("SQS", client.SQS), ("SECRETS_MANAGER", client.SECRETS_MANAGER)],
)
def test_a_setting_replaces_the_endpoint_of_one_service_or_of_all(sqs, monkeypatch, setting, service):
    monkeypatch.setenv("AWS_ENDPOINT_URL", sqs.url)
    call("https://nowhere.invalid", service=service)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://nowhere.invalid")
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{setting}", sqs.url)
    call("https://nowhere.invalid", service=service)
    assert len(sqs.requests) == 2
