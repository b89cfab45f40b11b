"""Every process is restarted under load, in order or by force: nothing that was acknowledged is lost or done twice."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg

from coinpurse import Coinpurse
from tests.conftest import Store
from tests.deploy.load import assert_each_once, more, spending

# The process that is handed the socket must be named in the environment, so it names itself.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "coinpurse", "serve"])
"""


def start_with_socket(store: Store, listening: socket.socket) -> None:
    """Start the store as systemd does: the socket is descriptor 3, and not the store's to close."""
    with (store.directory / "serve.log").open("ab") as log:
        store.web = subprocess.Popen(
            [sys.executable, "-c", HAND_OVER, str(listening.fileno())],
            env={**store.variables(), "LISTEN_FDS": "1"},
            cwd=store.directory,
            pass_fds=[listening.fileno()],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def test_with_a_socket_that_outlives_the_server_no_request_notices_a_restart(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    with socket.create_server(("127.0.0.1", store.port), backlog=1024) as listening:
        start_with_socket(store, listening)
        with spending(store, purse) as load:
            for _ in range(3):
                more(load, eventually)
                assert store.web is not None
                store.web.send_signal(signal.SIGTERM)
                assert store.web.wait(40) == 0
                start_with_socket(store, listening)
            more(load, eventually)

    assert load.broken == []
    assert load.refused == []
    assert_each_once(load, purse, database_url)


def test_a_server_stopped_in_order_answers_all_that_it_has_taken(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    store.start_web()
    with spending(store, purse) as load:
        for _ in range(3):
            more(load, eventually)
            assert store.web is not None
            store.web.send_signal(signal.SIGTERM)
            assert store.web.wait(40) == 0
            store.start_web()
        more(load, eventually)

    # Nobody listens between the two servers: the system refuses, and resets who stood in its queue. The exact types:
    # http.client counts an end without an answer (RemoteDisconnected) among the resets.
    by_system = (ConnectionRefusedError, ConnectionResetError)
    assert [error for error in load.broken if type(error) not in by_system] == []
    assert load.refused == []
    assert_each_once(load, purse, database_url)


def test_a_server_killed_under_load_loses_nothing_that_it_acknowledged(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    store.start_web()
    with spending(store, purse) as load:
        for _ in range(3):
            more(load, eventually)
            store.kill_web()
            store.start_web()
        more(load, eventually)

    assert load.broken
    assert_each_once(load, purse, database_url)


def test_connections_ended_by_the_database_are_a_503_that_may_be_repeated(
    store: Store, purse: Coinpurse, database_url: str, eventually: Callable[..., Any]
) -> None:
    store.start_web()
    end_all = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE pid <> pg_backend_pid() AND datname = current_database()
    """
    with spending(store, purse) as load:
        for _ in range(5):
            more(load, eventually)
            with psycopg.connect(database_url, autocommit=True) as connection:
                connection.execute(end_all)
        more(load, eventually)

    assert load.broken == []
    assert set(load.refused) <= {503}
    assert_each_once(load, purse, database_url)
