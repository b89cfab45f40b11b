"""What happened, announced once: a row that commits with its effect, or not at all."""

from coinpurse.outbox.rules import TYPES, Message, MessageType
from coinpurse.outbox.service import announce

__all__ = ["TYPES", "Message", "MessageType", "announce"]
