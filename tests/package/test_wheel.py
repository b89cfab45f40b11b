"""What is released: built from a copy, installed into an empty environment, run from a folder of somebody else."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from coinpurse.testing import shared_folder
from tests.processes.test_demo import SET_ASIDE, Demo, free_port

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
RELEASED = ("CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml")
LEFT_OUT = ("__pycache__", "*.egg-info")
TELLING = {
    "coinpurse/py.typed",
    "coinpurse/catalog/sample.toml",
    "coinpurse/db/migrations/env.py",
    "coinpurse/db/migrations/script.py.mako",
    "coinpurse/db/migrations/versions/0001_first_tables.py",
    "coinpurse/ledger/kernel.sql",
    "coinpurse/web/static/payment.js",
    "coinpurse/web/templates/coinpurse/mail/receipt.txt",
    "coinpurse/web/translations/zh/LC_MESSAGES/coinpurse.mo",
    "stripe_sandbox/pages/static/checkout.js",
}


@dataclass(frozen=True)
class Installed:
    """The wheel in an environment that had nothing else. without_demo: what the demo said before its extra came."""

    folder: Path
    without_demo: str

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run the installed command to its end."""
        return run([str(self.folder / "bin" / "coinpurse"), *arguments], cwd=cwd)


def run(command: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that knows nothing of this checkout."""
    return subprocess.run(
        command, cwd=cwd, env=foreign(), capture_output=True, text=True, timeout=300, check=False
    )


def foreign() -> dict[str, str]:
    hidden = (*SET_ASIDE, "PYTHONPATH", "MYPYPATH")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)}


def succeeded(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Let one worker of the run in; the others wait and find its work."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the source distribution that it was built from."""
    shared = shared_folder(tmp_path_factory) / "package"
    shared.mkdir(exist_ok=True)
    built, source = shared / "dist", shared / "source"
    with alone(shared / "build.lock"):
        if not built.exists():
            # What earlier builds left in this folder would be packed too.
            shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns(*LEFT_OUT))
            (source / "tests").mkdir()
            for name in (*RELEASED, "tests/conftest.py", "tests/test_money.py"):
                shutil.copy(ROOT / name, source / name)
            succeeded(run([sys.executable, "-m", "build", "--outdir", "draft"], cwd=source))
            (source / "draft").rename(built)
    return built


@pytest.fixture(scope="session")
def installed(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    shared = shared_folder(tmp_path_factory) / "package"
    shared.mkdir(exist_ok=True)
    made = Installed(shared / "environment", "")
    said = shared / "without_demo"
    with alone(shared / "install.lock"):
        if not said.exists():
            (wheel,) = distributions.glob("*.whl")
            venv.create(made.folder, with_pip=True)
            pip = [str(made.folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
            install = [*pip, "install", "--no-compile", "-c", str(ROOT / "constraints.txt")]
            succeeded(run([*install, str(wheel)], cwd=shared))
            refused = made.run("demo", "--port", str(free_port()), cwd=shared)
            assert refused.returncode == 2, refused
            succeeded(run([*install, f"{wheel}[demo]"], cwd=shared))
            succeeded(run([*pip, "check"], cwd=shared))
            said.write_text(refused.stderr, encoding="utf-8")
    return Installed(made.folder, said.read_text(encoding="utf-8"))


def test_wheel_and_source_have_all_of_the_packages_and_nothing_else(distributions: Path) -> None:
    ours = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and not {"__pycache__"} & set(path.parts) and ".egg-info" not in str(path)
    }
    assert ours >= TELLING
    (wheel,) = distributions.glob("*.whl")
    (source,) = distributions.glob("*.tar.gz")

    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(source) as archive:
        members = [each.name.partition("/")[2] for each in archive.getmembers() if each.isfile()]
    unpacked = {name for name in members if not name.startswith("src/coinpurse.egg-info/")}

    assert packed == ours
    assert unpacked == {f"src/{name}" for name in ours} | {*RELEASED, "PKG-INFO", "setup.cfg"}


def test_the_installed_command_tells_its_version_and_its_commands(
    installed: Installed, tmp_path: Path
) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["version"]

    assert succeeded(installed.run("--version", cwd=tmp_path)) == f"coinpurse, version {version}\n"
    assert "  demo " in succeeded(installed.run("--help", cwd=tmp_path))


def test_without_its_extra_the_demo_says_what_to_install(installed: Installed) -> None:
    assert "pip install 'coinpurse[demo]'" in installed.without_demo
    assert "Traceback" not in installed.without_demo


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_installed_demo_opens_its_store_and_stops(
    installed: Installed,
    tmp_path: Path,
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    program = [str(installed.folder / "bin" / "coinpurse")]

    demo = Demo(tmp_path, free_port(), free_port(), program=program)
    eventually(demo.is_up)
    page = requests.get(f"{demo.url}/", headers={"Accept-Language": "zh"}, timeout=30)
    linked = re.findall(r'(?:href|src)="(/[^"]+\.(?:css|js|svg)[^"]*)"', page.text)
    statuses = [requests.get(f"{demo.url}{path}", timeout=30).status_code for path in linked]
    demo.stop(number)

    assert page.status_code == 200
    assert statuses == [200] * len(linked) != []
    assert 'lang="zh' in page.text
    assert "1,000" in page.text


def test_a_host_s_type_checker_knows_the_installed_package(
    installed: Installed, tmp_path: Path
) -> None:
    shutil.copy(ROOT / "tests" / "package" / "host_typing.py", tmp_path / "host.py")

    checked = run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "host.py"),
            *("--python-executable", str(installed.folder / "bin" / "python")),
        ],
        cwd=tmp_path,
    )

    assert succeeded(checked) == "Success: no issues found in 1 source file\n"
