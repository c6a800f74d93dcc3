# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of a host look like: titles, open files, and a PID that was used again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from standin.base import LIBRARY
from standin.host import StandinHost
from standin.notes import stat_fields
from standin.processes import visible_argv

NOTE = """
import sys
from standin import processes
processes.set_title("bhyve: web1", comm="bhyve")
processes.note_open("tap1000", "rw")
processes.note_open("zvol/zroot/web1/root", "rw")
processes.note_closed("tap1000")
print("ready", flush=True)
sys.stdin.read()
"""
TABLE = """
import json, sys
from standin import processes
print(json.dumps([p._asdict() for p in processes.table() if p.pid == int(sys.argv[1])]))
"""


def environment(directory: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": LIBRARY, "STANDIN_STATE": str(directory)}


def table_entry(directory: Path, pid: int) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", TABLE, str(pid)],
        env=environment(directory),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return found[0] if found else None


@pytest.fixture
def noting(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", NOTE]
    process = subprocess.Popen(command, env=environment(tmp_path), stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_a_title_and_open_files_are_seen_by_others(tmp_path: Path, noting: subprocess.Popen[str]) -> None:
    entry = table_entry(tmp_path, noting.pid)
    assert (entry["argv"], entry["titled"], entry["comm"]) == (["bhyve: web1"], True, "bhyve")
    assert entry["opened"] == [["zvol/zroot/web1/root", "rw"]]


def test_a_note_of_an_earlier_process_with_the_same_pid_does_not_count(
    tmp_path: Path, noting: subprocess.Popen[str]
) -> None:
    path = tmp_path / "kernel" / "proc" / str(noting.pid)
    note = json.loads(path.read_text())
    path.write_text(json.dumps({**note, "ticks": note["ticks"] - 1}))
    entry = table_entry(tmp_path, noting.pid)
    assert (entry["titled"], entry["opened"]) == (False, [])


def test_a_process_that_ended_is_not_in_the_table(tmp_path: Path, noting: subprocess.Popen[str]) -> None:
    noting.kill()
    noting.wait()
    assert table_entry(tmp_path, noting.pid) is None
    assert stat_fields(str(noting.pid)) is None


def test_the_launcher_is_not_shown() -> None:
    assert visible_argv(["/.linux/usr/bin/python3", "-IS", "/usr/sbin/daemon", "-f", "x"]) == ("daemon", "-f", "x")
    assert visible_argv(["sleep", "3"]) == ("sleep", "3")


@pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")
def test_in_a_host_init_is_process_one_and_nothing_of_the_lab_is_seen(tmp_path: Path) -> None:
    host = StandinHost("hive1", str(tmp_path / "hive1"))
    try:
        host.up(rc=False)
        lines = host.sh("sleep 30 & ps -axo pid,comm,command").stdout.splitlines()
    finally:
        host.destroy()
    assert lines[1].split() == ["1", "init", "/sbin/init"]
    assert ["sleep", "sleep", "30"] in [line.split()[1:] for line in lines]
    assert not [line for line in lines if "python" in line or ".linux" in line or "nsenter" in line]
