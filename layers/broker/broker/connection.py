"""Open a session of PostgreSQL: over TLS that is verified, and in a time that all addresses share."""

import ipaddress
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_attempts, conninfo_to_dict, make_conninfo

from broker import authorities, connection_mistakes, deadlines
from broker.aws import database_login
from broker.connection_mistakes import NO_ANSWER, REFUSED_BY_IAM, RESTARTING, WRONG_PASSWORD, Mistake
from broker.session import Connection

LEAST_SECONDS = 2  # psycopg gives no address less
PAUSE_SECONDS = 0.5  # before a server that starts is asked again
RESUME_SECONDS = 15  # that Amazon Aurora takes to resume, as a rule


class CannotConnect(Exception):
    """No session could be opened. The text says where, PostgreSQL's reason and what to change; no password is in it."""

    def __init__(self, text: str, mistake: Mistake | None, *, used_password: bool = False) -> None:
        super().__init__(text)
        self.mistake = mistake  # None: no known one
        self._used_password = used_password

    @property
    def login_refused(self) -> bool:
        """Whether the password is wrong. A server that says so in another language had asked for it before."""
        return self.mistake is WRONG_PASSWORD or (self.mistake is None and self._used_password)

    @property
    def refused_by_iam(self) -> bool:
        return self.mistake is REFUSED_BY_IAM

    @property
    def retry_seconds(self) -> int:
        """When to try again: a server that did not answer for so long may be on its way up."""
        return RESUME_SECONDS if self.mistake in {NO_ANSWER, RESTARTING} else 2


def open_session(url: str, *, options: str | None = None) -> Connection:
    """Open a session in autocommit, at the first address that accepts it. `options` are PostgreSQL's start-up options.

    A host may have several addresses, and a URL several hosts: they share the time that the request has left, at most
    `deadlines.CONNECT_SECONDS`. In that time a server that starts is asked again. A URL of Amazon RDS without a
    password logs in by IAM. Without `sslmode` in the URL, a server that is not on this machine must show a certificate
    of its name (libpq's verify-full). Raises CannotConnect.
    """
    parameters = parse(url)
    ends_at = time.monotonic() + min(deadlines.CONNECT_SECONDS, deadlines.left())
    while True:
        try:
            return _open(parameters, ends_at, options)
        except CannotConnect as failed:
            if failed.mistake is not RESTARTING or time.monotonic() + PAUSE_SECONDS > ends_at:
                raise
        time.sleep(PAUSE_SECONDS)


def _open(parameters: dict[str, str], ends_at: float, options: str | None) -> Connection:
    given = {**parameters, **verification(parameters), "application_name": "pgbroker"}
    if options:
        given["options"] = options
    if database_login.applies(parameters):
        given["password"] = database_login.token(parameters)
    failures: list[psycopg.Error | UnicodeError] = []
    try:
        attempts = conninfo_attempts(given)
    except (psycopg.Error, UnicodeError) as error:
        raise _describe(parameters, [error]) from None
    for tried, attempt in enumerate(attempts):
        left = ends_at - time.monotonic()
        if failures and left < LEAST_SECONDS:
            break
        share = int(max(LEAST_SECONDS, left / (len(attempts) - tried)))
        try:
            conninfo = make_conninfo(**{**attempt, "connect_timeout": str(share)})  # type: ignore[arg-type]
            return Connection.connect(conninfo, autocommit=True, prepare_threshold=None)
        except psycopg.Error as error:
            failures.append(error)
    raise _describe(parameters, failures)


def parse(url: str) -> dict[str, str]:
    """Return the parameters of a URL, as libpq names them. Raises CannotConnect."""
    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except (psycopg.ProgrammingError, UnicodeDecodeError) as error:
        mistake, reason = connection_mistakes.describe_unreadable(url, str(error))
    raise CannotConnect(f"the database's URL cannot be used: {reason}; {mistake.advice}", mistake)


def to_url(parameters: Mapping[str, str]) -> str:
    """Write parameters as libpq names them as a URL. Several hosts, and a socket's folder, are in its query."""
    rest = dict(parameters)
    user, password, database = (quote(rest.pop(each, ""), safe="") for each in ("user", "password", "dbname"))
    place = ""
    if rest.get("host") and not {",", "/", "@"} & set(rest["host"]):
        host = rest.pop("host")
        place = f"[{host}]" if ":" in host else host
        place += f":{rest.pop('port', '5432')}"
    query = f"?{urlencode(rest, quote_via=quote)}" if rest else ""
    return f"postgresql://{user}:{password}@{place}/{database}{query}"


def verification(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return what a URL lacks to verify its server: `sslmode`, and `sslrootcert`, the file of authorities.

    Empty when the URL has another `sslmode`, and for a server on this machine.
    """
    hosts = (parameters.get("host") or parameters.get("hostaddr") or "").split(",")
    if "sslmode" not in parameters and all(map(is_local, hosts)):
        return {}
    wanted = {"sslmode": parameters.get("sslmode", "verify-full")}
    # "system" is the place where the OpenSSL of psycopg's wheel was built
    if wanted["sslmode"].startswith("verify") and parameters.get("sslrootcert", "system") == "system":
        file = authorities.for_database(hosts[0])
        wanted |= {"sslrootcert": str(file)} if file else {}
    return wanted


def is_local(host: str) -> bool:
    """Whether a host is this machine: a loopback address, `localhost`, or the folder of a socket."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host in {"", "localhost"} or host.startswith(("/", "@"))


def _describe(parameters: Mapping[str, str], failures: Sequence[psycopg.Error | UnicodeError]) -> CannotConnect:
    """Make the error of the attempt that came furthest."""
    if misreading := connection_mistakes.find_misreading(parameters):
        return CannotConnect(f"the database's URL cannot be used: {misreading.advice}", misreading)
    failure = min(failures, key=lambda each: connection_mistakes.rank(str(each)))
    message, pgconn = str(failure), getattr(failure, "pgconn", None)
    mistake = connection_mistakes.find(message)
    where = f"{parameters.get('host', 'the default host')}:{parameters.get('port', '5432')}"
    tried = f"database {parameters.get('dbname', 'of its name')} as {parameters.get('user', 'the default user')}"
    reason = connection_mistakes.describe(message, parameters.get("password"))
    advice = f"; {mistake.advice}" if mistake else ""
    text = f"no connection to {where}, {tried}: {reason}{advice}"
    return CannotConnect(text, mistake, used_password=pgconn is not None and pgconn.used_password)
