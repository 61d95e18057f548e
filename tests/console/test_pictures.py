"""The pictures of the docs show the screens as they are. What a screen reader gets is compared, not pixels."""

import pytest
from playwright.sync_api import Browser

from pgbroker import Broker
from tests.console.pictures import snapshots
from tests.console.pictures.receiver import receiver
from tests.console.pictures.screens import LOOK, OPTIONS, SCREENS, play
from tests.console.pictures.story import SHORT, Story
from tests.console.visits import Visit
from tests.support import folders
from tests.support.runner import started

BYTES = 150 * 1024


def test_the_pictures_show_the_screens_as_they_are(browser: Browser) -> None:
    with (
        folders.for_data("broker-pictures-") as data,
        started(data, options=OPTIONS) as running,
        Broker(running.url, running.token) as broker,
        receiver() as endpoints,
        Visit(browser, running.url, running.console_token, **LOOK) as console,
    ):
        story = Story(broker, endpoints)
        play(story, console, SHORT, lambda _: None)
        for screen in SCREENS:
            screen.open(console, story)
            assert snapshots.snapshot(console.page) == snapshots.read(screen.name), "run make pictures"
        console.check()


@pytest.mark.parametrize("name", [f"{screen.name}-{colour}" for screen in SCREENS for colour in ("light", "dark")])
def test_a_picture_is_small(name: str) -> None:
    assert (snapshots.FOLDER / f"{name}.png").stat().st_size <= BYTES
