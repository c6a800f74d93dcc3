# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ps(1), pgrep(1): who runs, under which name."""

from __future__ import annotations

import re
from typing import Iterator

import pytest
from standin.host import StandinHost

_TITLED = """\
import sys, time
sys.path.insert(0, "/.standin/lib")
from standin import notes
notes.set_title("bhyve: web1", comm="bhyve")
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def titled(host: StandinHost) -> Iterator[str]:
    """A process with a title of its own; its pid."""
    host.write("/tmp/titled.py", _TITLED)
    host.sh("/.linux/usr/bin/python3 -IS /tmp/titled.py > /tmp/titled 2>&1 & echo $! > /tmp/titled.pid", check=True)
    host.sh("until grep -q ready /tmp/titled; do sleep 0.1; done", check=True, timeout=20)
    yield host.read("/tmp/titled.pid").strip()
    host.sh("kill $(cat /tmp/titled.pid)")


def test_title_has_the_programs_name_behind_it(host: StandinHost, titled: str) -> None:
    lines = host.run(["ps", "-axww", "-o", "pid,lstart,command"]).stdout.splitlines()
    assert lines[0].split() == ["PID", "STARTED", "COMMAND"]
    found = [line for line in lines if line.split()[0] == titled]
    assert re.fullmatch(rf" *{titled} \w{{3}} \w{{3}} [ \d]\d \d\d:\d\d:\d\d \d{{4}} bhyve: web1 \(bhyve\)", found[0])


def test_pgrep_sees_the_title_without_it(host: StandinHost, titled: str) -> None:
    assert host.run(["pgrep", "-fx", "bhyve: web1"]).stdout == titled + "\n"
    assert host.run(["pgrep", "-x", "bhyve"]).stdout == titled + "\n"
    assert host.run(["pgrep", "-fx", "bhyve: web"]).returncode == 1


def test_start_time_names_a_process_for_good(host: StandinHost, titled: str) -> None:
    first = host.run(["ps", "-o", "lstart=", "-p", titled]).stdout
    assert first == host.run(["ps", "-o", "lstart=", "-p", titled]).stdout
    assert len(first.rstrip("\n")) == 24


def test_unknown_pid_is_status_1_with_the_header(host: StandinHost) -> None:
    done = host.run(["ps", "-p", "99999"])
    assert (done.returncode, done.stdout) == (1, "PID TT  STAT TIME COMMAND\n")


def test_nothing_of_debian_shows(host: StandinHost) -> None:
    assert ".linux" not in host.run(["ps", "-axww"]).stdout


def test_pidfile_that_is_not_locked_is_refused_with_L(host: StandinHost, titled: str) -> None:
    done = host.run(["pgrep", "-L", "-F", "/tmp/titled.pid"])
    assert (done.returncode, done.stderr) == (3, "pgrep: File '/tmp/titled.pid' can be locked\n")
