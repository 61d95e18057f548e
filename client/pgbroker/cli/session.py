"""One run of the command: which broker it uses, and how it prints."""

import sys
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from pgbroker.cli.exits import Misused, Refused, plain, say

if TYPE_CHECKING:
    from pgbroker.cli.output import Output
    from pgbroker.cli.patient import PatientBroker
    from pgbroker.cli.profiles_file import Target

FORMS = ("table", "json", "ndjson", "raw")


class Session:
    """The options of a run. None: not given.

    `timeout` is in seconds. `output` is one of FORMS, `columns` are the fields to print.
    `target` replaces what options, environment and profiles say.
    """

    url: str | None = None
    profile: str | None = None
    timeout: int | None = None
    output: str | None = None
    columns: tuple[str, ...] | None = None
    is_silent = False
    target: "Target | None" = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "broker" in vars(self):
            self.broker.close()

    @property
    def form(self) -> str:
        """How results are printed: as asked, or a table on a terminal and NDJSON elsewhere."""
        return self.output or ("table" if sys.stdout.isatty() else "ndjson")

    @property
    def is_for_programs(self) -> bool:
        """Whether what is printed is read by a program."""
        return self.form != "table"

    @property
    def is_interactive(self) -> bool:
        """Whether a person can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @cached_property
    def out(self) -> "Output":
        """Where results go."""
        from pgbroker.cli.output import Output

        return Output(self.form, self.columns)

    @cached_property
    def broker(self) -> "PatientBroker":
        """The broker of this run; it is closed at the end."""
        return self.connect()

    def connect(self, *, timeout: float | None = None, **http: Any) -> "PatientBroker":
        """Return another connection to the broker, which tries each request for `timeout` seconds.

        `http` is passed to the HTTP client.
        """
        from pgbroker.cli.patient import PatientBroker
        from pgbroker.cli.profiles_file import reach

        target = reach(self)
        try:
            return PatientBroker(target.url, target.token or "", timeout or self.timeout, self.note, **http)
        except ValueError as error:
            raise Misused(str(error)) from error

    def note(self, text: str) -> None:
        """Say something to a person, on standard error."""
        if not self.is_silent:
            say(plain(text))

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something is destroyed. Without a terminal the option `--yes` is needed."""
        if yes:
            return
        if not self.is_interactive:
            raise Misused(f"{question} Confirm it with --yes.")
        if not click.confirm(question, err=True):
            raise Refused("nothing was changed")
