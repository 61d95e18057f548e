"""The console: a page, its files, and the contract that it reads. No layer, no database, no right: it serves bytes.

The page is written in small modules, and served as one, so that it is opened with four requests: each request may start
an execution environment of its own.
"""

import base64
import gzip
import hashlib
import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([a-z/-]+\.js)";\n', re.MULTILINE)
UNSENT = re.compile(r"^\s*//.*\n|^\s+", re.MULTILINE)  # lines of comments, and indents
EXPORT = re.compile(r"^export (?=(?:const|async function|function|class) (\w+))", re.MULTILINE)
NAME = re.compile(r"^(?:export )?(?:const|let|async function|function|class) (\w+)", re.MULTILINE)
COLOURS = ("grey", "green", "blue", "amber", "red", "violet")

HEADERS = {
    "Cache-Control": "no-cache",  # a browser asks each time, and gets 304
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


class File(NamedTuple):
    """A file of the page, as it is and compressed."""

    kind: str
    text: str
    compressed: str  # base64 of gzip
    etag: str


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Respond with the file of a route: 200, 304 when the browser has it already, 404 when there is none."""
    name = (event.get("pathParameters") or {}).get("file")
    file = FILES.get(name or event["routeKey"])
    if file is None:
        return {"statusCode": 404, "headers": HEADERS | {"Content-Type": "text/plain"}, "body": "no such file\n"}
    sent = {key.lower(): value for key, value in (event.get("headers") or {}).items()}
    headers = HEADERS | {"Content-Type": file.kind, "ETag": file.etag}
    if sent.get("if-none-match", "").removeprefix("W/") == file.etag:
        return {"statusCode": 304, "headers": headers}
    if "gzip" in sent.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return {"statusCode": 200, "headers": headers, "body": file.compressed, "isBase64Encoded": True}
    return {"statusCode": 200, "headers": headers, "body": file.text}


def join_modules(main: str) -> str:
    """Join a module of the page with all that it imports, which come before it, to one module.

    They share one scope. What is vendored stays a module for itself. Raises ValueError when modules import each other
    in a circle, or when two have one name for two things.
    """
    owners: dict[str, str] = {}
    vendored: set[str] = set()
    joined = []
    sources = _read(main)
    for name in _in_order(sources):
        source = sources[name]
        for declared in NAME.findall(source):
            if owners.setdefault(declared, name) != name:
                raise ValueError(f"{name} and {owners[declared]} both have a {declared}")
        for names, module in IMPORT.findall(source):
            if module == "vendor.js":
                vendored.update(names.replace(" ", "").split(","))
        joined.append(UNSENT.sub("", EXPORT.sub("", IMPORT.sub("", source))))
    return "".join([f'import {{ {", ".join(sorted(vendored))} }} from "./vendor.js";\n', *joined])


def _read(main: str) -> dict[str, str]:
    """Return the source of a module and of all that it imports, by name."""
    sources: dict[str, str] = {}
    coming = {main}
    while coming:
        name = coming.pop()
        sources[name] = _source(name)
        coming.update(_imported(sources[name]) - sources.keys())
    return sources


def _source(name: str) -> str:
    return _operations() if name == "operations.js" else (FOLDER / "page" / name).read_text()


def _in_order(sources: Mapping[str, str]) -> Iterator[str]:
    """Yield a module after all that it imports: first those that import none, then those that import only such ones.

    What is alike comes together so, and is compressed better.
    """
    sorter = TopologicalSorter({name: _imported(source) for name, source in sources.items()})
    sorter.prepare()
    while sorter.is_active():
        layer = sorted(sorter.get_ready())
        yield from layer
        sorter.done(*layer)


def _imported(source: str) -> set[str]:
    return {module for _, module in IMPORT.findall(source)} - {"vendor.js"}


def _operations() -> str:
    """Return the module of the contract's operations: [method, path, scopes] by name. The scope `any` is each token."""
    operations = {}
    for path, methods in json.loads(CONTRACT)["paths"].items():
        for method, operation in methods.items():
            if method == "parameters":  # of all the path's operations, and in the path
                continue
            scope = operation.get("x-scope", [])
            scopes = [scope] if isinstance(scope, str) else scope
            operations[operation["operationId"]] = (method.upper(), path, scopes)
    return f"export const operations = {json.dumps(operations, separators=(',', ':'))};\n"


def _page() -> str:
    """Return the page, with the name and colour that the options give this environment."""
    options = json.loads(os.environ.get("OPTIONS") or "{}")
    colour = options.get("environment_colour", "grey")
    return (
        (FOLDER / "page" / "index.html")
        .read_text()
        .replace("{environment}", html.escape(options.get("environment", "")))
        .replace("{colour}", colour if colour in COLOURS else "grey")
    )


def _file(kind: str, text: str) -> File:
    data = text.encode()
    compressed = gzip.compress(data, mtime=0)
    return File(kind, text, base64.b64encode(compressed).decode(), f'"{hashlib.sha256(data).hexdigest()[:16]}"')


CONTRACT = (FOLDER / "openapi.json").read_text()
_INDEX = _file("text/html; charset=utf-8", _page())
FILES: Mapping[str, File] = {
    "GET /console": _INDEX,
    "GET /docs": _INDEX,
    "GET /openapi.json": _file("application/json", CONTRACT),
    "console.css": _file("text/css; charset=utf-8", (FOLDER / "page" / "console.css").read_text()),
    "console.js": _file("text/javascript; charset=utf-8", join_modules("main.js")),
    "icon.svg": _file("image/svg+xml", (FOLDER / "page" / "icon.svg").read_text()),
    "vendor.js": _file("text/javascript; charset=utf-8", (FOLDER / "page" / "vendor.js").read_text()),
}
