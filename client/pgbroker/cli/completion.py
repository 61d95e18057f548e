"""`completion`: the completion of a shell."""

import click
from click.shell_completion import get_completion_class

from pgbroker.cli.command import command
from pgbroker.cli.session import Session


@command(examples=("pgbroker completion bash > pgbroker.bash", "pgbroker completion zsh > _pgbroker"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(session: Session, shell: str) -> None:
    """Print the script that completes commands, options and names of topics in a shell.

    For bash, put `eval "$(pgbroker completion bash)"` into ~/.bashrc.
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    session.out.text(
        [kind(click.get_current_context().find_root().command, {}, "pgbroker", "_PGBROKER_COMPLETE").source()]
    )
