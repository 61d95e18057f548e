"""The logins of the functions: made with the password of their URL, and tried once after a migration.

A password is sent as a verifier (RFC 5802), which the server's log may show. A provider that wants it as it is gets it
over TLS only, or on this machine. A login by IAM has none: Amazon RDS lets it in as a member of its role rds_iam.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Literal

import psycopg
from psycopg import sql

from broker import settings
from broker.aws import database_login, secrets
from broker.connection import CannotConnect, is_local, open_session, parse, to_url
from broker.connection_mistakes import TOO_MANY
from broker.schema import roles, steps, verbs
from broker.schema.payload import Payload
from broker.schema.roles import Login
from broker.settings import SettingInvalid

WANTS_PLAINTEXT = "plaintext passwords"  # Neon refuses a verifier with these words, when the transaction commits


class PasswordNotSent(Exception):
    """The provider wants a password as it is, and the connection is not encrypted."""


def read(connection: psycopg.Connection[Any], payload: Payload) -> list[Login]:
    """Read the logins of the settings. One that several functions share gets the verbs of all of these.

    With a password in the payload, the login of all functions is broker_functions_<database> at the owner's host.
    When the secret with the owner's URL has functions_url, it is that; and one by IAM stays as it is. Raises
    CannotConnect for a URL that cannot be read, SecretUnusable for such a secret, and SettingInvalid for a function
    that has no verbs.
    """
    urls = settings.current().function_database_urls
    if unknown := urls.keys() - verbs.FUNCTIONS.keys():
        known = ", ".join(verbs.FUNCTIONS)
        raise SettingInvalid(f"FUNCTION_DATABASE_URLS has {', '.join(sorted(unknown))}: it may have {known}")
    every = {verb for called in verbs.FUNCTIONS.values() for verb in called}
    given = [("DATABASE_URL", settings.current().database_url, every)]
    if payload.functions_password and not _is_by_iam(settings.current().database_url):
        own = secrets.functions_url(settings.current().owner_database_url)
        made = _url_of_functions(connection, payload.functions_password)
        given = [("functions_url", own, every)] if own else [("functions_password", made, every)]
    given += [(f"{each} in FUNCTION_DATABASE_URLS", url, {*verbs.FUNCTIONS[each]}) for each, url in urls.items()]
    owner = roles.session_user(connection)
    logins: dict[str, Login] = {}
    for source, setting, called in given:
        url = secrets.database_url(setting)
        role = parse(url).get("user", "").removesuffix(roles.tenant(connection))
        login = logins.setdefault(role, Login(role, url, owner))
        login.sources.append(source)
        login.verbs |= called
    return [*logins.values()]


def make(logins: Iterable[Login]) -> Iterator[str]:
    """Create the logins that are missing, each by itself. Yields a note for one that could not be created."""
    for login in logins:
        if login.is_owner:
            continue
        try:
            if _is_by_iam(login.url):
                steps.persist(partial(_let_in_by_iam, login))
            else:
                _set_password(login, "CREATE")
        except psycopg.errors.InsufficientPrivilege:
            login.exists = login.works = False
            yield f"{login.owner} may not create the login {login.role}: create it and migrate again"
        except PasswordNotSent as error:
            login.exists = login.works = False
            yield f"the login {login.role} was not created: {error}"


def check(logins: Iterable[Login]) -> Iterator[str]:
    """Log in once with each; change a password that is refused to that of the URL. Yields a note where it fails."""
    for login in logins:
        if login.is_owner or not login.exists:
            continue
        try:
            if not steps.admitted(partial(_is_accepted, login)):
                _set_password(login, "ALTER")
                open_session(login.url).close()
        except psycopg.errors.InsufficientPrivilege:
            login.works = False
            yield (
                f"{login.owner} may not change the password of {login.role}, which is not that of {login.sources[0]}:"
                " change it as an administrator, or correct the setting"
            )
        except (CannotConnect, PasswordNotSent) as error:
            login.works = False
            yield f"the functions cannot log in by {login.sources[0]}: {error}"


def _is_by_iam(setting: str) -> bool:
    return not secrets.is_secret(setting) and database_login.applies(parse(setting))


def _let_in_by_iam(login: Login, lock_ms: int) -> None:
    """Create a login unless it exists, and have Amazon RDS take tokens of IAM for it. Raises InsufficientPrivilege."""
    with steps.transaction(lock_ms) as connection:
        role = sql.Identifier(login.role)
        if not roles.exists(connection, login.role):
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        connection.execute(sql.SQL("GRANT rds_iam TO {}").format(role))


def _is_accepted(login: Login) -> bool:
    """Whether the login's password is the one of its URL. Raises CannotConnect when that cannot be found out."""
    try:
        open_session(login.url).close()
    except CannotConnect as error:
        if error.mistake is not TOO_MANY and not error.login_refused:
            raise
        return error.mistake is TOO_MANY  # which is found after the password was checked
    return True


def _set_password(login: Login, action: Literal["CREATE", "ALTER"]) -> None:
    """Create a login unless it exists, or change its password. Raises InsufficientPrivilege, PasswordNotSent."""
    try:
        steps.persist(partial(_write_password, login, action, plain=False))
    except psycopg.Error as error:
        if WANTS_PLAINTEXT not in str(error):
            raise
        steps.persist(partial(_write_password, login, action, plain=True))


def _write_password(login: Login, action: str, lock_ms: int, *, plain: bool) -> None:
    with steps.transaction(lock_ms) as connection:
        if action == "CREATE" and roles.exists(connection, login.role):
            return
        password = parse(login.url).get("password", "")
        if not plain:
            made = connection.pgconn.encrypt_password(password.encode(), login.role.encode(), b"scram-sha-256")
            password = made.decode()
        elif not _is_private(connection):
            raise PasswordNotSent(
                "the provider wants its password as it is, and the owner's connection is not encrypted: remove sslmode"
                " from the URL of the owner"
            )
        statement = sql.SQL(f"{action} ROLE {{}} LOGIN PASSWORD {{}}")
        connection.execute(statement.format(sql.Identifier(login.role), sql.Literal(password)))


def _is_private(connection: psycopg.Connection[Any]) -> bool:
    """Whether nobody on the way to the server can read what is sent."""
    return connection.pgconn.ssl_in_use or is_local(connection.info.hostaddr or connection.info.host)


def _url_of_functions(connection: psycopg.Connection[Any], password: str) -> str:
    """Return the owner's URL with the user and the password of the functions."""
    parameters = parse(secrets.database_url(settings.current().owner_database_url))
    user = roles.name("functions", connection) + roles.tenant(connection)
    return to_url({**parameters, "dbname": connection.info.dbname, "user": user, "password": password})
