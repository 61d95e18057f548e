"""Content as it was written, however long; and what is copied, kept and hidden."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from pgbroker import Broker
from tests.console.places import PLACES, address
from tests.console.seeded import LONG, NUMBERS, Seeded
from tests.console.visits import Visit
from tests.support.runner import Running, until

CLIPBOARD = ["clipboard-read", "clipboard-write"]


@pytest.fixture
def copying(visit: Callable[..., Visit]) -> Visit:
    """The console in a browser whose clipboard may be read."""
    return visit(permissions=CLIPBOARD)


def content(page: Page) -> Locator:
    return page.get_by_role("region", name="The content as it was written")


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_numbers_and_members_are_shown_as_they_were_written(console: Visit, seeded: Seeded) -> None:
    page = console.open(f"#/topics/orders/messages/{seeded.numbers}")
    lines = ['"id": 12345678901234567890,', '"price": 1.10,', '"rate": 1e3,', '"id": 1']
    expect(content(page)).to_have_text(re.compile(r"\{\s*" + r"\s*".join(map(re.escape, lines)) + r"\s*\}"))
    page.get_by_label("indented").uncheck()
    expect(content(page)).to_have_text(NUMBERS)
    for tab in ("messages", "history"):
        page = console.open(f"#/topics/orders/{tab}")
        expect(page.get_by_text(NUMBERS)).to_be_visible()


def test_a_content_of_256_kib_is_there_whole(copying: Visit, seeded: Seeded) -> None:
    page = copying.open(f"#/topics/orders/messages/{seeded.long}")
    expect(content(page)).to_be_visible()
    shown = page.evaluate("document.querySelector('.lines').textContent")
    assert json.loads(shown) == LONG
    assert len(json.dumps(LONG, separators=(",", ":"))) > 255 * 1024
    assert page.locator(".lines *").count() < 200  # no element for each token
    page.get_by_role("button", name="Copy the content").or_(page.get_by_title("Copy the content")).click()
    expect(page.locator(".outcome")).to_contain_text("clipboard")
    assert json.loads(clipboard(page)) == LONG


def test_a_content_is_downloaded_as_it_was_written(console: Visit, seeded: Seeded, tmp_path: Path) -> None:
    page = console.open(f"#/topics/orders/messages/{seeded.numbers}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"{seeded.numbers}.json"
    download.value.save_as(tmp_path / "content")
    assert (tmp_path / "content").read_text() == NUMBERS


def test_content_is_hidden_until_it_is_asked_for(console: Visit, seeded: Seeded) -> None:
    page = console.open("#/topics/orders/messages", "orders")
    expect(page.locator("main")).to_contain_text("12345678901234567890")
    page.locator("header summary").last.click()
    page.get_by_role("checkbox", name="hide content in lists").check()
    page.reload()
    expect(page.locator("main [data-row]").first).to_contain_text("hidden, ")
    expect(page.locator("main")).not_to_contain_text("12345678901234567890")
    page = console.open(f"#/topics/orders/messages/{seeded.numbers}")
    expect(page.locator("main")).to_contain_text("Content is hidden")
    page.get_by_role("button", name="Show it").click()
    expect(content(page)).to_contain_text("12345678901234567890")


@pytest.mark.parametrize("name", [name for name in PLACES if name not in {"tokens", "search", "nowhere"}])
def test_a_command_has_never_the_token(console: Visit, seeded: Seeded, make_run: Running, name: str) -> None:
    page = console.open(address(name, seeded))
    expect(page.locator("main").locator(PLACES[name][1]).first).to_be_visible()
    assert make_run.console_token not in page.content()

    def shows_a_command() -> bool:
        # an answer that comes in between may draw some anew, closed
        page.eval_on_selector_all("main details", "all => all.forEach((each) => { each.open = true })")
        return "Bearer $TOKEN" in page.locator("main").inner_text()

    until(shows_a_command)
    assert make_run.console_token not in page.content()


def test_a_command_does_what_the_page_does(copying: Visit, broker: Broker, make_run: Running, topic: str) -> None:
    curl = shutil.which("curl")
    assert curl, "curl is not installed"
    broker.put_topic(topic)
    page = copying.open(f"#/topics/{topic}", topic)
    page.get_by_role("button", name="Publish…").click()
    box = page.get_by_role("dialog")
    box.get_by_label("Content").fill('{"it\'s": "a \\"quote\\" and $HOME", "price": 1.10}')
    box.locator("summary", has_text="curl").click()
    box.get_by_title("Copy the command").click()
    command = clipboard(page)
    assert make_run.console_token not in command
    environment = {"TOKEN": make_run.token, "PATH": str(Path(curl).parent)}
    subprocess.run(["bash", "-c", command], env=environment, check=True, capture_output=True)
    [message] = broker.browse_messages(topic).items
    assert message.content == {"it's": 'a "quote" and $HOME', "price": 1.1}


def test_an_id_is_copied_whole(copying: Visit, seeded: Seeded) -> None:
    page = copying.open("#/topics/orders/dead-letters", "orders")
    page.get_by_role("button", name=f"Copy the id {seeded.dead}").click()
    expect(page.locator(".outcome")).to_contain_text("clipboard")
    assert clipboard(page) == seeded.dead


def test_times_are_relative_local_or_utc_and_stay_so(visit: Callable[..., Visit], seeded: Seeded) -> None:
    console = visit(timezone_id="Asia/Kolkata")
    page = console.open(f"#/topics/orders/messages/{seeded.ready}")
    time = page.get_by_role("region", name="Facts").locator("time").first
    expect(time).to_have_text(re.compile(r"ago|now"))
    moment = str(time.get_attribute("datetime"))
    page.locator("header summary").last.click()
    page.get_by_role("radio", name="UTC").check()
    expect(time).to_have_text(moment[:19].replace("T", " ") + "Z")
    page.get_by_role("radio", name="local").check()
    expect(time).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))
    assert time.inner_text()[14:] != moment[14:19]  # half an hour beside
    page.reload()
    expect(time).to_have_text(re.compile(r"^\d{4}-"))
