"""`pgbroker`, and `python -m pgbroker`: the command line."""

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line. Without its packages, say how to install them, and exit with 2."""
    if find_spec("click") is None:
        print("the command line needs more packages: pip install 'pgbroker[cli]'", file=sys.stderr)  # noqa: T201
        sys.exit(2)

    from pgbroker.cli.app import app  # noqa: PLC0415  it needs click

    app.main(prog_name="pgbroker")


if __name__ == "__main__":
    main()
