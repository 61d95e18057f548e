"""Our signatures are those that botocore makes."""

import string
from datetime import UTC, datetime
from unittest import mock

import botocore.auth
import botocore.credentials
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st

from broker.aws import signing
from broker.settings import Credentials

NAMES = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12)
WORDS = st.text(string.ascii_letters + string.digits + "/+=_-", min_size=1, max_size=40)
VALUES = st.text([chr(code) for code in range(0x20, 0x7F)], max_size=40)
SEGMENTS = st.text(string.ascii_letters + string.digits + "-_~%!$&'()*+,;=:@", min_size=1, max_size=12)
ADDED = {"host", "authorization", "x-amz-date", "x-amz-security-token", "date", "x-amz-content-sha256"}


@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    host=st.sampled_from(["sqs.us-east-1.amazonaws.com", "127.0.0.1:4566"]),
    path=st.lists(SEGMENTS).map(lambda segments: "/" + "/".join(segments)),
    headers=st.dictionaries(
        NAMES.filter(lambda name: name.lower() not in {*ADDED, *botocore.auth.SIGNED_HEADERS_BLACKLIST}), VALUES
    ).filter(lambda headers: len({name.lower() for name in headers}) == len(headers)),
    body=st.binary(max_size=100),
    key=WORDS,
    secret=WORDS,
    token=st.none() | WORDS,
    region=NAMES,
    service=NAMES,
    time=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_a_signature_is_that_of_botocore(method, host, path, headers, body, key, secret, token, region, service, time):
    ours = signing.sign(
        method,
        host,
        path,
        headers,
        body,
        credentials=Credentials(key, secret, token),
        region=region,
        service=service,
        time=time,
    )
    request = AWSRequest(method, f"https://{host}{path}", headers, body)
    theirs = botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret, token), service, region)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=time):
        theirs.add_auth(request)
    assert ours == {**dict(request.headers.items()), "Host": host}


def test_the_text_of_credentials_shows_the_key_only():
    assert str(Credentials("AKIA", "a secret", "a token")) == "Credentials('AKIA')"
