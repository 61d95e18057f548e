"""The modules of the page, and how the function joins them to one."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import contract
from tests.support.client import ROOT, app

PAGE = ROOT / "functions" / "console" / "page"
MODULES = sorted(file.name for file in PAGE.glob("*.js") if file.name != "vendor.js")
NODE = shutil.which("node")

# what would need a looser policy than the page has, or make text to program or markup
FORBIDDEN = (
    r"\bstyle=\"",
    r"\b(inner|outer)HTML\b",
    r"\binsertAdjacentHTML\b",
    r"\bdangerouslySetInnerHTML\b",
    r"\bdocument\.write",
    r"\bcreateContextualFragment\b",
    r"\bDOMParser\b",
    r"\beval\(",
    r"\bnew Function\b",
    r"\bset(?:Timeout|Interval)\([\"'`]",
    r"\bimport\(",
    r"\bjavascript:",
    r"\b(XMLHttpRequest|WebSocket|EventSource|sendBeacon|Worker)\b",
)


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules of the test's own, which the function reads instead."""
    monkeypatch.setattr(app("console"), "FOLDER", tmp_path)
    (tmp_path / "page").mkdir()
    return tmp_path / "page"


def imports(name: str) -> set[str]:
    """The modules that a module imports."""
    return {module for _, module in app("console").IMPORT.findall((PAGE / name).read_text())}


def test_the_joined_page_is_a_module_that_can_be_parsed(tmp_path: Path) -> None:
    if NODE is None:
        pytest.skip("node is not installed")
    file = tmp_path / "console.mjs"
    file.write_text(app("console").join_modules("main.js"))
    checked = subprocess.run([NODE, "--check", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_a_module_comes_after_those_that_it_imports(pages: Path) -> None:
    (pages / "main.js").write_text('import { two, render } from "./b-two.js";\nrender(two);\n')
    (pages / "b-two.js").write_text(
        'import { h } from "./vendor.js";\nimport { one } from "./a.js";\n'
        "const mine = 1;\nexport const two = one + mine;\nexport function render() {\n  h();\n}\n"
    )
    (pages / "a.js").write_text("const hidden = 3;\nexport const one = hidden;\n")
    assert app("console").join_modules("main.js") == (
        'import { h } from "./vendor.js";\n'
        "const hidden = 3;\nconst one = hidden;\n"
        "const mine = 1;\nconst two = one + mine;\nfunction render() {\nh();\n}\n"
        "render(two);\n"
    )


def test_a_module_that_two_import_is_joined_once(pages: Path) -> None:
    (pages / "main.js").write_text('import { left } from "./left.js";\nimport { right } from "./right.js";\n')
    for side in ("left", "right"):
        (pages / f"{side}.js").write_text(f'import {{ one }} from "./one.js";\nexport const {side} = one;\n')
    (pages / "one.js").write_text("export const one = 1;\n")
    assert app("console").join_modules("main.js").count("const one = 1;") == 1


def test_comments_and_indents_are_not_served(pages: Path) -> None:
    (pages / "main.js").write_text(
        "// what it does\nif (document) {\n\n  // why\n  // so\n  document.title = 'a // b'; // of `http://`\n}\n"
        "html`<p>\n  <b>one</b>\n  ${two}\n  three\n</p>`;\n"
    )
    assert (
        app("console")
        .join_modules("main.js")
        .endswith(
            "\nif (document) {\ndocument.title = 'a // b'; // of `http://`\n}\n"
            "html`<p>\n<b>one</b>\n${two}\nthree\n</p>`;\n"
        )
    )


def test_modules_that_have_one_name_for_two_things_are_refused(pages: Path) -> None:
    (pages / "main.js").write_text('import { one } from "./one.js";\nimport { two } from "./two.js";\n')
    (pages / "one.js").write_text("export const one = 1;\n")
    (pages / "two.js").write_text("export const two = 2;\nfunction one() {}\n")
    with pytest.raises(ValueError, match=r"two\.js and one\.js both have a one"):
        app("console").join_modules("main.js")


def test_modules_that_import_each_other_are_refused(pages: Path) -> None:
    (pages / "main.js").write_text('import { one } from "./one.js";\n')
    (pages / "one.js").write_text('import { two } from "./two.js";\nexport const one = two;\n')
    (pages / "two.js").write_text('import { one } from "./one.js";\nexport const two = one;\n')
    with pytest.raises(ValueError, match=r"cycle.*one\.js.*two\.js"):
        app("console").join_modules("main.js")


def test_the_page_has_the_contract_s_operations_with_their_scopes() -> None:
    served = app("console")._operations()
    for operation in contract.operations().values():
        method, _, path = operation.route.partition(" ")
        scopes = ",".join(f'"{scope}"' for scope in operation.scopes)
        assert f'"{operation.id}":["{method}","{path}",[{scopes}]]' in served
    assert served.count(':["') == len(contract.operations())


def test_every_module_is_reached_from_the_first() -> None:
    reached, coming = set(), {"main.js"}
    while coming:
        name = coming.pop()
        reached.add(name)
        coming |= imports(name) - reached - {"vendor.js", "operations.js"}
    assert reached == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_and_exports_as_the_joining_reads_it(name: str) -> None:
    source = (PAGE / name).read_text()
    begin, importing, exporting = 0, app("console").IMPORT, app("console").EXPORT
    while found := importing.match(source, begin):
        assert " as " not in found[1]
        begin = found.end()
    rest = source[begin:]
    assert not re.search(r"^\s*import\b", rest, re.MULTILINE), "imports are first, each in a line: {…} from ./x.js"
    exported = len(re.findall(r"^\s*export\b", source, re.MULTILINE))
    assert exported == len(exporting.findall(source)), "exports are const, function, async function or class"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_there_is_and_uses(name: str) -> None:
    source = (PAGE / name).read_text()
    for names, module in app("console").IMPORT.findall(source):
        body = app("console").IMPORT.sub("", source)
        exported = vendored() if module == "vendor.js" else exports(module)
        for imported in (each.strip() for each in names.split(",")):
            assert imported in exported, f"{module} does not export {imported}"
            assert re.search(rf"(?:\.\.\.|(?<![\w.])){imported}\b", body), f"{imported} is imported and not used"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_each_component_that_it_draws(name: str) -> None:
    source = (PAGE / name).read_text()
    imported = {each.strip() for names, _ in app("console").IMPORT.findall(source) for each in names.split(",")}
    declared = set(app("console").NAME.findall(source))
    drawn = set(re.findall(r"<\$\{([A-Z]\w+)\}", source)) - {"Shown"}
    assert drawn <= imported | declared


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_named_by_its_concept_and_short(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.js", name)
    assert len((PAGE / name).read_text().splitlines()) <= 200


@pytest.mark.parametrize("name", MODULES)
def test_a_module_makes_no_markup_or_program_of_text(name: str) -> None:
    source = (PAGE / name).read_text()
    assert [pattern for pattern in FORBIDDEN if re.search(pattern, source)] == []
    assert name == "request.js" or "fetch(" not in source


def test_the_style_sheet_names_no_other_file() -> None:
    assert not re.search(r"url\(|@import|@font-face", (PAGE / "console.css").read_text())


def exports(module: str) -> set[str]:
    return set(app("console").EXPORT.findall(app("console")._source(module)))


def vendored() -> set[str]:
    [names] = re.findall(r"export\{([^}]*)\}", (PAGE / "vendor.js").read_text())
    return {each.split(" as ")[-1] for each in names.split(",")}
