"""Carries messages to others, beside the jobs of the worker and never in their place.

It looks for new messages every second instead of being told: a notification in the transaction of an effect would
cost every payment something, and PostgreSQL lets such transactions commit only one after the other.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar
from uuid import UUID

import psycopg
import structlog

from coinpurse.notifications.rules import SENDERS
from coinpurse.notifications.service import Claim, Notifications

LOOK_SECONDS = 1.0
# How long it waits when the database was away, or something else went wrong.
TROUBLED_SECONDS = 5.0
# How many messages are fanned out in one transaction.
PAGE = 100

Found = TypeVar("Found")

log = structlog.get_logger()


@asynccontextmanager
async def at_work(notifications: Notifications) -> AsyncIterator[None]:
    """Fan out and deliver for as long as the block lasts; what is being sent at its end is sent to its end."""
    names = notifications.channels
    # A pool of our own: a slow receiver must keep no job from running.
    with ThreadPoolExecutor(2 * len(names) + sum(SENDERS[name] for name in names) + 1) as pool:
        carriers = [
            asyncio.create_task(_fan_out(notifications, pool)),
            *(asyncio.create_task(_carry(notifications, name, pool)) for name in names),
        ]
        try:
            yield
        finally:
            for carrier in carriers:
                carrier.cancel()
            await asyncio.wait(carriers)


async def _fan_out(notifications: Notifications, pool: ThreadPoolExecutor) -> None:
    while True:
        found = await _ask(pool, lambda: notifications.fan_out(limit=PAGE), otherwise=0)
        if found < PAGE:
            await asyncio.sleep(LOOK_SECONDS)


async def _carry(notifications: Notifications, channel: str, pool: ThreadPoolExecutor) -> None:
    """Keep the channel's senders busy while anything is due."""
    under_way: dict[asyncio.Future[None], UUID | None] = {}
    share = max(1, SENDERS[channel] // 2)
    while True:
        busy = _busy(under_way.values(), share)
        free = SENDERS[channel] - len(under_way)
        look = partial(notifications.claim, channel, limit=min(free, share), besides=busy)
        nothing: list[Claim] = []
        claims = await _ask(pool, look, otherwise=nothing)
        for claim in claims:
            sending = asyncio.ensure_future(_attempt(notifications, claim, pool))
            under_way[sending] = claim.delivery.endpoint_id
        if len(under_way) == SENDERS[channel]:
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        elif busy and not claims:
            await asyncio.wait(under_way, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(0 if claims else LOOK_SECONDS)
        under_way = {each: endpoint for each, endpoint in under_way.items() if not each.done()}


def _busy(endpoints: Iterable[UUID | None], share: int) -> list[UUID]:
    """The endpoints that have their share of the senders. One that hangs must not have them all."""
    counts = Counter(endpoint for endpoint in endpoints if endpoint is not None)
    return [endpoint for endpoint, count in counts.items() if count >= share]


async def _attempt(notifications: Notifications, claim: Claim, pool: ThreadPoolExecutor) -> None:
    await _ask(pool, lambda: notifications.attempt(claim), otherwise=None)


async def _ask(pool: ThreadPoolExecutor, call: Callable[[], Found], *, otherwise: Found) -> Found:
    """Call in a thread. Where that fails, say so and go on a little later: all of it is still due then."""
    try:
        return await asyncio.get_running_loop().run_in_executor(pool, call)
    except psycopg.Error as error:
        log.warning("courier.interrupted", error=type(error).__name__)
    except Exception:
        # A message that nobody can deliver must not end the worker, which credits coins.
        log.exception("courier.broken")
    await asyncio.sleep(TROUBLED_SECONDS)
    return otherwise
