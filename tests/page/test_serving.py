"""The files of the console, as the function gives them."""

import base64
import gzip
import html
import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.support.client import ROOT, app, template

FOLDER = ROOT / "functions" / "console"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGES = ("GET /console", "GET /docs", "GET /openapi.json")
FILES = ("console.css", "console.js", "icon.svg", "vendor.js")
KINDS = {
    "GET /console": "text/html; charset=utf-8",
    "GET /docs": "text/html; charset=utf-8",
    "GET /openapi.json": "application/json",
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "vendor.js": "text/javascript; charset=utf-8",
}


def get(name: str, **headers: str) -> dict[str, Any]:
    """The answer to a request for a page or a file, `headers` with `_` for `-`."""
    event: dict[str, Any] = {"routeKey": name, "headers": {key.replace("_", "-"): headers[key] for key in headers}}
    if name not in PAGES:
        event |= {"routeKey": "GET /console/{file}", "pathParameters": {"file": name}}
    answer: dict[str, Any] = app("console").handler(event, None)
    return answer


@pytest.mark.parametrize("name", KINDS)
def test_a_file_has_its_type_and_the_headers_of_all(name: str) -> None:
    answer = get(name)
    assert answer["statusCode"] == 200
    assert answer["headers"] == {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "Content-Type": KINDS[name],
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "ETag": answer["headers"]["ETag"],
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }


def test_the_function_serves_these_files_and_no_others() -> None:
    assert set(app("console").FILES) == {*PAGES, *FILES}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_is_compressed_for_a_browser_that_accepts_it_only(name: str) -> None:
    plain, compressed = get(name, accept_encoding="br, identity"), get(name, accept_encoding="deflate, gzip, br")
    assert "Content-Encoding" not in plain["headers"]
    assert "isBase64Encoded" not in plain
    assert compressed["headers"]["Content-Encoding"] == "gzip"
    assert compressed["isBase64Encoded"] is True
    assert gzip.decompress(base64.b64decode(compressed["body"])).decode() == plain["body"]


@pytest.mark.parametrize("name", KINDS)
def test_a_browser_that_has_a_file_gets_304_without_it(name: str) -> None:
    etag = get(name)["headers"]["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{16}"', etag)
    for given in (etag, f"W/{etag}"):
        answer = get(name, if_none_match=given)
        assert answer["statusCode"] == 304
        assert "body" not in answer
        assert answer["headers"]["Content-Security-Policy"] == POLICY
    assert get(name, if_none_match='"0123456789abcdef"')["statusCode"] == 200


def test_files_that_differ_have_other_etags() -> None:
    etags = {file.etag for file in app("console").FILES.values()}
    assert len(etags) == len(KINDS) - 1  # /console and /docs are one page


@pytest.mark.parametrize(
    "name",
    [
        "main.js",
        "app.py",
        "VENDORED.txt",
        "../app.py",
        "..%2fapp.py",
        "page/main.js",
        "/etc/passwd",
        "",
        "console.js/",
        "CONSOLE.JS",
        "operations.js",
    ],
)
def test_there_is_no_other_file(name: str) -> None:
    answer = get(name)
    assert answer["statusCode"] == 404
    assert answer["headers"]["Content-Type"] == "text/plain"
    assert answer["headers"]["Content-Security-Policy"] == POLICY


def test_the_page_is_opened_with_four_requests_of_60_kb() -> None:
    page = get("GET /console")["body"]
    asked = re.findall(r'<(?:script|link) [^>]*(?:src|href)="console/([a-z.]+)"', page)
    assert sorted(asked) == ["console.css", "console.js", "icon.svg", "vendor.js"]
    opened = {"GET /console", *asked} - {"icon.svg"}  # a tab's icon, asked for apart, and once
    assert len(opened) == 4
    weight = sum(len(base64.b64decode(app("console").FILES[name].compressed)) for name in (*opened, "icon.svg"))
    assert weight <= 60 * 1024


def test_the_addresses_in_the_page_are_relative() -> None:
    page = get("GET /console")["body"]
    assert not re.search(r'(?:src|href)="(?:/|https?:)', page)  # a stage stays in front of them


def test_the_page_has_no_script_or_style_in_it() -> None:
    page = get("GET /console")["body"]
    assert re.findall(r"<script[^>]*>([^<]*)", page) == [""]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)


def page_with(options: str) -> str:
    """The page of a function that is loaded with these options."""
    code = "import app; print(app.handler({'routeKey': 'GET /console'}, None)['body'])"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(FOLDER), "OPTIONS": options},
        capture_output=True,
        text=True,
        check=True,
    )
    return loaded.stdout


def test_the_page_names_the_environment_in_its_colour() -> None:
    page = page_with('{"environment": "production", "environment_colour": "red", "allow_private_webhooks": true}')
    assert '<html lang="en" data-environment="production" data-colour="red">' in page


def test_without_an_option_the_environment_has_no_name() -> None:
    assert '<html lang="en" data-environment="" data-colour="grey">' in page_with("")


def test_what_the_options_say_is_text_and_a_colour_one_of_the_six() -> None:
    name = '"><script src=//evil.example></script>{colour}'
    page = page_with(json.dumps({"environment": name, "environment_colour": '" onload="alert(1)'}))
    assert page.count("<script") == 1
    [found] = re.findall(r'<html lang="en" data-environment="([^"]*)" data-colour="([^"]*)">', page)
    assert found[1] == "grey"
    assert html.unescape(found[0]).startswith('"><script src=//evil.example></script>')


def test_the_package_holds_the_function_the_contract_and_the_page_alone() -> None:
    code = template()["Resources"]["Console"]["Properties"]["CodeUri"]
    files = {
        str(file.relative_to(ROOT / code))
        for file in (ROOT / code).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    page = {name for name in files if re.fullmatch(r"page/[a-z-]+\.(js|css|html|svg)", name)}
    assert files - page == {"app.py", "openapi.json", "page/VENDORED.txt"}
    assert sum((ROOT / code / name).stat().st_size for name in files) < 600_000


def test_the_contract_that_is_served_is_the_one_of_the_repository() -> None:
    assert json.loads(get("GET /openapi.json")["body"]) == json.loads((FOLDER / "openapi.json").read_text())
