"""The prices, and what else the cost is computed from. Each is an option of `python -m scripts.cost`."""

from dataclasses import dataclass, field, fields


def _parameter(default: float, meaning: str) -> float:
    value: float = field(default=default, metadata={"meaning": meaning})
    return value


@dataclass(frozen=True)
class Parameters:
    """Prices in dollars, and assumptions.

    The prices are list prices of us-east-1 in November 2026, without free tiers and discounts for volume. The page
    links to their sources.
    """

    http_api: float = _parameter(1.00, "$ for a million requests to an HTTP API of API Gateway")
    invocations: float = _parameter(0.20, "$ for a million invocations of Lambda functions")
    gb_seconds: float = _parameter(16.67, "$ for a million GB-seconds of Lambda; on arm64 13.33")
    sqs: float = _parameter(0.40, "$ for a million requests to SQS, of 64 KiB each")
    logs: float = _parameter(0.50, "$ for a GB of logs in CloudWatch")
    metric: float = _parameter(
        0.30, "$ for a metric of one's own and month, in CloudWatch; by the hours in which it is written"
    )
    alarm: float = _parameter(0.10, "$ for a metric that an alarm reads, and month")
    dashboard: float = _parameter(3.00, "$ for a dashboard and month")
    acu_hour: float = _parameter(0.12, "$ for an hour of an Aurora capacity unit")
    storage: float = _parameter(0.10, "$ for a GB and month of Aurora's storage")
    io: float = _parameter(0.20, "$ for a million requests to Aurora's storage")
    secret: float = _parameter(0.40, "$ for a secret and month")
    interface: float = _parameter(7.30, "$ for an interface endpoint of a VPC, in one zone, and month")
    sns: float = _parameter(0.50, "$ for a million requests that publish to SNS")
    sns_http: float = _parameter(0.60, "$ for a million notifications from SNS to HTTPS")
    event: float = _parameter(1.00, "$ for a million events of EventBridge")
    api_destination: float = _parameter(0.20, "$ for a million invocations of an API destination")
    qstash: float = _parameter(10.00, "$ for a million messages of QStash, up to its plan of 180 or 420 a month")
    memory: float = _parameter(512, "MB of each function; 1,769 have one core")
    deliver_memory: float = _parameter(256, "MB of Deliver")
    network_ms: float = _parameter(10, "ms that an invocation waits for the network, beyond what was measured here")
    cpu_factor: float = _parameter(1, "seconds on a core of Lambda for one on the core that was measured")
    platform_log: float = _parameter(
        0, "bytes that Lambda logs itself for each invocation: 0 for warnings only, else 400"
    )
    access_log: float = _parameter(245, "bytes that API Gateway logs for each request")
    metrics: float = _parameter(13, "metrics of requests and of Dispatch; as if each was written in every hour")
    daily_metrics: float = _parameter(3, "metrics of Maintain, written in one hour a day")
    alarm_metrics: float = _parameter(20, "metrics that the alarms read; 0 for `Alarms=off`")
    dashboards: float = _parameter(1, "dashboards")
    queues: float = _parameter(2, "queues whose event sources poll them: 5 pollers, each every 20 s")
    secrets: float = _parameter(2, "secrets of the stack: SetupSecret and LoginSecret")
    interfaces: float = _parameter(1, "interface endpoints of the managed database, times zones: one of SQS")
    acu_cores: float = _parameter(0.25, "cores of an Aurora capacity unit")
    headroom: float = _parameter(2, "times the CPU time measured, that the database has for it")


def meanings() -> dict[str, str]:
    """Return what each parameter means, by its name."""
    return {each.name: each.metadata["meaning"] for each in fields(Parameters)}
