# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""daemon(8): supervision, pidfiles, logs, and what is left when a part of it is killed."""

from __future__ import annotations

from typing import Iterator

import pytest
from polls import until
from standin.host import StandinHost


@pytest.fixture(autouse=True)
def _clean(host: StandinHost) -> Iterator[None]:
    yield
    host.sh("for f in /tmp/d.*.pid; do pkill -F $f; done; pkill -f 'sleep 60[0-9]'; rm -f /tmp/d.* /tmp/w.log")


def pid(host: StandinHost, path: str) -> str:
    return host.read(path)


def test_supervisor_shows_its_title_and_refuses_a_second(host: StandinHost) -> None:
    host.sh("daemon -r -f -P /tmp/d.s.pid -p /tmp/d.c.pid -t apiary:web1 sleep 600", check=True)
    child = pid(host, "/tmp/d.c.pid")
    shown = host.sh("ps -o command= -p $(cat /tmp/d.s.pid)").stdout
    assert shown == f"daemon: apiary:web1[{child}] (daemon)\n"
    again = host.sh("daemon -r -f -P /tmp/d.s.pid sleep 600")
    assert again.returncode == 3
    assert again.stderr == f"daemon: process already running, pid: {pid(host, '/tmp/d.s.pid')}\n"


def test_killed_child_comes_back_and_term_ends_both(host: StandinHost) -> None:
    host.sh("daemon -r -f -P /tmp/d.s.pid -p /tmp/d.c.pid sleep 600", check=True)
    first = pid(host, "/tmp/d.c.pid")
    host.sh("kill -9 $(cat /tmp/d.c.pid)", check=True)
    assert until(lambda: pid(host, "/tmp/d.c.pid") not in ("", first))
    supervisor = pid(host, "/tmp/d.s.pid")
    host.sh(f"kill {supervisor}; pwait -t 20 {supervisor}", check=True)
    assert host.sh("pgrep -f 'sleep 600'").returncode == 1
    assert not host.exists_in("/tmp/d.s.pid") and not host.exists_in("/tmp/d.c.pid")


def test_child_is_not_started_again_while_another_holds_its_output(host: StandinHost) -> None:
    """A guest that inherits the supervisor's output keeps daemon from starting a new supervisor."""
    host.write("/tmp/d.sup", "sleep 601 &\necho $! > /tmp/d.guest\necho started >> /tmp/w.log\nwait\n")
    host.sh("daemon -r -f -P /tmp/d.s.pid -p /tmp/d.c.pid -o /tmp/d.out sh /tmp/d.sup", check=True)
    assert until(lambda: host.exists_in("/tmp/w.log"))
    host.sh("child=$(cat /tmp/d.c.pid); kill -9 $child; pwait $child 2> /dev/null; sleep 2", check=True)
    assert host.read("/tmp/w.log") == "started\n"
    host.sh("kill $(cat /tmp/d.guest)", check=True)
    assert until(lambda: host.read("/tmp/w.log") == "started\nstarted\n")
    host.sh("pkill -f 'sleep 601'")


def test_killed_supervisor_leaves_its_child_and_a_free_pidfile(host: StandinHost) -> None:
    host.sh("daemon -r -f -P /tmp/d.s.pid -p /tmp/d.c.pid sleep 602", check=True)
    child = pid(host, "/tmp/d.c.pid")
    host.sh("p=$(cat /tmp/d.s.pid); kill -9 $p; pwait $p 2> /dev/null; true", check=True)
    assert host.sh(f"ps -o ppid= -o command= -p {child}").stdout.split(None, 1) == ["1", "sleep 602\n"]
    assert host.sh("daemon -r -f -P /tmp/d.s.pid -p /tmp/d.c.pid sleep 603").returncode == 0


def test_output_file_is_private_and_reopened_on_hangup(host: StandinHost) -> None:
    host.write("/tmp/d.say", "while :; do echo line; sleep 0.1; done\n")
    host.sh("daemon -f -H -P /tmp/d.s.pid -o /tmp/d.log sh /tmp/d.say", check=True)
    assert until(lambda: host.read("/tmp/d.log") != "")
    assert host.sh("stat -f %Lp /tmp/d.log").stdout == "600\n"
    host.sh("mv /tmp/d.log /tmp/d.log.0; kill -HUP $(cat /tmp/d.s.pid)", check=True)
    assert until(lambda: host.exists_in("/tmp/d.log") and host.read("/tmp/d.log") != "")


def test_unusable_pidfile_is_2(host: StandinHost) -> None:
    done = host.sh("daemon -p /nosuch/c.pid -f sleep 3")
    assert done.returncode == 2
    assert done.stderr == "daemon: pidfile ``/nosuch/c.pid'': No such file or directory\n"
