"""The checks in their order: what each looks at, what it expects, and what to do otherwise."""

from scripts.deploy_check import account, database, logs, traffic, watched
from scripts.deploy_check.deployed import Check

CHECKS = [
    Check(
        "functions",
        "the configuration of each function",
        "each runs on python3.13 and the stack's architecture, and its last update succeeded",
        "Deploy again; the events of the stack have the reason.",
        account.functions,
    ),
    Check(
        "order",
        "the events of the stack's last change",
        "Migrated was complete before a function that uses the database was changed",
        "Do not deploy versions with a migration until `DependsOn` in the template is mended.",
        account.order,
    ),
    Check(
        "secrets",
        "the names in the two secrets of the stack, not the values",
        "they have what Setup writes",
        "Read the log of Setup; another `setup` in `Options` runs it again.",
        account.secrets,
    ),
    Check(
        "concurrency",
        "the account's limit of executions, and what is not reserved of it",
        "50 are left: 40 for pushes, 10 for requests",
        "Ask for a higher quota of concurrent executions, or lower the two `MaximumConcurrency`.",
        account.concurrency,
    ),
    Check(
        "event sources",
        "the mappings from the queues to Dispatch and Deliver",
        "both are enabled, report the messages that failed, and have a MaximumConcurrency of 8 and 32",
        "Enable them; look for the reason in `StateTransitionReason`.",
        account.event_sources,
    ),
    Check(
        "throttle",
        "the settings of the API's stage",
        "1,000 requests a second, and 500 more at once",
        "Deploy again: nothing else limits what strangers cost.",
        account.throttle,
    ),
    Check(
        "managed database",
        "the cluster and its writer, as Amazon RDS describes them",
        "PostgreSQL 17, available, encrypted, protected, with logins by IAM, without a password or a public address",
        "Deploy again, or undo what was changed by hand.",
        database.cluster,
    ),
    Check(
        "endpoint of SQS",
        "the endpoint in the network of the managed database",
        "available, with the name of SQS, and a policy for SendMessage to the two queues only",
        "Deploy again. Without it webhooks wait for the daily sweep.",
        database.endpoint,
    ),
    Check(
        "resume",
        "`GET /health?database=true`, if the managed database sleeps; so this is the first request that asks it",
        "200 within a minute",
        "Read the log of Manage: it has what a sleeping database answers, as `reason`.",
        database.resume,
    ),
    Check(
        "sleep",
        "the capacity of the managed database in a day",
        "a figure: how much of the day it slept",
        "",
        database.sleep,
    ),
    Check(
        "health",
        "`GET /health?database=true` with the admin token; `GET /topics` without one",
        "200 and 401: a function logs in, trusts the database's certificate, and knows the token",
        "Read the log of Manage: it has the database's reason.",
        traffic.health,
    ),
    Check(
        "catch-up",
        "20 batches to one subscription, one after the other; the endpoint is the broker's own address",
        "20 attempts with 202: Allow lifts the end after 16 rounds, and Deliver finds the system's certificates",
        "About 16 attempts: see recursion. `certificate` in the reason: this runtime has the file elsewhere.",
        traffic.catch_up,
    ),
    Check(
        "recursion",
        "`GetFunctionRecursionConfig` of Dispatch and Deliver, and the metric `RecursiveInvocationsDropped` of a day",
        "both say Allow, and nothing was dropped",
        "Set `RecursiveLoop: Allow` again; an organisation's policy may forbid it.",
        account.recursion,
    ),
    Check(
        "logs",
        "the log of each function, for a minute after the catch-up",
        "the publish has its line, and no log has its content",
        "Without a line: the role may not write logs. With content: report it as a fault.",
        logs.lines,
    ),
    Check(
        "metrics",
        "the metric `Delivered` of the stack, for three minutes",
        "it counts the 20 messages of the catch-up: CloudWatch reads the metrics from the log",
        "Look at the metrics of `AWS/Logs` about the embedded metric format, and at a line of Dispatch in the log.",
        watched.metrics,
    ),
    Check(
        "alarms",
        "the state of each alarm of the stack",
        "each exists, and none is in ALARM",
        "The alarm's description says what to do. MaintainMissing may last until Maintain has run once.",
        watched.alarms,
    ),
    Check(
        "cold starts",
        "the REPORT lines of a week",
        "a figure for each function",
        "The template has Lambda log its warnings only: set SystemLogLevel to INFO for a day.",
        logs.cold_starts,
    ),
    Check(
        "wording",
        "a route that does not exist",
        "API Gateway's own answer, which is no problem+json",
        "",
        traffic.wording,
    ),
]

# Only when it is asked for: it costs a cent, and other callers are throttled at that moment too.
FLOOD = Check(
    "flood",
    "4,000 public requests from 64 clients",
    "some get 429, which is API Gateway's own answer",
    "",
    traffic.flood,
)
