"""`listen`: receive a topic's webhooks on this computer."""

import asyncio
import base64
import os
import re
import secrets
import signal
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pgbroker.cli.command import command
from pgbroker.cli.exits import DONE, IN_PART, INTERRUPTED, Misused, Refused
from pgbroker.cli.names import TopicName
from pgbroker.cli.session import Session
from pgbroker.cli.webhook import SECRET_FILE, VARIABLE

if TYPE_CHECKING:
    from pgbroker.cli.listener import Listener

SECRET_BYTES = 32
BATCH_SIZE = 100


class Address(click.ParamType[str]):
    """An http url. `8000` and `localhost:8000/hook` are ones too."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from httpx2 import URL, InvalidURL

        text = f"localhost:{value}" if value.isdecimal() else value
        url = text if "://" in text else f"http://{text}"
        try:
            found = URL(url)
        except InvalidURL as error:
            self.fail(f"{value!r} cannot be a url: {error}", param, ctx)
        if not re.fullmatch("https?://[!-~]+", url) or not found.host:
            self.fail(f"{value!r} is no url like http://localhost:8000/webhooks", param, ctx)
        return url


@command(
    examples=(
        "pgbroker listen orders --to http://localhost:8000/webhooks --max 5",
        "pgbroker listen orders news --to http://localhost:8000/webhooks --batch-size 10 --max 1 --quiet",
    )
)
@click.argument("topics", metavar="TOPIC...", type=TopicName(), nargs=-1, required=True)
@click.option("--to", "url", type=Address(), required=True, metavar="URL", help="Where to send them: 8000, or a url.")
@click.option(
    "--batch-size",
    type=click.IntRange(1, 1000),
    default=BATCH_SIZE,
    show_default=True,
    help="The most messages in a webhook.",
)
@click.option("--max", "maximum", type=click.IntRange(1), help="Stop after so many messages of each topic.")
@click.option("--quiet", is_flag=True, help="Print only the webhooks with messages that were not delivered.")
@SECRET_FILE
def listen(
    session: Session,
    topics: tuple[str, ...],
    url: str,
    batch_size: int,
    maximum: int | None,
    secret_file: Path | None,
    *,
    quiet: bool,
) -> int:
    """Receive webhooks on this computer, with the body, headers and signature of the broker's own.

    It takes the messages from the topic's queue, as a consumer does: no other consumer gets what it has on lease, a
    broadcast does not send what it took, and what the endpoint takes is acknowledged.

    The responses mean what they mean to the broker: 2xx acknowledges, {"failed": [ids]} and other 4xx send messages
    again one by one, 429, 5xx and no response send them all again later, `webhook-delivery: abort-message` makes dead
    letters, 410 ends the command. A message that was leased as often as its topic's max_receives is a dead letter, too.
    """
    return asyncio.run(
        _listen(session, list(dict.fromkeys(topics)), url, batch_size, maximum, secret_file, quiet=quiet)
    )


async def _listen(
    session: Session,
    topics: list[str],
    url: str,
    batch_size: int,
    maximum: int | None,
    secret_file: Path | None,
    *,
    quiet: bool,
) -> int:
    from pgbroker.async_broker import AsyncBroker
    from pgbroker.cli.direct import direct
    from pgbroker.cli.endpoint import Endpoint
    from pgbroker.cli.events import printer
    from pgbroker.cli.link import Link
    from pgbroker.cli.listener import Listener

    keys = _secrets(session, secret_file)
    ends = _Ends(session)
    endpoint = Endpoint(url)
    async with direct(session, AsyncBroker) as broker:
        connected = f"Connected to {broker.url}: {', '.join(topics)} to {url}"
        link = Link(broker, session.note, ends.stop, connected, session.timeout or inf)
        with printer(session, quiet=quiet) as show:
            listeners = [
                Listener(
                    link,
                    endpoint,
                    topic,
                    keys,
                    batch_size=batch_size,
                    maximum=maximum,
                    stop=ends.stop,
                    show=show,
                    note=session.note,
                )
                for topic in topics
            ]
            with ends:
                await asyncio.gather(*map(ends.run, listeners))
    await endpoint.close()
    return ends.code(listeners, url)


def _secrets(session: Session, file: Path | None) -> list[str]:
    """Return the given secrets, or a new one that is shown."""
    from pgbroker.webhooks.signatures import PREFIX, read_keys

    given = (file.read_text() if file else os.environ.get(VARIABLE, "")).split()
    if not given:
        given = [PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()]
        session.note(f"The secret of these webhooks: {given[0]}")
    try:
        read_keys(given)
    except ValueError as error:
        raise Misused(str(error)) from error
    return given


class _Ends:
    """Why the command ends: a signal, an error, or 410; and how it exits."""

    def __init__(self, session: Session) -> None:
        self.stop = asyncio.Event()
        self._session = session
        self._signal: int | None = None
        self._error: Exception | None = None

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)

    def _on_signal(self, number: int) -> None:
        self._signal = number
        self.__exit__()
        self.stop.set()
        self._session.note("Finishing what is under way. Once more ends it at once.")

    async def run(self, listener: "Listener") -> None:
        """Run a listener. When it fails, all end, after what is under way."""
        try:
            await listener.run()
        except Exception as error:  # noqa: BLE001  it is raised when all have ended
            self._error = self._error or error
            self.stop.set()

    def code(self, listeners: "list[Listener]", url: str) -> int:
        """Return the exit code. Raises what ended a listener."""
        if self._error:
            raise self._error
        if any(each.gone for each in listeners):
            raise Refused(f"{url} answered 410: it wants no more webhooks. What it did not take was released.")
        if self._signal is not None:
            return INTERRUPTED if self._signal == signal.SIGINT else DONE
        return IN_PART if any(each.failed for each in listeners) else DONE
