"""The tutorial, done as its reader would: every block of code and every command, in order, against the sandbox."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from tests.waiting import wait_until

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "tutorial.md", DOCS / "zh_CN" / "tutorial.md"]
BLOCK = re.compile(
    r"^```(?P<language>python|sh|text)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE
)
FILE = re.compile(r"# (?P<name>\w+\.py)")
# Commands that stay; the page starts each in a terminal of its own or in the background.
STAYING = ("stripe-sandbox serve", "flask --app", "coinpurse worker")
PROGRAMS = {
    "python": "",
    "coinpurse": "-m coinpurse",
    "flask": "-m flask",
    "stripe-sandbox": "-m stripe_sandbox",
}

pytestmark = pytest.mark.system


@dataclass
class Reader:
    """Somebody who follows a page in a folder, with other ports than the page's, which may be taken."""

    folder: Path
    ports: dict[str, str]
    environment: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def app(self) -> str:
        """Where the app is."""
        return f"http://127.0.0.1:{self.ports['5000']}"

    def save(self, code: str) -> None:
        """Write a block into the file that it names in its first line, below what is there."""
        named = FILE.match(code)
        assert named is not None, code
        with (self.folder / named["name"]).open("a", encoding="utf-8") as file:
            file.write(self.here(code))

    def run(self, code: str) -> None:
        """Run commands, each to its end, but those that stay."""
        for line in self.here(code).replace("\\\n", " ").splitlines():
            command = line.split("  #")[0].strip()
            if command.startswith("export "):
                self.environment |= dict(part.split("=", 1) for part in shlex.split(command)[1:])
            elif any(known in command for known in STAYING):
                self._start(command.removesuffix("&"))
            else:
                ended = subprocess.run(
                    ["bash", "-c", command], cwd=self.folder, env=self.environment, timeout=120,
                    capture_output=True, text=True, check=False,
                )  # fmt: skip
                assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
                self.said.append(ended.stdout)

    def here(self, text: str) -> str:
        """The same with this reader's ports."""
        for written, port in self.ports.items():
            text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{port}")
        return text

    def log(self) -> str:
        """What the programs have said that stay."""
        return "".join(path.read_text("utf-8") for path in sorted(self.folder.glob("*.log")))

    def stop(self) -> None:
        """End what runs, and the database that it started."""
        for process in reversed(self.running):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, command: str) -> None:
        with (self.folder / f"{len(self.running)}.log").open("wb") as log:
            self.running.append(
                subprocess.Popen(
                    ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment,
                    stdout=log, stderr=log, start_new_session=True,
                )
            )  # fmt: skip
        if "flask" in command or "sandbox" in command:
            port = self.ports["5000" if "flask" in command else "12111"]
            self._wait_for(f"http://127.0.0.1:{port}/")

    def _wait_for(self, url: str) -> None:
        def answers() -> bool:
            assert self.running[-1].poll() is None, self.log()
            with suppress(requests.ConnectionError):
                requests.get(url, timeout=10)
                return True
            return False

        wait_until(answers, self.log)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name, arguments in PROGRAMS.items():
        # The environment of the tests, by the names that it has in a clone.
        (programs / name).write_text(
            f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n', "utf-8"
        )
        (programs / name).chmod(0o755)
    ports = {"5000": free_port(), "12111": free_port()}
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COINPURSE_", "STRIPE_", "FLASK_"))
    }
    # What a reader has who keeps to the ports of the page needs none of these.
    environment |= {
        "COINPURSE_BASE_URL": f"http://127.0.0.1:{ports['5000']}",
        "FLASK_RUN_PORT": ports["5000"],
        "STRIPE_SANDBOX_PORT": ports["12111"],
        "STRIPE_API_BASE": f"http://127.0.0.1:{ports['12111']}",
        "PYTHONWARNINGS": "error",
    }
    made = Reader(tmp_path, ports, environment)
    yield made
    made.stop()


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def buy(reader: Reader, browser: requests.Session, sku: str) -> None:
    """Pick a pack on the page and pay for it, as the sandbox's own page would have it."""
    page = browser.get(f"{reader.app}/coins/", timeout=30).text
    form = re.search(rf'<form method="post" action="(/coins/[^"]*{sku}[^"]*)".*?</form>', page, re.DOTALL)  # fmt: skip
    assert form is not None, page
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[0]))
    sent = browser.post(
        reader.app + form[1], data=fields, timeout=30, allow_redirects=False,
        headers={"Origin": reader.app},
    )  # fmt: skip
    session_id = re.search(r"cs_test_\w+", sent.headers["Location"])
    assert session_id is not None, sent.text
    sandbox = f"http://127.0.0.1:{reader.ports['12111']}"
    paying = f"{sandbox}/_sandbox/checkout/{session_id[0]}/pay"
    requests.post(paying, json={}, timeout=30).raise_for_status()


def hint_form(page: str) -> dict[str, str]:
    key = re.search(r'name="key" value="(\w+)"', page)
    assert key is not None, page
    return {"key": key[1]}


@pytest.mark.parametrize("page", PAGES, ids=["English", "Chinese"])
def test_the_tutorial_does_what_it_says(reader: Reader, page: Path) -> None:
    blocks = [(found["language"], found["code"]) for found in BLOCK.finditer(page.read_text("utf-8"))]  # fmt: skip
    starting = next(n for n, (_, code) in enumerate(blocks) if "flask --app" in code)
    for language, code in blocks[: starting + 1]:
        reader.save(code) if language == "python" else reader.run(code)

    browser = requests.Session()
    browser.post(f"{reader.app}/enter", data={"user": "ada"}, timeout=30)
    home = browser.get(f"{reader.app}/", timeout=30).text
    assert " 0 " in home
    refused = browser.post(f"{reader.app}/hint", data=hint_form(home), timeout=30)
    assert refused.url.endswith("/coins/")
    buy(reader, browser, "pouch")
    wait_until(lambda: " 100 " in browser.get(f"{reader.app}/", timeout=30).text, reader.log)
    home = browser.get(f"{reader.app}/", timeout=30).text
    double = hint_form(home)
    answers = [browser.post(f"{reader.app}/hint", data=double, timeout=30).text for _ in range(2)]
    assert all(" 80 " in answer for answer in answers)
    assert re.search(r"ada .*100", reader.log())

    shown = [code for language, code in blocks[starting + 1 :] if language == "text"]
    for language, code in blocks[starting + 1 :]:
        if language != "text":
            reader.save(code) if language == "python" else reader.run(code)
    assert shown
    # Log lines stand in between.
    for line in "".join(shown).splitlines():
        assert line in "".join(reader.said).splitlines()
