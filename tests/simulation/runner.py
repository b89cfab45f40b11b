"""Runs seeds one after the other on parts that are made once: PostgreSQL, the sandbox and the zygote."""

from __future__ import annotations

import secrets
import signal
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import requests
from argon2 import PasswordHasher

from coinpurse import Coinpurse
from coinpurse.accounts import Accounts
from coinpurse.db import Database, upgrade
from coinpurse.settings import Settings
from tests.simulation import plan as plans
from tests.simulation.artist import USERS
from tests.simulation.driver import Driver
from tests.simulation.mutants import MUTANTS
from tests.simulation.postgres import TEMPLATE, Postgres
from tests.simulation.processes import Application, Zygote
from tests.simulation.sandbox import KEY, Sandbox
from tests.simulation.settling import settle
from tests.simulation.shop import Members

SEED_SECONDS = 90.0
SCOPES = ("read", "spend", "grant", "refund", "checkout")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True)
class Result:
    """How a seed ended. acts, faults: how often each kind happened. spent: seconds of each
    kind of act. story: plan and logs, where it failed."""

    seed: int
    violations: list[str]
    seconds: float
    acts: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    story: str = ""


class OutOfTimeError(Exception):
    """The seed did not come to its end."""


def _end_seed(*_: object) -> None:
    raise OutOfTimeError(f"the seed took longer than {SEED_SECONDS:.0f} s")


class Runner:
    """The parts. One seed at a time; close it."""

    def __init__(self, mutant: str | None = None) -> None:
        self._secret_key = secrets.token_hex(32)
        self._password = secrets.token_hex(8)
        self._mutant = mutant
        self._make_parts()

    def _make_parts(self) -> None:
        self._zygote = Zygote(self._mutant)
        self._postgres = Postgres()
        self._sandbox = Sandbox()
        self._application = Application(self._zygote)
        self._members = self._make_template()

    def close(self) -> None:
        """End every part, whatever the others do."""
        with ExitStack() as ending:
            for close in (self._postgres.remove, self._sandbox.close, self._zygote.close):
                ending.callback(close)
            self._application.close()

    def run(self, seed: int, steps: int) -> Result:
        """Run a seed to its end; what goes wrong is in the result."""
        return self.carry_out(plans.draw(seed, steps))

    def carry_out(self, plan: plans.Plan) -> Result:
        """Run a plan to its end; what goes wrong is in the result."""
        begun = time.monotonic()
        database = f"seed_{plan.seed}"
        driver = None
        spent: Counter[str] = Counter()
        signal.signal(signal.SIGALRM, _end_seed)
        signal.setitimer(signal.ITIMER_REAL, SEED_SECONDS)
        try:
            driver = self._begin(plan, self._postgres.create(database, template=TEMPLATE))
            spent["begin"] = time.monotonic() - begun
            for act in plan.acts:
                since = time.monotonic()
                driver.act(act)
                spent[act.kind] += time.monotonic() - since
            since = time.monotonic()
            wrong = settle(driver, plan)
            spent["settle"] = time.monotonic() - since
        except Exception as error:  # noqa: BLE001  A seed that cannot be run is one that failed.
            wrong = [f"{type(error).__name__}: {error}", traceback.format_exc()]
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        story = f"{plan}\n{self._application.logs()}" if wrong else ""
        faults = Counter(self._sandbox.told("faults")["counts"])
        faults.subtract(self._sandbox.strikes)
        if driver is not None:
            faults.update(driver.counts)
        if time.monotonic() - begun < SEED_SECONDS:
            self._end(database)
        else:
            # It was interrupted anywhere: no part is trusted any more.
            self.close()
            self._make_parts()
        return Result(
            seed=plan.seed,
            violations=wrong,
            seconds=time.monotonic() - begun,
            acts=dict(Counter(act.kind for act in plan.acts)),
            faults=dict(faults),
            spent={name: round(seconds, 3) for name, seconds in spent.items()},
            story=story,
        )

    def _begin(self, plan: plans.Plan, database_url: str) -> Driver:
        application = self._application
        webhook_url = f"{application.url}/api/payment/webhook"
        signing = self._sandbox.begin(plan.seed, webhook_url, plan.styles)
        application.configure(self._environment(database_url, signing) | plan.settings)
        application.start_web()
        application.start_worker()
        if not self._members.cookies:
            self._log_in()
        for fault in plan.faults:
            self._sandbox.control("faults", **fault)
        return Driver(application, self._postgres, self._sandbox, self._members, database_url)

    def _end(self, database: str) -> None:
        self._application.kill_web()
        self._application.kill_worker()
        self._postgres.ensure_started()
        self._postgres.drop(database)

    def _environment(self, database_url: str, signing: list[str]) -> dict[str, str]:
        return {
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": ",".join(signing),
            "STRIPE_API_BASE": self._sandbox.url,
            "DATABASE_URL": database_url,
            "SECRET_KEY": self._secret_key,
            "COINPURSE_BASE_URL": self._application.url,
            "COINPURSE_LOG_LEVEL": "WARNING",
        }

    def _make_template(self) -> Members:
        """Migrate a database and put the accounts and the key of every seed into it."""
        url = self._postgres.create("draft")
        database = Database(url)
        upgrade(database)
        accounts = Accounts(database, CHEAP)
        ids = {
            name: accounts.register(f"{name}@example.com", self._password).user_id for name in USERS
        }
        settings = Settings(**self._settings_of(url))
        purse = Coinpurse(settings=settings)
        api_key = purse.api_keys.create("simulator", SCOPES).text
        purse.database.close()
        if self._mutant:
            with database.connection() as connection:
                connection.execute(MUTANTS[self._mutant].sql)
        database.close()
        self._postgres.rename("draft", TEMPLATE)
        return Members(ids, {}, api_key)

    def _settings_of(self, url: str) -> dict[str, str]:
        named = self._environment(url, ["whsec_template"])
        return {name.removeprefix("COINPURSE_").lower(): value for name, value in named.items()}

    def _log_in(self) -> None:
        """Keep a cookie for each account; it holds for every seed, because the key that signs it does."""
        url = self._application.url
        post = partial(requests.post, headers={"Origin": url}, timeout=30)
        for name in USERS:
            answer = post(
                f"{url}/api/auth/login",
                json={"email": f"{name}@example.com", "password": self._password},
            )
            answer.raise_for_status()
            self._members.cookies[name] = answer.cookies.get_dict()
