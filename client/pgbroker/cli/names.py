"""Names of topics, as an argument; and subscriptions and tokens by their names."""

import click


class TopicName(click.ParamType[str]):
    """The name of a topic."""

    name = "topic"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not value:
            self.fail("the name of a topic is not empty", param, ctx)
        return value


TOPIC = click.argument("topic", type=TopicName())
