"""`coinpurse demo` where it may not write, and where nothing more fits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.test_demo import SET_ASIDE, free_port

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("unshare") is None,
        reason="mounting a disk that is full or read-only needs root and unshare",
    ),
]


def demo_on(options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a demo whose data are on a disk of their own, mounted for it alone."""
    (folder / ".coinpurse").mkdir()
    mounting = f'mount -t tmpfs -o {options} tmpfs .coinpurse && exec "$@"'
    ports = ("--port", str(free_port()), "--sandbox-port", str(free_port()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SET_ASIDE)}
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", mounting, "sh", *(sys.executable, "-m", "coinpurse", "demo"), *ports],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [("ro", "Read-only file system"), ("size=4m", "no space left on device")],
    ids=["read-only", "full"],
)
def test_a_disk_that_takes_nothing_is_named_with_the_mend(
    tmp_path: Path, options: str, said: str
) -> None:
    ended = demo_on(options, tmp_path)

    assert ended.returncode == 2, ended
    assert str(tmp_path / ".coinpurse") in ended.stderr.replace("\n", "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
