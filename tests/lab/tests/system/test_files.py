# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fstat(1), sockstat(1), mount(8), newsyslog(8), logger(1), nc(1)."""

from __future__ import annotations

import pytest
from polls import until
from standin.host import StandinHost

_HOLDER = """\
import sys, time
sys.path.insert(0, "/.standin/lib")
from standin import notes
notes.set_title("bhyve: web1", comm="bhyve")
notes.note_open("tap1000", "rw")
held = open("/root/disk.img", "r+b")
print("ready", flush=True)
time.sleep(60)
"""


def test_fstat_tells_what_a_process_noted_and_what_it_really_has_open(host: StandinHost) -> None:
    host.write("/tmp/holder.py", _HOLDER)
    host.sh("mkdir -p /dev; : > /dev/tap1000; printf 0123456789 > /root/disk.img", check=True)
    host.sh("/.linux/usr/bin/python3 -IS /tmp/holder.py > /tmp/held 2>&1 & echo $! > /tmp/holder.pid", check=True)
    host.sh("until grep -q ready /tmp/held; do sleep 0.1; done", check=True, timeout=20)
    try:
        pid = host.read("/tmp/holder.pid").strip()
        rows = [line.split() for line in host.run(["fstat", "-p", pid]).stdout.splitlines()]
        assert rows[0] == ["USER", "CMD", "PID", "FD", "MOUNT", "INUM", "MODE", "SZ|DV", "R/W"]
        tap = next(row for row in rows if row[7:8] == ["tap1000"])
        assert (tap[4], tap[8]) == ("/dev", "rw")
        assert [row[8] for row in rows if row[7:8] == ["10"]] == ["rw"]
        named = host.run(["fstat", "/root/disk.img"]).stdout.splitlines()
        assert len(named) == 2 and named[1].split()[1:3] == ["bhyve", pid] and named[1].endswith(" /root/disk.img")
    finally:
        host.sh("kill $(cat /tmp/holder.pid); rm /dev/tap1000")


def test_fstat_of_a_missing_file(host: StandinHost) -> None:
    done = host.run(["fstat", "/nosuch"])
    assert (done.returncode, done.stderr) == (1, "fstat: /nosuch: No such file or directory\n")


def test_sockstat_and_nc_see_who_listens(host: StandinHost) -> None:
    host.sh("service sshd onestop; service sshd onestart", check=True)
    rows = [line.split() for line in host.run(["sockstat", "-4l", "-P", "tcp"]).stdout.splitlines()]
    assert ["sshd", "tcp4", "*:22", "*:*"] in [[row[1], *row[4:]] for row in rows[1:]]
    assert host.run(["nc", "-z", "-w", "1", "127.0.0.1", "22"]).returncode == 0
    host.sh("service sshd onestop", check=True)
    assert host.run(["nc", "-z", "-w", "1", "127.0.0.1", "22"]).returncode == 1
    assert host.run(["sockstat", "-4l"]).stdout.count("sshd") == 0


def test_mount_lists_the_root_first(host: StandinHost) -> None:
    lines = host.run(["mount", "-p"]).stdout.splitlines()
    assert lines[0].split() == ["zroot/ROOT/default", "/", "zfs", "rw,noatime,nfsv4acls", "0", "0"]
    assert lines[1] == "devfs\t\t\t/dev\t\t\tdevfs\trw\t\t0 0"


def test_message_goes_where_syslog_conf_says(host: StandinHost) -> None:
    host.sh("logger -t apiary -p daemon.notice 'guest web1 started'", check=True)
    assert until(lambda: "guest web1 started" in host.read("/var/log/messages"))
    line = next(line for line in host.read("/var/log/messages").splitlines() if "web1 started" in line)
    assert " sys1 apiary[" in line


def test_newsyslog_turns_over_what_is_too_big(host: StandinHost) -> None:
    host.write("/usr/local/etc/newsyslog.conf.d/apiary.conf", "/var/log/apiary/*.log root:wheel 600 2 20 * GBN\n")
    host.sh("rm -rf /var/log/apiary; mkdir -p /var/log/apiary", check=True)
    host.sh("cd /var/log/apiary; dd if=/dev/zero of=web1.log bs=4096 count=16; echo small > web2.log", check=True)
    host.run(["newsyslog"], check=True)
    listed = host.sh("cd /var/log/apiary; ls; stat -f %Lp:%z web1.log").stdout.split()
    assert listed == ["web1.log", "web1.log.0", "web2.log", "600:0"]
    host.sh("newsyslog -F; newsyslog -F; newsyslog -F", check=True)
    assert host.sh("ls /var/log/apiary | grep -c web1").stdout.strip() == "3"


@pytest.mark.parametrize("flag", ["Q", "8"])
def test_newsyslog_refuses_a_flag_that_it_does_not_know(host: StandinHost, flag: str) -> None:
    host.write("/tmp/bad.conf", f"/var/log/x 600 2 1 * G{flag}x\n")
    assert host.run(["newsyslog", "-f", "/tmp/bad.conf"]).returncode == 1
