"""What traffic costs: the measured counts, multiplied by the prices."""

from dataclasses import dataclass

from scripts.cost.parameters import Parameters
from scripts.cost.traffic import Function, Traffic

MILLION, BILLION = 1e6, 1e9
CORE_MB = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
POLLS = 5 * 3 * 60 * 24 * 30  # requests to an empty queue in a month: 5 pollers, each of which waits 20 s
MONTH_HOURS, MONTH_SECONDS = 730, 730 * 3600
LEAST_ACU = 0.5  # of a database that is awake
IO_BYTES = 4096  # of WAL that Aurora writes in one request to its storage
AWAKE_HOURS = 0.1  # that a database is awake for one request: Aurora pauses after five minutes


@dataclass(frozen=True)
class Cost:
    """Dollars for a million messages, without the database."""

    api: float
    invocations: float
    compute: float
    sqs: float
    logs: float

    @property
    def total(self) -> float:
        """Return the sum."""
        return self.api + self.invocations + self.compute + self.sqs + self.logs


def cost(traffic: Traffic, by: Parameters) -> Cost:
    """Return what a million messages of such traffic cost."""
    runs = traffic.publish.runs + traffic.dispatch.runs + traffic.deliver.runs
    gb_seconds = (
        _gb_seconds(traffic.publish, by.memory, by)
        + _gb_seconds(traffic.dispatch, by.memory, by)
        + _gb_seconds(traffic.deliver, by.deliver_memory, by)
    )
    return Cost(
        api=traffic.publish.runs * by.http_api,
        invocations=runs * by.invocations,
        compute=gb_seconds * by.gb_seconds,
        sqs=traffic.sqs_requests * by.sqs,
        logs=(runs * by.platform_log + traffic.log_bytes + traffic.publish.runs * by.access_log)
        * by.logs
        * MILLION
        / BILLION,
    )


def idle(by: Parameters) -> float:
    """Return what a month costs beside its messages, and without the database."""
    waiting = by.queues * POLLS * by.sqs / MILLION + by.secrets * by.secret
    return waiting + by.alarm_metrics * by.alarm + by.dashboards * by.dashboard + by.daily_metrics * by.metric / 24


def metrics(by: Parameters) -> float:
    """Return what the metrics of a month cost in which something of everything happens in every hour."""
    return by.metrics * by.metric


def endpoints(by: Parameters) -> float:
    """Return what the network of the managed database costs in a month."""
    return by.interfaces * by.interface


def sleeping_aurora(by: Parameters) -> float:
    """Return what Aurora costs in a month in which only Maintain wakes it, once a day; 1 GB is stored."""
    return 30 * AWAKE_HOURS * LEAST_ACU * by.acu_hour + by.storage


def awake_aurora(by: Parameters) -> float:
    """Return what Aurora costs in a month in which it never sleeps, and has little to do; 1 GB is stored."""
    return MONTH_HOURS * LEAST_ACU * by.acu_hour + by.storage


def aurora(traffic: Traffic, messages: float, by: Parameters) -> float:
    """Return what Aurora costs in a month of so many messages, which never lets it sleep. They are kept for 30 days."""
    cores = messages / MONTH_SECONDS * traffic.database_ms / 1000
    capacity = max(LEAST_ACU, by.headroom * cores / by.acu_cores)
    requests = max(traffic.publish.runs + 2 * traffic.dispatch.runs, traffic.wal_bytes / IO_BYTES)  # or commits
    return (
        capacity * MONTH_HOURS * by.acu_hour
        + messages * traffic.storage_bytes / BILLION * by.storage
        + messages * requests * by.io / MILLION
    )


def sns(subscribers: int, by: Parameters) -> float:
    """Return what a million messages from SNS to HTTPS cost. SNS retries for less than an hour, then drops."""
    return by.sns + subscribers * by.sns_http


def sns_with_queues(subscribers: int, deliver: Function, by: Parameters) -> float:
    """Return the same with a queue for each subscriber, and a function like Deliver that posts, one message a run."""
    posting = by.invocations + deliver_compute(deliver, by) + by.platform_log * by.logs * MILLION / BILLION
    return by.sns + subscribers * (3 * by.sqs + posting)


def deliver_compute(deliver: Function, by: Parameters) -> float:
    """Return what a million runs of Deliver compute for, in dollars."""
    return _gb_seconds(deliver, by.deliver_memory, by) / deliver.runs * by.gb_seconds


def eventbridge(subscribers: int, by: Parameters) -> float:
    """Return what a million events of EventBridge cost, each to so many API destinations."""
    return by.event + subscribers * by.api_destination


def qstash(messages: float, subscribers: int, by: Parameters) -> float | None:
    """Return what QStash costs in a month; None: by contract. Each subscriber's copy counts as a message."""
    copies = messages * subscribers
    plans = [price for price, a_day in ((180, 1e6), (420, 1e7)) if copies <= 30 * a_day]
    return min([*plans, copies * by.qstash / MILLION]) if plans else None


def _gb_seconds(function: Function, memory: float, by: Parameters) -> float:
    """Return the GB-seconds of a function's runs for one message, as Lambda bills them."""
    share = min(1, memory / CORE_MB)
    duration_ms = function.cpu_ms * by.cpu_factor / share + function.wait_ms + by.network_ms
    return function.runs * duration_ms / 1000 * memory / 1024
