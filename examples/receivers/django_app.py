"""Receive webhooks with Django: SECRET=whsec_… python3 django_app.py runserver --noreload 7001"""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest
from django.urls import path

from pgbroker.webhooks import Delivery
from pgbroker.webhooks.django import webhook


@webhook(os.environ["SECRET"])
def orders(_request: HttpRequest, delivery: Delivery) -> None:
    for message in delivery.messages:
        print(message.seq, message.content)


urlpatterns = [path("orders", orders)]

if __name__ == "__main__":
    settings.configure(ROOT_URLCONF=__name__, SECRET_KEY=os.urandom(32), ALLOWED_HOSTS=["127.0.0.1"])
    execute_from_command_line(sys.argv)
