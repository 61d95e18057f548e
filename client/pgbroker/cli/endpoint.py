"""The endpoint of `listen`: requests as the broker makes them, and what came back."""

import asyncio
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version

import httpx2
import msgspec

POST_SECONDS = 15  # then the broker gives a request up
MAX_BODY = 64 * 1024
CLOSED_SECONDS = 0.5  # between two looks whether something listens
LOOK_SECONDS = 5.0
USER_AGENT = f"pgbroker/{version('pgbroker')}"


class Response(msgspec.Struct, frozen=True):
    """The response to a request. `status` is None when no whole response came; `reason` then says why.

    `body` is at most 64 KiB. `refused`: no connection could be made.
    """

    status: int | None
    reason: str | None
    headers: Mapping[str, str]
    body: bytes
    duration_ms: int
    refused: bool = False


class Endpoint:
    """A url to which webhooks are posted: the broker's time-out and headers, no redirects, no proxy.

    Each request has a connection of its own: a server with a single thread would have no time for others.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        found = httpx2.URL(url)
        self._address = (found.host, found.port or (443 if found.scheme == "https" else 80))
        self._is_open = False
        self._looking = asyncio.Lock()
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._http = httpx2.AsyncClient(timeout=None, limits=limits, trust_env=False)
        self._http.headers.clear()  # what the broker does not send
        self._http.headers.update({"User-Agent": USER_AGENT, "Accept": "*/*"})

    async def close(self) -> None:
        await self._http.aclose()

    async def post(self, headers: Mapping[str, str], body: bytes) -> Response:
        """Post a body; the broker's rules say what counts as a response."""
        began = time.perf_counter()
        status, reason, found, answer, refused = None, None, httpx2.Headers(), b"", False
        try:
            async with asyncio.timeout(POST_SECONDS):
                status, found, answer = await self._send(headers, body)
        except TimeoutError:
            reason = f"no whole response within {POST_SECONDS} s"
        except httpx2.ConnectError as error:
            self._is_open = await self._accepts()  # it does when TLS failed
            refused = not self._is_open
            reason = f"no connection could be made: {str(error) or type(error).__name__}"
        except httpx2.RequestError as error:
            reason = f"no whole response: {str(error) or type(error).__name__}"
        return Response(status, reason, found, answer, round((time.perf_counter() - began) * 1000), refused)

    async def wait_until_open(self, note: Callable[[str], None]) -> None:
        """Wait until something listens: what would be leased before would be leased in vain."""
        async with self._looking:
            if self._is_open or await self._accepts():
                return
            note(f"Nothing listens at {self.url}. Waiting for it; no message is leased.")
            while not self._is_open:
                await asyncio.sleep(CLOSED_SECONDS)
                await self._accepts()
            note(f"Something listens at {self.url}.")

    async def _accepts(self) -> bool:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                _, writer = await asyncio.open_connection(*self._address)
        except OSError:  # a TimeoutError is one too
            self._is_open = False
        else:
            writer.close()
            self._is_open = True
        return self._is_open

    async def _send(self, headers: Mapping[str, str], body: bytes) -> tuple[int, httpx2.Headers, bytes]:
        async with self._http.stream("POST", self.url, content=body, headers=headers) as response:
            answer = b""
            async for part in response.aiter_raw():
                answer += part
                if len(answer) >= MAX_BODY:
                    break
            return response.status_code, response.headers, answer[:MAX_BODY]
