"""The acts of buyers and of the operator: checkouts, payments, refunds, disputes."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import requests

from tests.simulation.journal import Journal
from tests.simulation.postgres import Postgres
from tests.simulation.processes import Application
from tests.simulation.sandbox import Json, Sandbox, Unlucky

REQUEST_SECONDS = 30.0


@dataclass
class Checkout:
    """A checkout that a buyer asked for. session: None until its answer came."""

    number: int
    user: str
    pack: str
    currency: str
    session: str | None = None
    sent: bool = False


@dataclass
class RefundAsked:
    """A refund that we were asked for. answer: None while there is none; `refused` has a code."""

    payment_id: str
    amount_minor: int | None
    key: str
    answer: Json | None = None


@dataclass(frozen=True)
class Members:
    """Who is in every copy of the template: accounts by name with their ids and cookies, and a key."""

    ids: dict[str, str]
    cookies: dict[str, dict[str, str]]
    api_key: str


class Shop:
    """Buyers, the operator, and Stripe's Dashboard."""

    def __init__(
        self,
        application: Application,
        postgres: Postgres,
        sandbox: Sandbox,
        members: Members,
        database_url: str,
    ) -> None:
        self.application = application
        self.postgres = postgres
        self.sandbox = sandbox
        self.members = members
        self.database_url = database_url
        self.journal = Journal(application.url, members.api_key)
        self.checkouts: list[Checkout] = []
        self.refunds: dict[int, RefundAsked] = {}
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        # What is down: for how many acts more, and how it comes back.
        self._back_up: dict[str, tuple[int, Callable[[], None]]] = {}

    # Buying.

    def do_checkout(self, user: str, pack: str, currency: str) -> None:
        checkout = Checkout(len(self.checkouts), user, pack, currency)
        self.checkouts.append(checkout)
        self.open_checkout(checkout)

    def open_checkout(self, checkout: Checkout) -> int | None:
        """Ask for the checkout, or ask again with its key; returns the status of the answer."""
        body = {
            "user_id": self.members.ids[checkout.user],
            "pack": checkout.pack,
            "currency": checkout.currency,
        }
        checkout.sent = True
        answered = self.journal.post("checkout-sessions", body, f"checkout-{checkout.number}")
        if answered is None:
            return None
        status, told = answered
        if status == 200:
            if checkout.session not in (None, told["session_id"]):
                self.violations.append(f"{checkout} became a second session {told}")
            checkout.session = told["session_id"]
        elif status < 500:
            self.violations.append(f"{checkout} was answered {status} {told}")
        return status

    def do_pay(self, checkout: int, rush: int = 0, **details: Any) -> None:
        chosen = self.checkouts[checkout]
        if chosen.session is None:
            self.open_checkout(chosen)
        if chosen.session is not None:
            self._pay(chosen.session, details)
            self._rush(chosen, rush)

    def do_pay_unknown(self) -> None:
        """Pay a session whose answer never reached our side: the buyer has its address all the same."""
        known = {checkout.session for checkout in self.checkouts}
        for session in self.sandbox.all_of("checkout/sessions"):
            if session["status"] == "open" and session["id"] not in known:
                self._pay(session["id"], {})
                self.counts["paid without its answer"] += 1
                return

    def do_poll(self, checkout: int) -> None:
        session = self.checkouts[checkout].session
        if session is not None:
            self._as_user(self.checkouts[checkout].user, "GET", f"status/{session}")

    def do_cancel(self, checkout: int) -> None:
        session = self.checkouts[checkout].session
        if session is not None:
            self._as_user(self.checkouts[checkout].user, "POST", f"cancel/{session}")

    def do_redeliver(self, checkout: int, copies: int) -> None:
        """Send an event of the payment again, several times at once."""
        events = self._events_of(checkout)
        for place in range(copies if events else 0):
            event = events[place % len(events)]
            self.sandbox.control("deliveries/redeliver", event=event)
            self.counts["redelivered"] += 1

    def do_settle(self, checkout: int) -> None:
        self._on_intent(checkout, "payment_intents/{}/settle")

    def do_foreign(self, dispute: bool) -> None:
        """Another application on the same Stripe account sells something, and may be charged back."""
        try:
            session = self.sandbox.ask(
                "POST",
                "checkout/sessions",
                {
                    "mode": "payment",
                    "success_url": "https://elsewhere.example/",
                    "line_items[0][quantity]": 1,
                    "line_items[0][price_data][currency]": "usd",
                    "line_items[0][price_data][unit_amount]": 9999,
                    "line_items[0][price_data][product_data][name]": "A hat",
                },
            )
        except Unlucky:
            return
        self._pay(session["id"], {"card": "4000000000000259"} if dispute else {})

    # Refunds and disputes.

    def do_refund_at_stripe(self, checkout: int, percent: int) -> None:
        intent = self._intent_of(checkout)
        if intent is None:
            return
        data: Json = {"payment_intent": intent["id"]}
        if percent < 100:
            data["amount"] = max(1, intent["amount"] * percent // 100)
        try:
            self.sandbox.ask("POST", "refunds", data)
        except Unlucky:
            self.counts["refund not made"] += 1

    def do_refund_ours(self, checkout: int, percent: int, call: int) -> None:
        payment = self._payment_of(checkout)
        if payment is not None:
            amount = max(1, payment["amount_minor"] * percent // 100) if percent < 100 else None
            self.refunds[call] = RefundAsked(payment["id"], amount, f"refund-{call}")
            self.ask_refund(self.refunds[call])

    def ask_refund(self, asked: RefundAsked) -> None:
        """Ask our own side for a refund, or ask again with its key."""
        amount = "" if asked.amount_minor is None else str(asked.amount_minor)
        code, told = self.application.command("@refund", asked.payment_id, amount, asked.key)
        if code in (0, 1):
            asked.answer = json.loads(told)

    def do_fail_refund(self, refund: int) -> None:
        refunds = self.sandbox.all_of("refunds")
        if refunds:
            self.sandbox.control(f"refunds/{refunds[refund % len(refunds)]['id']}/fail")

    def do_dispute(self, checkout: int, inquiry: bool, percent: int) -> None:
        intent = self._intent_of(checkout)
        if intent is not None:
            self.sandbox.control(
                f"charges/{intent['id']}/dispute",
                inquiry=inquiry,
                amount=max(1, intent["amount"] * percent // 100),
            )

    def do_decide(self, dispute: int, verdict: str) -> None:
        disputes = self.sandbox.all_of("disputes")
        if disputes:
            chosen = disputes[dispute % len(disputes)]
            self.sandbox.control(f"disputes/{chosen['id']}/decide", verdict=verdict)

    def do_warn(self, checkout: int) -> None:
        self._on_intent(checkout, "charges/{}/warning")

    # How it is done.

    def _rush(self, checkout: Checkout, times: int) -> None:
        """The buyer's page asks for the status while Stripe delivers, again and again."""
        self._together(
            [lambda: self.do_poll(checkout.number)] * times
            + [lambda: self.do_redeliver(checkout.number, 2)] * (1 if times else 0)
        )

    def _together(self, acts: list[Callable[[], None]]) -> None:
        threads = [threading.Thread(target=act, daemon=True) for act in acts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(REQUEST_SECONDS)

    def _pay(self, session: str, details: Json) -> None:
        answer = self.sandbox.control(f"checkout/{session}/pay", **details)
        word = answer.json().get("result", "refused") if answer.content else "refused"
        self.counts[f"payment {word}"] += 1

    def _as_user(self, user: str, method: str, path: str) -> None:
        """Ask as the buyer's page does; what comes of it the end of the seed shows."""
        try:
            requests.request(
                method,
                f"{self.application.url}/api/payment/{path}",
                json={} if method == "POST" else None,
                headers={"Origin": self.application.url},
                cookies=self.members.cookies[user],
                timeout=REQUEST_SECONDS,
            )
        except requests.RequestException:
            self.counts["page not answered"] += 1

    def _events_of(self, checkout: int) -> list[str]:
        session = self.checkouts[checkout].session
        if session is None:
            return []
        events = self.sandbox.all_of("events")
        ids = {session}
        for event in events:
            if event["data"]["object"]["id"] == session:
                ids.add(str(event["data"]["object"].get("payment_intent")))
        reports = ("checkout.session.", "payment_intent.succeeded")
        return [
            event["id"]
            for event in events
            if event["data"]["object"]["id"] in ids and event["type"].startswith(reports)
        ]

    def _intent_of(self, checkout: int) -> Json | None:
        session = self.checkouts[checkout].session
        if session is None:
            return None
        intent = self.sandbox.find(f"checkout/sessions/{session}")["payment_intent"]
        return self.sandbox.find(f"payment_intents/{intent}") if intent else None

    def _on_intent(self, checkout: int, path: str) -> None:
        intent = self._intent_of(checkout)
        if intent is not None:
            self.sandbox.control(path.format(intent["id"]))

    def _payment_of(self, checkout: int) -> Json | None:
        session = self.checkouts[checkout].session
        if session is None or "postgres" in self._back_up:
            return None
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                "SELECT id, amount_minor FROM coinpurse.payment_sessions WHERE session_id = %s",
                [session],
            ).fetchone()
        return row and {"id": str(row[0]), "amount_minor": row[1]}
