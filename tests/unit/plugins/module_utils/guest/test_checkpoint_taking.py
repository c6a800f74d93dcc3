# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest is saved with its disks of the same moment, or not at all; and it always goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints import taking
from ansible_collections.apiary.bhyve.plugins.module_utils.guest.checkpoints.taking import Job, take
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host, Result

MEMORY = 1 << 16
META = json.dumps(
    {
        "basic metadata": {"ncpus": 1, "vmname": "web1", "memsize": MEMORY, "memflags": 0},
        "structs": [{"debug_name": "vm", "size": 100, "file_offset": 0}],
        "devices": [],
    }
)


class Bhyve(Host):
    """A host with one guest whose bhyve is a real process, which does nothing; its files are written by the test.

    ``saves`` is what becomes of them when bhyve is asked, ``goes_on`` when it goes on after it was stopped. Of the real
    process it matters that it stops, goes on, and ends.
    """

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self.asked = 0
        self.signals: List[int] = []
        self.snapshots: List[str] = []
        self.saves: Callable[[int], None] = self.begin
        self.goes_on: Callable[[], None] = self.end
        self.log = Path(job.directory).parent.parent / "web1.log"
        self.at_snapshot: Callable[[], None] = lambda: None

    def write_meta(self, text: str) -> None:
        Path(f"{self.job.ram}.meta").write_text(text, encoding="ascii")

    def begin(self, _number: int) -> None:
        """The guest is paused, and a part of its memory is written."""
        Path(self.job.ram).write_bytes(b"m" * 4096)
        Path(f"{self.job.ram}.kern").write_bytes(b"")
        self.write_meta("")

    def end(self) -> None:
        Path(self.job.ram).write_bytes(b"m" * MEMORY)
        Path(f"{self.job.ram}.kern").write_bytes(b"k" * 100)
        self.write_meta(META)

    def at_once(self, number: int) -> None:
        self.begin(number)
        self.end()

    def run(self, argv: Sequence[str], **options: Any) -> Result:
        if argv[0] == "bhyvectl":
            assert list(argv) == ["bhyvectl", "--vm=web1", f"--checkpoint={self.job.ram}"]
            self.asked += 1
            self.saves(self.asked)
            return Result(tuple(argv), 64, "", "")
        if argv[0] == "zfs":
            verb, name = argv[1], argv[-1]
            if verb == "snapshot":
                assert self.state().startswith("T"), "the guest stands still"
                self.snapshots.append(name)
                self.at_snapshot()
            else:
                self.snapshots.remove(name)
            return Result(tuple(argv), 0, "", "")
        assert argv[0] == "ps"
        return Result(tuple(argv), 0, f"{self.state()}\n", "")

    def die(self) -> None:
        os.kill(self.job.pid, signal.SIGKILL)
        os.waitpid(self.job.pid, 0)

    def state(self) -> str:
        with open(f"/proc/{self.job.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(") ")[2][0]

    def signal(self, pid: int, number: int) -> bool:
        self.signals.append(number)
        there = super().signal(pid, number)
        if number == signal.SIGCONT and there:
            self.goes_on()
        return there


@pytest.fixture
def bhyve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bhyve]:
    """A guest that runs, with a log, and no patience."""
    monkeypatch.setattr(taking, "guest_log", lambda name: str(tmp_path / f"{name}.log"))
    for name in ("_BEGIN_TIMEOUT", "_STALL_TIMEOUT", "_STOP_TIMEOUT"):
        monkeypatch.setattr(taking, name, 0.3)
    monkeypatch.setattr(taking, "_STALL", 0.05)
    process = subprocess.Popen(["sleep", "600"])
    job = Job("web1", process.pid, MEMORY, 1, str(tmp_path / "checkpoints" / ".partial-a"), "z/web1", "checkpoint-a")
    try:
        yield Bhyve(job)
    finally:
        process.kill()
        process.wait()


def stands(bhyve: Bhyve) -> bool:
    return os.path.exists(f"/proc/{bhyve.job.pid}") and bhyve.state() == "T"


def test_the_disks_are_of_the_moment_at_which_the_guest_stood_still(bhyve: Bhyve) -> None:
    take(bhyve, bhyve.job)
    assert bhyve.snapshots == ["z/web1@checkpoint-a"]
    assert [number for number in bhyve.signals if number] == [signal.SIGSTOP, signal.SIGCONT]
    assert not stands(bhyve) and sorted(os.listdir(bhyve.job.directory)) == ["ram", "ram.kern", "ram.meta"]


def test_without_disks_nobody_is_stopped(bhyve: Bhyve) -> None:
    bhyve.saves = bhyve.at_once
    take(bhyve, Job("web1", bhyve.job.pid, MEMORY, 1, bhyve.job.directory))
    assert bhyve.snapshots == [] and not any(bhyve.signals)


def test_a_guest_that_may_have_run_on_is_saved_again(bhyve: Bhyve) -> None:
    bhyve.saves = lambda number: bhyve.begin(number) if number == 3 else bhyve.at_once(number)
    take(bhyve, bhyve.job)
    assert bhyve.asked == 3 and bhyve.snapshots == ["z/web1@checkpoint-a"] and not stands(bhyve)


def test_a_snapshot_that_may_be_of_later_goes(bhyve: Bhyve) -> None:
    bhyve.at_snapshot = lambda: bhyve.write_meta(META) if bhyve.asked == 1 else None
    take(bhyve, bhyve.job)
    assert bhyve.asked == 2 and bhyve.snapshots == ["z/web1@checkpoint-a"]


def test_there_is_an_end_to_trying(bhyve: Bhyve) -> None:
    bhyve.saves = bhyve.at_once
    with pytest.raises(ApiaryError, match="5 times its memory was saved faster .*disks: false"):
        take(bhyve, bhyve.job)
    assert bhyve.snapshots == [] and not stands(bhyve)


def refuse() -> None:
    raise CommandError("cannot take the snapshot", ["zfs"], 1, stderr="out of space")


def complain(bhyve: Bhyve) -> Callable[[int], None]:
    def saves(number: int) -> None:
        bhyve.begin(number)
        log = bhyve.log
        log.write_text("pci_snapshot: no such name: fbuf\nFailed to snapshot device state.\n", encoding="ascii")

    return saves


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda one: {"at_snapshot": refuse}, "out of space"),
        (lambda one: {"saves": lambda number: None}, "wrote nothing within"),
        (lambda one: {"goes_on": lambda: None}, "written nothing more for"),
        (lambda one: {"saves": complain(one), "goes_on": lambda: None}, "could not save it: Failed to snapshot device"),
        (lambda one: {"goes_on": lambda: (one.end(), one.write_meta("[]"))}, "written nothing more for"),
        (
            lambda one: {"goes_on": lambda: (one.end(), one.write_meta(META.replace("web1", "db1")))},
            "is not this guest: bhyve's metadata name guest db1",
        ),
        (lambda one: {"at_snapshot": one.die, "goes_on": lambda: None}, "ended while it was being saved"),
    ],
)
def test_whatever_fails_the_guest_goes_on_and_no_snapshot_is_left(
    bhyve: Bhyve, prepare: Callable[[Bhyve], Dict[str, Any]], text: str
) -> None:
    for name, value in prepare(bhyve).items():
        setattr(bhyve, name, value)
    with pytest.raises(ApiaryError, match=text):
        take(bhyve, bhyve.job)
    assert bhyve.snapshots == [] and not stands(bhyve)


def test_no_space_in_the_middle_is_told_as_that(bhyve: Bhyve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "free_space", lambda _directory: 100)
    bhyve.goes_on = lambda: None
    with pytest.raises(ApiaryError, match=f"no space left in .*: 4096 of {MEMORY} bytes of its memory were written"):
        take(bhyve, bhyve.job)


def test_a_guest_goes_on_even_if_nobody_is_left_to_tell_it(bhyve: Bhyve) -> None:
    child = os.fork()
    if not child:
        with taking._guarded(Host(), bhyve.job.pid):
            os.kill(bhyve.job.pid, signal.SIGSTOP)
            while not stands(bhyve):
                pass
            os._exit(7)  # without another word, as one that was killed
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    deadline = time.monotonic() + 10
    while stands(bhyve):
        assert time.monotonic() < deadline
