"""What a deployment needs before its functions take requests: its secrets, its schema, and its login.

Setup may invoke Migrate and Maintain, and read and write the two secrets of its stack; nothing else. Only the hash of
the admin token reaches the database.
"""

import hashlib
import json
import secrets
from functools import cache, partial
from typing import Any, TypedDict

from broker import admission, settings, telemetry, token_format

DISPATCH_EXECUTIONS = 8  # the most at once, as template.yaml says
API_FUNCTIONS = 5  # publish, consume, subscribe, broadcast, manage
MIGRATE_SECONDS = 760  # to wait for Migrate, which has 740


class SetupFailed(Exception):
    """The deployment must not go on. The message says what to change, and is shown at the deployment."""


class Secrets(TypedDict):
    """What the secret of Setup holds."""

    admin_token: str
    token_keys: str  # the first signs new tokens
    functions_password: str


def run(properties: dict[str, Any], *, is_new: bool) -> str:
    """Make what is missing of the secrets, migrate, and return the keys of the tokens' checks. Safe to repeat.

    `properties` are those of the resource; ReservedConcurrency is how many executions are reserved for each function
    behind the API, 0 is none. `is_new`: the stack is being created, so Maintain runs for the first time.

    The properties of the last success come again only when CloudFormation goes back to them. Then a failure, such as a
    database that is still away, is no reason to leave the stack in UPDATE_ROLLBACK_FAILED: its functions have worked
    with these keys. Raises SetupFailed.
    """
    stored = _read(settings.current().setup_secret_arn)
    last = stored.get("last_success", {})
    try:
        kept = _prepare(stored, is_new=is_new, reserved=int(properties.get("ReservedConcurrency", 0)))
    except Exception as error:
        if is_new or last.get("properties") != properties:
            raise
        telemetry.warn("went back without Migrate", reason=str(error) if isinstance(error, SetupFailed) else None)
        return str(last["token_keys"])
    succeeded = {"properties": properties, "token_keys": kept["token_keys"]}
    if succeeded != last:
        _write(settings.current().setup_secret_arn, {**kept, "last_success": succeeded})
    return kept["token_keys"]


def _prepare(stored: dict[str, Any], *, is_new: bool, reserved: int) -> Secrets:
    wanted = settings.current()
    kept = _complete(stored)
    if any(stored.get(name) != value for name, value in kept.items()):
        _write(wanted.setup_secret_arn, {**stored, **kept})
    migrated = _migrate(wanted.migrate_function, kept)
    if migrated is None and not is_new:
        return kept
    if migrated is None:
        raise SetupFailed("the database was migrated by a newer version of pgbroker: deploy that, or one after it")
    _check_connections(migrated["connections"], reserved)
    if "functions_url" not in migrated:
        raise SetupFailed(f"{wanted.migrate_function}: {'; '.join(migrated['notes'])}")
    login = {"url": migrated["functions_url"]}
    if _read(wanted.login_secret_arn) != login:
        _write(wanted.login_secret_arn, login)
    if is_new:
        _ask("lambda", "invoke", FunctionName=wanted.maintain_function, InvocationType="Event", Payload=b"{}")
    return kept


def _complete(stored: dict[str, Any]) -> Secrets:
    """Return what the secret holds, and what it lacks made anew: an admin token too whose key was replaced.

    Raises SetupFailed for keys that the functions would refuse.
    """
    token_keys = stored.get("token_keys") or token_format.new_key()
    try:
        keys = token_format.read_keys(token_keys)
    except ValueError as error:
        raise SetupFailed(f"token_keys in the secret SetupSecret: {error}") from None
    admin = stored.get("admin_token", "")
    if not token_format.verify(admin, keys):
        admin = token_format.make(keys[0])
    password = stored.get("functions_password") or secrets.token_urlsafe(32)
    return Secrets(admin_token=admin, token_keys=token_keys, functions_password=password)


def _migrate(function: str, kept: Secrets) -> dict[str, Any] | None:
    """Return Migrate's answer; None when the schema is newer than this version, whose functions still work on it.

    That is so when CloudFormation goes back to the version before, because an update has failed.
    """
    request = {
        "admin_token_hash": hashlib.sha256(kept["admin_token"].encode()).hexdigest(),
        "functions_password": kept["functions_password"],
    }
    try:
        return _invoke(function, request)
    except _FunctionFailed as failure:
        if failure.kind == "SchemaIsNewer":
            return None
        raise


def _check_connections(connections: int | None, reserved: int) -> None:
    """Raise SetupFailed when the functions could open more connections than the database has. None: it does not say."""
    needed = API_FUNCTIONS * reserved + DISPATCH_EXECUTIONS
    if connections is not None and reserved and needed > connections:
        raise SetupFailed(
            f"ReservedConcurrency {reserved} lets the functions open {needed} connections ({API_FUNCTIONS} functions,"
            f" and {DISPATCH_EXECUTIONS} of Dispatch), and the database has {connections} for them: take"
            f" {max(0, connections - DISPATCH_EXECUTIONS) // API_FUNCTIONS} or less, or raise max_connections"
        )


class _FunctionFailed(SetupFailed):
    def __init__(self, function: str, kind: str, message: str) -> None:
        super().__init__(f"{function}: {message}" if message else f"{function} failed: {kind}")
        self.kind = kind


def _invoke(function: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Invoke a function and return its answer. Raises SetupFailed when it raised, or did not answer in time."""
    from botocore.exceptions import ReadTimeoutError  # noqa: PLC0415  as in _client

    try:
        response = _ask("lambda", "invoke", FunctionName=function, Payload=json.dumps(payload).encode())
    except ReadTimeoutError:
        raise SetupFailed(f"{function} did not answer in time: its log says what it was doing") from None
    answer: dict[str, Any] = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise _FunctionFailed(function, answer.get("errorType", "unknown"), answer.get("errorMessage", ""))
    return answer


def _read(arn: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(_ask("secretsmanager", "get_secret_value", SecretId=arn)["SecretString"])
    return value


def _write(arn: str, value: Any) -> None:
    _ask("secretsmanager", "put_secret_value", SecretId=arn, SecretString=json.dumps(value))


def _ask(service: str, operation: str, **arguments: object) -> Any:
    """Ask AWS, and again while IAM refuses."""
    return admission.persist(partial(getattr(_client(service), operation), **arguments), _is_denied)


def _is_denied(error: Exception) -> bool:
    from botocore.exceptions import ClientError  # noqa: PLC0415  as in _client

    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "AccessDeniedException"


@cache
def _client(service: str) -> Any:
    import boto3  # noqa: PLC0415  it is slow to import, and only Setup needs it
    from botocore.config import Config  # noqa: PLC0415

    if service != "lambda":
        return boto3.client(service)
    # invoked once: a second Migrate at the same time would only wait for the first
    once = {"total_max_attempts": 1}
    return boto3.client(service, config=Config(read_timeout=MIGRATE_SECONDS, retries=once, tcp_keepalive=True))
