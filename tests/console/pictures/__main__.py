"""`make pictures`: write docs/pictures. An hour of the story passes in minutes, by a clock that is moved."""

import contextlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from local.terminal import say
from pgbroker import Broker
from tests.console import chromium
from tests.console.pictures import snapshots
from tests.console.pictures.receiver import receiver
from tests.console.pictures.screens import LOOK, OPTIONS, SCREENS, play
from tests.console.pictures.story import WHOLE, Story
from tests.console.visits import Visit
from tests.support import faketime, folders
from tests.support.runner import started

BEGINS_AT = datetime(2026, 12, 1, 9, 42, tzinfo=UTC)
CLOCK = Path(__file__).parent / "clock"


def main() -> None:
    if faketime.LIBRARY is None or chromium.find() is None:
        sys.exit("apt-get install libfaketime chromium-headless-shell fonts-dejavu-core")
    with contextlib.ExitStack() as stack:
        url, clock = stack.enter_context(faketime.server({"fsync": "off"}))

        ahead = BEGINS_AT - datetime.now(UTC)

        def wait(second: int) -> None:
            nonlocal ahead
            ahead = max(ahead, BEGINS_AT + timedelta(seconds=second) - datetime.now(UTC))  # never back
            clock.set_ahead(ahead)
            say(f"{second // 60} of 60 minutes")

        wait(0)
        data = stack.enter_context(folders.for_data("broker-pictures-"))
        variables = {**clock.variables, "DATABASE_URL": url, "PYTHONPATH": str(CLOCK)}
        # one process, which alone gets these variables
        running = stack.enter_context(started(data, 0, OPTIONS, "--in-process", variables=variables))
        broker = stack.enter_context(Broker(running.url, running.token))
        browser = chromium.launch(stack.enter_context(sync_playwright()))
        console = stack.enter_context(Visit(browser, running.url, running.console_token, **LOOK))
        story = Story(broker, stack.enter_context(receiver()))
        play(story, console, WHOLE, wait)
        for screen in SCREENS:
            screen.open(console, story)
            snapshots.write(screen.name, console.page)
            for colour in ("light", "dark"):
                console.page.emulate_media(color_scheme=colour)
                console.page.screenshot(path=snapshots.FOLDER / f"{screen.name}-{colour}.png")
        console.check()


if __name__ == "__main__":
    main()
