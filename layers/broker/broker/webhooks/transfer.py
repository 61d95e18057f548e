"""One POST through libcurl: the request, the addresses that are refused, and the response.

The Sender drives the handle through libcurl's multi interface.
"""

import errno
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pycurl

from broker import __version__
from broker.webhooks import addresses, headers

MAX_BODY = 64 * 1024
MAX_HEADERS = 64 * 1024


class Request(msgspec.Struct, frozen=True):
    """One POST. Header names and values are printable ASCII; libcurl adds those for host, connection and length."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Response(msgspec.Struct, frozen=True):
    """The response to a request. `status` is None when no whole response came; `reason` then says why.

    A response that breaks off or does not end in time does not count. One with more than `MAX_BODY` bytes does: it
    keeps its status, `reason` says that it was cut, and `body` is its beginning.
    """

    status: int | None
    reason: str | None
    headers: Mapping[str, str]  # of the final response, names in lower case, repeated ones joined by ", "
    body: bytes  # at most MAX_BODY bytes
    started_at: datetime
    duration: timedelta


class Transfer:
    """A libcurl handle, used for one request after another, and what has been received of the current response."""

    _started_at: datetime
    _headers: dict[str, str]
    _header_room: int  # bytes
    _body: bytearray
    _refused: str | None  # the address to which no connection was made

    def __init__(self, timeout: timedelta, certificates: Path | None, *, allow_private: bool) -> None:
        self.curl = pycurl.Curl()
        self._timeout = timeout
        options = {
            pycurl.POST: 1,
            pycurl.USERAGENT: f"pgbroker/{__version__}",
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
            pycurl.PROTOCOLS: pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS,
            pycurl.FOLLOWLOCATION: 0,
            pycurl.NETRC: pycurl.NETRC_IGNORED,
            pycurl.PROXY: "",  # through a proxy of the environment, the check would see the proxy's address
            pycurl.NOSIGNAL: 1,
            pycurl.TIMEOUT_MS: int(timeout.total_seconds() * 1000),
            pycurl.HEADERFUNCTION: self._take_header,
            pycurl.WRITEFUNCTION: self._take_body,
        }
        if certificates:
            options[pycurl.CAINFO] = str(certificates)
        if not allow_private:
            options[pycurl.OPENSOCKETFUNCTION] = self._open_public
        for option, value in options.items():
            self.curl.setopt(option, value)

    def start(self, request: Request) -> None:
        self._started_at = datetime.now(UTC)
        self._headers = {}
        self._header_room = MAX_HEADERS
        self._body = bytearray()
        self._refused = None
        self.curl.setopt(pycurl.URL, request.url)
        self.curl.setopt(pycurl.HTTPHEADER, ["Expect:", *_header_lines(request.headers)])
        self.curl.setopt(pycurl.POSTFIELDS, request.body)

    def end(self, code: int, message: str) -> Response:
        self.curl.setopt(pycurl.POSTFIELDS, b"")  # so that an idle handle does not keep a batch in memory
        cut = code == pycurl.E_WRITE_ERROR and len(self._body) == MAX_BODY
        return Response(
            self.curl.getinfo(pycurl.RESPONSE_CODE) if cut or code == pycurl.E_OK else None,
            f"only the first {MAX_BODY} bytes of the response were read" if cut else self._reason(code, message),
            self._headers,
            bytes(self._body),
            self._started_at,
            timedelta(seconds=self.curl.getinfo(pycurl.TOTAL_TIME)),
        )

    def _open_public(self, _purpose: int, peer: Any) -> socket.socket | int:
        address: str = peer.addr[0]
        if addresses.is_public(address):
            return socket.socket(peer.family, peer.socktype, peer.protocol)
        self._refused = address
        return int(pycurl.SOCKET_BAD)

    def _take_header(self, line: bytes) -> int | None:
        """Keep one line of the head. Returning another number than its length ends the transfer."""
        self._header_room -= len(line)
        if self._header_room < 0:
            return 0
        if line.startswith(b"HTTP/"):
            self._headers = {}  # those of an interim response
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            name, value = name.lower(), value.strip()
            self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value
        return None

    def _take_body(self, part: bytes) -> int:
        """Keep the beginning of the body. Returning another number than the length of `part` ends the transfer."""
        kept = part[: MAX_BODY - len(self._body)]
        self._body += kept
        return len(kept)

    def _reason(self, code: int, message: str) -> str | None:
        match code:
            case pycurl.E_OPERATION_TIMEDOUT:
                return f"no whole response within {self._timeout.total_seconds():g} s"
            case pycurl.E_COULDNT_CONNECT if self._refused:
                return f"the address {self._refused} is not public"
            case pycurl.E_COULDNT_CONNECT if self.curl.getinfo(pycurl.OS_ERRNO) == errno.ECONNREFUSED:
                return "the connection was refused"
            case pycurl.E_PEER_FAILED_VERIFICATION:
                return f"the certificate was refused: {message}"
            case pycurl.E_WRITE_ERROR if self._header_room < 0:
                return f"the response's headers have more than {MAX_HEADERS} bytes"
            case _:
                return _REASONS.get(code, f"libcurl error {code}")


_REASONS = {
    pycurl.E_OK: None,
    pycurl.E_URL_MALFORMAT: "the url is malformed",
    pycurl.E_COULDNT_RESOLVE_HOST: "the host's name was not found",
    pycurl.E_COULDNT_CONNECT: "no connection could be made",
    pycurl.E_SSL_CONNECT_ERROR: "the TLS handshake failed",
    pycurl.E_SSL_CACERT_BADFILE: "the file of trusted certificates could not be read",
    pycurl.E_SEND_ERROR: "the connection broke off",
    pycurl.E_RECV_ERROR: "the connection was reset",
    pycurl.E_GOT_NOTHING: "the connection was closed without a response",
    pycurl.E_PARTIAL_FILE: "the response broke off",
    pycurl.E_UNSUPPORTED_PROTOCOL: "the response is not HTTP",
    8: "the response is not HTTP",  # CURLE_WEIRD_SERVER_REPLY, for which pycurl has no name
    100: f"the response's headers have more than {MAX_HEADERS} bytes",  # CURLE_TOO_LARGE, likewise
}

_URL = re.compile(r"(?i)https?://[!-~]+")
_HEADER = re.compile(r"[!-9;-~]+: [ -~]*")


def request_fault(request: Request) -> str | None:
    """Say why `request` must not be given to libcurl; None when it may. Libcurl would send a line break in a header."""
    if not _URL.fullmatch(request.url):
        return "the url is not an http url of printable ASCII"
    for name, value in request.headers.items():
        if not _HEADER.fullmatch(f"{name}: {value}"):
            return f"the header {name!a} is malformed"
        if headers.belongs_to_connection(name):
            return f"the header {name!a} must not be set"
    return None


def _header_lines(headers: Mapping[str, str]) -> list[str]:
    """Write the headers as libcurl reads them: `name;` sends an empty one, `name:` would remove it."""
    return [f"{name}: {value}" if value.strip() else f"{name};" for name, value in headers.items()]
