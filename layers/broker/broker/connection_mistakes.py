"""What can be wrong with a connection to PostgreSQL, and the sentence that says what to change.

libpq gives no SQLSTATE for a connection that failed, so a mistake is known by words of its message, which servers write
in English unless they are set up otherwise. docs/how-to/deploy.md has the same table.
"""

import re
from collections.abc import Mapping

import msgspec


class Mistake(msgspec.Struct, frozen=True):
    """A mistake: its name, a pattern of the messages that it causes, and what to change."""

    name: str
    pattern: str
    advice: str


WRONG_PASSWORD = Mistake(
    "wrong password",
    r"password authentication failed|no password supplied|(?i:tenant.*user.*not found)",
    "correct the user and the password in the URL or the secret; Migrate sets the password of the functions' login",
)
REFUSED_BY_IAM = Mistake(
    "a login by IAM that is refused",
    r"PAM authentication failed",
    "the function's role needs rds-db:connect for this login of this cluster, and the login needs GRANT rds_iam, which"
    " Migrate gives to that of the functions",
)
TOO_MANY = Mistake(
    "too many connections",
    r"too many (clients|connections)|remaining connection slots|max clients reached",
    "each function that runs holds one: limit how many run (ReservedConcurrency), or use a pooler or a larger database",
)
NO_ANSWER = Mistake(
    "no answer",
    r"timeout expired|timed out",
    "let the security group or the firewall allow the functions, and give them a way there (SubnetIds); a database that"
    " sleeps may take half a minute to resume: repeat it then",
)
RESTARTING = Mistake(
    "a server that starts or stops",
    r"the database system is ",
    "nothing has to be changed: repeat it in a moment",
)
REPLICA = Mistake(
    "a replica",
    r"session is read-only|server is in hot standby",
    "the URL must lead to the primary, at Aurora by the writer's endpoint (the cluster's)",
)
UNREADABLE = Mistake(
    "a URL that cannot be read",
    r"(?!)",
    "nothing of it is shown; it must begin with postgresql://, and in the user and the password the characters"
    " % / ? # @ : and space must be percent-encoded (@ is %40)",
)
PARAMETER = Mistake(
    "a misspelt parameter",
    r'invalid URI query parameter: "(?P<parameter>[^"]*)"',
    "PostgreSQL does not know this parameter of the URL: correct its name, or remove it",
)

# Sorted by how far the connection came: of a host with several addresses, the first of these is reported.
MISTAKES = (
    WRONG_PASSWORD,
    REFUSED_BY_IAM,
    Mistake(
        "no such database",
        r'database ".*" does not exist',
        "create the database, or correct its name, which is after the last / of the URL",
    ),
    TOO_MANY,
    REPLICA,
    Mistake(
        "a pooler that refuses options",
        r"unsupported startup parameter",
        'set {"database_proxy": true} in OPTIONS; Migrate and Maintain need the host of'
        " PostgreSQL itself, at Neon the one without -pooler",
    ),
    Mistake(
        "a server that demands TLS",
        r"no pg_hba.conf entry .*no encryption|connection is insecure",
        "remove sslmode from the URL, and the connection is encrypted",
    ),
    RESTARTING,
    Mistake(
        "a server without TLS",
        r"server does not support SSL",
        "turn TLS on in the server; where the network is your own, as Docker's is, add ?sslmode=disable to the URL",
    ),
    Mistake(
        "a certificate that is not trusted",
        r"certificate verify failed",
        "add sslrootcert to the URL, with the file of the authority that signed the server's certificate",
    ),
    Mistake(
        "a certificate of another host",
        r"does not match host name",
        "use the name of the host that is in the certificate, which is the provider's own name for it",
    ),
    Mistake(
        "no file of authorities",
        r"root certificate file|host name must be specified for a verified SSL",
        "set sslrootcert in the URL to a file that exists, or remove it: the layer has those of RDS, Lambda the usual",
    ),
    Mistake(
        "a wrong value",
        r"invalid .*value|invalid integer value|invalid port number",
        "correct the value in the URL that is named here",
    ),
    Mistake(
        "a closed port",
        r"Connection refused",
        "no server listens there: correct the host and the port in the URL, or start the server",
    ),
    NO_ANSWER,
    Mistake(
        "no way to the address",
        r"Network is unreachable|Cannot assign requested address|Address family not supported",
        "functions outside a VPC reach IPv4 only: use a host with an IPv4 address, at Supabase that of the pooler",
    ),
    Mistake(
        "an unknown host",
        r"failed to resolve host|could not translate host name",
        "correct the host in the URL; a private name is known inside its VPC only (SubnetIds)",
    ),
)
_RANKS = {mistake.name: rank for rank, mistake in enumerate(MISTAKES, 1)}


def find(message: str) -> Mistake | None:
    """Find the mistake that causes this message of libpq; None when it is no known one."""
    return next((mistake for mistake in MISTAKES if re.search(mistake.pattern, message)), None)


def rank(message: str) -> int:
    """Order messages by how far their connections came, the furthest first. An unknown one came from the server."""
    mistake = find(message)
    return _RANKS[mistake.name] if mistake else 0


def find_misreading(parameters: Mapping[str, str]) -> Mistake | None:
    """Find out whether libpq took a part of the password for something else. Then no part of the URL may be shown."""
    misread = "@" in parameters.get("host", "") + parameters.get("dbname", "")
    return UNREADABLE if misread or re.search(r"[^0-9,]", parameters.get("port", "")) else None


def describe_unreadable(url: str, message: str) -> tuple[Mistake, str]:
    """Describe a URL that libpq cannot parse: the mistake, and a reason that shows no part of a password."""
    parameter = re.search(PARAMETER.pattern, message)
    query = url.rpartition("@")[2].partition("?")[2]  # a password that is not escaped ends before the last @
    if parameter and parameter[1] and f"{parameter[1]}=" in query and "password=" not in query:
        return PARAMETER, f'it has the parameter "{parameter[1]}"'
    return UNREADABLE, "it is not one that PostgreSQL understands"


def describe_replica() -> str:
    """Describe a server that refuses to write."""
    return f"the server is a replica, which refuses to write; {REPLICA.advice}"


def describe(message: str, password: str | None) -> str:
    """Return libpq's reason on one line, without the password."""
    reason = "; ".join(line.strip() for line in message.strip().splitlines() if line.strip())
    reason = re.sub(r"^connection (failed|is bad): ", "", reason)
    return reason.replace(password, "…") if password else reason
