"""The methods that both clients have: each sends the request of a verb, with the verb's own signature."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, overload

from pgbroker import verbs
from pgbroker.request import Request

if TYPE_CHECKING:
    from pgbroker.async_broker import AsyncBroker
    from pgbroker.broker import Broker

P = ParamSpec("P")
Result = TypeVar("Result")


class Method(Generic[P, Result]):
    """A method of Broker, which returns the result, and of AsyncBroker, which returns what is to be awaited."""

    def __init__(self, make: Callable[P, Request[Result]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__
        self.__wrapped__ = make  # for inspect.signature

    @overload
    def __call__(self, broker: "Broker", /, *args: P.args, **options: P.kwargs) -> Result: ...
    @overload
    def __call__(self, broker: "AsyncBroker", /, *args: P.args, **options: P.kwargs) -> Awaitable[Result]: ...
    def __call__(self, broker: "Broker | AsyncBroker", /, *args: P.args, **options: P.kwargs) -> Any:
        return broker.send(self._make(*args, **options))

    @overload
    def __get__(self, broker: None, owner: type) -> Self: ...
    @overload
    def __get__(self, broker: "Broker", owner: type) -> Callable[P, Result]: ...
    @overload
    def __get__(self, broker: "AsyncBroker", owner: type) -> Callable[P, Awaitable[Result]]: ...
    def __get__(self, broker: "Broker | AsyncBroker | None", owner: type) -> Any:
        if broker is None:
            return self
        make = self._make

        def call(*args: P.args, **options: P.kwargs) -> Any:
            return broker.send(make(*args, **options))

        return call


class Verbs:
    """The verbs whose results do not depend on the type of the content."""

    publish = Method(verbs.publish)
    settle = Method(verbs.settle)
    ack = Method(verbs.ack)
    find = Method(verbs.find)
    resend = Method(verbs.resend)
    cancel_message = Method(verbs.cancel_message)
    delete_dead_letters = Method(verbs.delete_dead_letters)
    redrive = Method(verbs.redrive)
    subscribe = Method(verbs.subscribe)
    list_subscriptions = Method(verbs.list_subscriptions)
    unsubscribe_url = Method(verbs.unsubscribe_url)
    read_subscription = Method(verbs.read_subscription)
    change_subscription = Method(verbs.change_subscription)
    unsubscribe = Method(verbs.unsubscribe)
    rotate_secret = Method(verbs.rotate_secret)
    test_subscription = Method(verbs.test_subscription)
    list_attempts = Method(verbs.list_attempts)
    broadcast = Method(verbs.broadcast)
    read_overview = Method(verbs.read_overview)
    list_topics = Method(verbs.list_topics)
    read_topic = Method(verbs.read_topic)
    list_rates = Method(verbs.list_rates)
    put_topic = Method(verbs.put_topic)
    change_topic = Method(verbs.change_topic)
    delete_topic = Method(verbs.delete_topic)
    list_tokens = Method(verbs.list_tokens)
    mint_token = Method(verbs.mint_token)
    read_own_token = Method(verbs.read_own_token)
    read_token = Method(verbs.read_token)
    revoke_token = Method(verbs.revoke_token)
    root = Method(verbs.root)
    health = Method(verbs.health)
    contract = Method(verbs.contract)
