"""Outgoing webhooks: endpoints, what is sent to them, and how."""

from coinpurse.endpoints.addresses import Reach
from coinpurse.endpoints.channel import WebhookChannel
from coinpurse.endpoints.rules import (
    FIELDS,
    Endpoint,
    NewSecret,
    SentWebhook,
    body_of,
)
from coinpurse.endpoints.sender import Sender
from coinpurse.endpoints.service import EVENT_TYPES, Endpoints

__all__ = [
    "EVENT_TYPES",
    "FIELDS",
    "Endpoint",
    "Endpoints",
    "NewSecret",
    "Reach",
    "Sender",
    "SentWebhook",
    "WebhookChannel",
    "body_of",
]
