"""The console as a person has it open, and what a page of ours must never do."""

import re
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response, Route, expect

PATIENCE_MS = 20_000  # a busy machine may take long
expect.set_options(timeout=PATIENCE_MS)

SIGN_IN = """
if (location.protocol.startsWith("http") && !sessionStorage.getItem("signed in")) {
  sessionStorage.setItem("signed in", "once");
  sessionStorage.setItem("token", "%s");
}
"""
VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP", event.effectiveDirective, event.blockedURI));
"""
SAID_OTHERWISE = ("failed to load resource", "content security policy", "this document requires")


class Visit:
    """A browser context with the console, signed in with a token if one is given. Its `page` is opened by `open`.

    It notes each violation of the CSP, error in the console of the browser or in a program, response from 400 on,
    failed request and request to another origin. `expects` names those that a test is about; `check` raises
    AssertionError for all others, and for an expected one that did not come.
    """

    def __init__(self, browser: Browser, url: str, token: str | None = None, **options: Any) -> None:
        self.url = url
        self.requests: list[str] = []  # of the API: "GET /topics"
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.add_init_script(VIOLATIONS)
        if token:
            self.context.add_init_script(SIGN_IN % token)
        self._faults: list[str] = []
        self._expected: list[str] = []
        self._permitted: list[str] = []
        self.context.on("console", self._note_line)
        self.context.on("weberror", lambda error: self._faults.append(f"error: {error.error}"))
        self.context.on("request", self._note_request)
        self.context.on("requestfailed", self._note_failure)
        self.context.on("response", self._note_response)
        self.page: Page = self.context.new_page()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.context.close()

    def open(self, fragment: str = "#/", heading: str | re.Pattern[str] | None = None) -> Page:
        """Open a screen, and wait for its heading, if the test knows it."""
        self.page.goto(f"{self.url}/console{fragment}")
        expect(self.heading).to_have_text(heading) if heading else expect(self.heading).to_be_visible()
        return self.page

    @property
    def heading(self) -> Locator:
        """The one heading of the first level."""
        return self.page.get_by_role("heading", level=1)

    def answer(self, route: str, status: int, body: str = "{}", headers: dict[str, str] | None = None) -> None:
        """Let a route of the API, such as `**/topics`, answer so from now on. An error is expected then."""
        kind = {"Content-Type": "application/problem+json" if status >= 400 else "application/json"}

        def respond(asked: Route) -> None:
            asked.fulfill(status=status, body=body, headers=kind | (headers or {}))

        self.page.unroute(route)
        self.page.route(route, respond)
        if status >= 400:
            self.expects(f"answered {status}")

    def expects(self, pattern: str) -> None:
        """Expect faults that this regular expression finds."""
        self._expected.append(pattern)

    def permits(self, pattern: str) -> None:
        """Permit faults that this regular expression finds."""
        self._permitted.append(pattern)

    def check(self) -> None:
        """Raise AssertionError for what the page must not do."""
        for page in self.context.pages:
            page.evaluate("0")  # what it has said until now has come
        allowed = [*self._expected, *self._permitted]
        unexpected = [fault for fault in self._faults if not any(re.search(each, fault) for each in allowed)]
        assert not unexpected, "\n".join(unexpected)
        missed = [each for each in self._expected if not any(re.search(each, fault) for fault in self._faults)]
        assert not missed, f"expected, and it did not come: {missed}"

    def _note_line(self, line: Any) -> None:
        if line.type in {"error", "warning"} and not any(text in line.text.lower() for text in SAID_OTHERWISE):
            self._faults.append(f"{line.type}: {line.text}")

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith(f"{self.url}/") and not request.url.startswith(f"blob:{self.url}/"):
            self._faults.append(f"asked {request.url}")
        elif request.resource_type in {"fetch", "xhr"}:
            self.requests.append(f"{request.method} {urlsplit(request.url).path}")

    def _note_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page itself has ended it
            self._faults.append(f"failed {request.method} {request.url}: {request.failure}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self._faults.append(f"{response.request.method} {urlsplit(response.url).path} answered {response.status}")
