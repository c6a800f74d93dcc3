# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ps, fstat and sockstat as FreeBSD prints them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import UnknownState
from ansible_collections.apiary.bhyve.plugins.module_utils.processes import (
    Listener,
    OpenFile,
    Process,
    Socket,
    parse_fstat,
    parse_ps,
    parse_sockstat,
    parse_ssh_sockets,
)

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"

PS = """\
  PID STARTED                  COMMAND
    0 -                        [kernel]
 4340 Sat Nov 21 09:42:31 2026 bhyve: guest0 (bhyve)
14901 Sat Nov  7 08:59:59 2026 sleep 5
14902 Sat Nov 21 08:59:59 2026 -sh (sh)
14903 Sat Nov 21 08:59:59 2026 <defunct>
"""

FSTAT = """\
USER     CMD          PID   FD MOUNT      INUM MODE         SZ|DV R/W
root     bhyve       4340 text /          4249 -r-xr-xr-x  476160  r
root     bhyve       4340   wd /            18 drwxr-xr-x     512  r
root     bhyve       4340    0 /dev         26 crw-rw-rw-    null  r
root     bhyve       4340    1 /          6097 -rw-r--r--       0  w
root     bhyve       4340    3 /dev        113 crw-------  vmm/guest0 rw
root     bhyve       4340    4
root     bhyve       4340    5 /dev         57 crw-r-----  zvol/tank/vm/guest0 rw
root     bhyve       4340    6 /tank/bad name     61 -rw-------  1073741824 rw
root     bhyve       4340    8* local stream fffff80005ca9800
root     bhyve       4340   9* pipe fffff8001faa62e8 <-> fffff8001faa6448      0 rw
root     nginx: w     911   11* internet stream tcp fffff8000a1b2000
"""


def test_processes_are_known_by_pid_and_start() -> None:
    processes = parse_ps(PS)
    assert processes[1] == Process(4340, "Sat Nov 21 09:42:31 2026", "bhyve: guest0 (bhyve)")
    assert processes[2] == Process(14901, "Sat Nov  7 08:59:59 2026", "sleep 5")
    assert [process.command for process in processes[3:]] == ["-sh (sh)", "<defunct>"]
    assert processes[0] == Process(0, "-", "[kernel]")


@pytest.mark.parametrize("text", ["", "ps: illegal option\n", PS + "half a li", PS.replace("14902 Sat", "14902 Sam. ")])
def test_ps_output_that_cannot_be_read_is_unknown_not_empty(text: str) -> None:
    with pytest.raises(UnknownState, match="ps -axww"):
        parse_ps(text)


def test_devices_are_named_and_regular_files_known_by_file_system_and_inode() -> None:
    files = parse_fstat(FSTAT)
    assert OpenFile(4340, "bhyve", "/dev/zvol/tank/vm/guest0", "rw", "/dev", 57) in files
    assert OpenFile(4340, "bhyve", "", "rw", "/tank/bad name", 61) in files
    assert [file.name for file in files if file.name] == ["/dev/null", "/dev/vmm/guest0", "/dev/zvol/tank/vm/guest0"]


def test_sockets_and_pipes_are_no_open_files() -> None:
    assert {file.pid for file in parse_fstat(FSTAT)} == {4340}
    assert len(parse_fstat(FSTAT)) == 7


@pytest.mark.parametrize("text", ["", FSTAT + "root     bhyve"])
def test_fstat_output_that_cannot_be_read_is_unknown(text: str) -> None:
    with pytest.raises(UnknownState, match="fstat"):
        parse_fstat(text)


def test_listeners_of_the_recorded_host() -> None:
    text = (FIXTURES / "sockstat.txt").read_text()
    inet = "\n".join(
        line for line in text.splitlines() if " stream " not in line and "dgram" not in line and "seqpac" not in line
    )
    listeners = parse_sockstat(inet)
    assert Listener("sshd", 937, "tcp4", "*", 22) in listeners
    assert Listener("mount_nfs", 17502, "udp4", "*", 606) in listeners


def test_addresses_of_listeners() -> None:
    text = (
        "USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS      \n"
        "root     bhyve      1061  4   tcp4   127.0.0.1:5557        *:*\n"
        "root     sshd       937   3   tcp6   ::1:22                *:*\n"
        "?        ?          ?     ?   tcp4   *:*                   *:*\n"
    )
    assert parse_sockstat(text) == [
        Listener("bhyve", 1061, "tcp4", "127.0.0.1", 5557),
        Listener("sshd", 937, "tcp6", "::1", 22),
    ]


def test_the_addresses_by_which_somebody_is_connected() -> None:
    text = (
        "USER     COMMAND    PID   FD  PROTO  LOCAL ADDRESS         FOREIGN ADDRESS      \n"
        "root     sshd       1061  4   tcp4   192.0.2.10:22         192.0.2.1:50022\n"
        "admin    sshd-sessi 1062  4   tcp6   2001:db8::10:22       2001:db8::1:50023\n"
        "root     sendmail   1063  4   tcp4   192.0.2.11:25         192.0.2.1:50024\n"
    )
    assert parse_ssh_sockets(text) == {Socket("192.0.2.10", 22), Socket("2001:db8::10", 22)}


@pytest.mark.parametrize("text", ["", "sockstat: unknown\n", "USER COMMAND PID FD PROTO\nroot bhyve 10\n"])
def test_sockstat_output_that_cannot_be_read_is_unknown(text: str) -> None:
    with pytest.raises(UnknownState, match="sockstat"):
        parse_sockstat(text)
