"""What Migrate is invoked with."""

from typing import Annotated

import msgspec

from broker.errors import InvalidInput


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change beside the schema; what is absent stays as it is."""

    # the SHA-256 of the token named admin, which has every scope
    admin_token_hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")] | None = None
    # of the functions' login, which Migrate makes: printable ASCII, so that no client prepares it in its own way
    functions_password: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{16,128}\Z")] | None = None


NOTHING = Payload()


def read(event: object) -> Payload:
    """Read the event of an invocation; None is an empty one. Raises InvalidInput, which shows no value of it."""
    try:
        return msgspec.convert(event or {}, Payload)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            "Migrate takes a JSON object with admin_token_hash (64 of 0-9 a-f) and functions_password (16 to 128"
            f" printable characters of ASCII without a space), both optional: {error}; nothing was changed"
        ) from None
