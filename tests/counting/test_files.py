"""Counting in files: nothing is lost or counted twice, whatever ends when."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coinpurse.counting import Folder

PROGRAM = """
import sys, pathlib
from coinpurse.counting import Folder, counts, keep_in
keep_in(Folder(pathlib.Path(sys.argv[1])))
for amount in sys.argv[2:]:
    counts().operations["usage"].inc(int(amount))
    counts().paid_to_spendable.observe(float(amount))
print("counted", flush=True)
sys.stdin.read()
"""


@contextmanager
def counting(folder: Path, *amounts: int) -> Iterator[subprocess.Popen[str]]:
    """A process that counts, and goes on living until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), *map(str, amounts)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdin.close()
        process.stdout.close()


def sums(folder: Path) -> tuple[float, float, float]:
    """Operations, seconds, and how often seconds were at most five."""
    found = {
        (sample.name, sample.labels.get("type", sample.labels.get("le"))): sample.value
        for metric in Folder(folder).collect()
        for sample in metric.samples
    }
    name = "coinpurse_paid_to_spendable_seconds"
    return (
        found["coinpurse_ledger_operations_total", "usage"],
        found[f"{name}_sum", None],
        found[f"{name}_bucket", "5.0"],
    )


def test_processes_are_added_up_and_those_that_ended_stay_counted(tmp_path: Path) -> None:
    with counting(tmp_path, 1, 2):
        with counting(tmp_path, 30):
            assert sums(tmp_path) == (33, 33, 2)
        assert sums(tmp_path) == (33, 33, 2)
        Folder(tmp_path).gather()
        assert sums(tmp_path) == (33, 33, 2)
        with counting(tmp_path, 4):
            assert sums(tmp_path) == (37, 37, 3)
    Folder(tmp_path).gather()

    assert sums(tmp_path) == (37, 37, 3)
    assert {path.name for path in tmp_path.iterdir()} == {
        "lock", "counter_ended.db", "histogram_ended.db",
    }  # fmt: skip


@pytest.mark.parametrize("steps", range(1, 12))
def test_gathering_that_is_interrupted_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    with counting(tmp_path, 1), counting(tmp_path, 2):
        pass
    done = []

    class Interrupted(Exception):
        pass

    def counted(change: object) -> object:
        def stop_at_last(*arguments: object, **more: object) -> object:
            done.append(change)
            if len(done) == steps:
                raise Interrupted
            return change(*arguments, **more)  # type: ignore[operator]

        return stop_at_last

    with monkeypatch.context() as patched:
        for name in ("rename", "unlink", "write_text"):
            patched.setattr(Path, name, counted(getattr(Path, name)))
        try:
            Folder(tmp_path).gather()
        except Interrupted:
            pass
        else:
            pytest.fail("it has fewer steps; lower the range")

    assert sums(tmp_path) == (3, 3, 2)
    Folder(tmp_path).gather()
    assert sums(tmp_path) == (3, 3, 2)


def test_a_file_in_pieces_is_left_out_and_the_others_are_counted(tmp_path: Path) -> None:
    with counting(tmp_path, 5):
        (tmp_path / "counter_1-broken.db").write_bytes(os.urandom(4096))
        (tmp_path / "histogram_1-new.db").touch()

        assert sums(tmp_path) == (5, 5, 1)


ON_A_FULL_DISK = """
import sys, pathlib
from coinpurse.counting import Folder, counts, keep_in
disk = pathlib.Path(sys.argv[1])
if sys.argv[2] == "early":
    keep_in(Folder(disk / "counts"))
try:
    with open(disk / "full", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
except OSError:
    pass
if sys.argv[2] == "late":
    keep_in(Folder(disk / "counts"))
for number in range(3000):
    counts().requests["GET", f"/{number}", "200"].inc()
try:
    Folder(disk / "counts").gather()
except OSError:
    pass
print(counts().requests["GET", "/2999", "200"]._value.get())
"""


@pytest.mark.parametrize("beginning", ["early", "late"])
def test_a_full_disk_ends_no_process_that_counts(tmp_path: Path, beginning: str) -> None:
    """Writing into the hole of a mapped file is a bus error then."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not there to make a small disk with")
    mount = f"mount -t tmpfs -o size=400k none {tmp_path}"
    disk = ("unshare", "--map-root-user", "--mount", "sh", "-c")
    if subprocess.run([*disk, mount], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody make a small disk")

    done = subprocess.run(
        [*disk, f'{mount} && "$0" -c "$1" {tmp_path} {beginning}', sys.executable, ON_A_FULL_DISK],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["1.0"]), done.stderr


def test_a_folder_that_cannot_be_used_leaves_the_counts_in_memory(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    program = limited + PROGRAM.replace(
        "sys.stdin.read()", "print(counts().operations['usage']._value.get())"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), "3"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert done.stdout.splitlines()[-1] == "3.0"
    assert "metrics.not_shared" in done.stdout + done.stderr


def test_a_plan_that_cannot_be_read_keeps_no_process_from_counting(tmp_path: Path) -> None:
    with counting(tmp_path, 1):
        pass
    (tmp_path / "gathering.json").write_bytes(b"")

    Folder(tmp_path).gather()

    with counting(tmp_path, 2):
        assert sums(tmp_path) == (3, 3, 2)
