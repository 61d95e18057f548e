"""`python -m scripts.cost`: what pgbroker costs on AWS, as the tables of docs/explanation/cost.md.

`--measure` runs the loads on this machine first, for nine minutes, and writes what a message takes into cost.json.
`--write` writes the tables into the page. The other options change prices and assumptions.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from scripts.cost import traffic
from scripts.cost.parameters import Parameters, meanings
from scripts.cost.tables import tables

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "cost.md"


def main(arguments: Sequence[str]) -> None:
    """Print the tables, or write them."""
    parser = argparse.ArgumentParser(prog="python -m scripts.cost", description=__doc__)
    parser.add_argument(
        "--measure", action="store_true", help="count again; Linux only, on a machine with little else to do"
    )
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.name}")
    for each in fields(Parameters):
        option = f"--{each.name.replace('_', '-')}"
        parser.add_argument(option, type=float, default=each.default, help=meanings()[each.name])
    options = vars(parser.parse_args(arguments))
    if options.pop("measure"):
        from scripts.cost.measure import measure  # noqa: PLC0415  it needs the packages of development

        traffic.write(measure())
    write = options.pop("write")
    made = tables(traffic.read(), Parameters(**options))
    if write:
        PAGE.write_text(filled(PAGE.read_text(), made))
    else:
        sys.stdout.write("\n\n".join(made.values()) + "\n")


def filled(page: str, made: Mapping[str, str]) -> str:
    """Return the page with these tables, each between its two markers."""
    for name, table in made.items():
        before, begin, rest = page.partition(f"<!-- cost: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise ValueError(f"the page has no place for the table {name}")
        page = f"{before}{begin}{table}\n{end}{after}"
    return page


if __name__ == "__main__":
    main(sys.argv[1:])
