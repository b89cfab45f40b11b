"""The zygote: a process that has imported the application once and forks the children that run it.

Importing takes seconds; a fork takes milliseconds, so that a child may be killed and started again many times in
one seed. Each child runs the real command line, `coinpurse serve` or `coinpurse worker`, in a session of its own.

Waiting is shortened, never left out: the back-off of the SDK, of the pool and of the worker, and the price of a
password. A mutant is put in here too, before the first fork; the product knows of neither.

Orders are lines of JSON: {"start": [arguments], "env": {}, "log": path} is answered {"pid": n}, {"look": pid} is
answered {"status": n}, null while the child runs.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Take orders until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutant")
    arguments = parser.parse_args()
    _import_application()
    _shorten_waiting()
    if arguments.mutant:
        from tests.simulation import mutants

        mutants.MUTANTS[arguments.mutant].patch()
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201
    for line in sys.stdin:
        print(json.dumps(_obey(json.loads(line))), flush=True)  # noqa: T201


def _obey(order: dict[str, Any]) -> dict[str, int | None]:
    if "look" in order:
        ended, status = os.waitpid(order["look"], os.WNOHANG)
        return {"status": os.waitstatus_to_exitcode(status) if ended else None}
    pid = os.fork()
    if pid:
        return {"pid": pid}
    code = 70
    try:
        _become(order)
        code = _run(order["start"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  Nothing may escape into the zygote's loop.
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(arguments: list[str]) -> int:
    """Run a script of ours, `@name`, or the application's command line."""
    if arguments[0].startswith("@"):
        from tests.simulation import scripts

        return scripts.run(arguments[0][1:], *arguments[1:])
    from coinpurse.cli import main as command

    command.main(arguments, prog_name="coinpurse", standalone_mode=False)
    return 0


def _become(order: dict[str, Any]) -> None:
    """Leave the zygote's session, files and environment."""
    os.setsid()
    # A child must not outlive the simulator, however that ends.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    errors = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    output = errors
    if order.get("output"):
        output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for source, target in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(source, target)
    os.chdir(Path(order["log"]).parent)
    os.environ.update(order["env"])


def _import_application() -> None:
    """Import all that a child would, also what is imported at the first use."""
    import gunicorn.workers.gthread
    import stripe.checkout

    import coinpurse.app
    import tests.simulation.scripts
    from coinpurse import Coinpurse
    from coinpurse.cli import MODULES
    from coinpurse.settings import Settings

    assert tests.simulation.scripts
    assert gunicorn.workers.gthread
    assert stripe.checkout
    for module in MODULES.values():
        importlib.import_module(module)
    flask = coinpurse.app.Flask("warm")
    settings = Settings(
        stripe_secret_key="sk_test_nothing_is_sent",
        stripe_webhook_secret="whsec_nothing_is_sent",
        database_url="postgresql:///nothing",
        secret_key="nothing",
    )
    Coinpurse(flask, settings=settings)


def _shorten_waiting() -> None:
    import procrastinate.jobs
    import procrastinate.worker
    import psycopg_pool.base
    import stripe._http_client
    from argon2 import PasswordHasher

    from coinpurse.accounts import service
    from coinpurse.cli import worker
    from coinpurse.db import engine
    from coinpurse.reconciliation.service import Reconciliation

    engine.WAIT_SECONDS = 1.0
    worker.AGAIN_SECONDS = 0.05
    assert Reconciliation.run.__kwdefaults__ is not None
    Reconciliation.run.__kwdefaults__["calls_per_second"] = None
    service.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    stripe._http_client.HTTPClient.INITIAL_DELAY = 0.01
    stripe._http_client.HTTPClient.MAX_DELAY = 0.02
    psycopg_pool.base.AttemptWithBackoff.INITIAL_DELAY = 0.03
    made = procrastinate.worker.Worker.__init__

    @functools.wraps(made)
    def impatient(self: Any, *args: Any, **kwargs: Any) -> None:
        kwargs["fetch_job_polling_interval"] = 0.1
        made(self, *args, **kwargs)

    procrastinate.worker.Worker.__init__ = impatient  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
