# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who and where: arch, getconf, getent, groups, hostname, id, logname, pwd, tty, uname, uuidgen, which, whoami."""

from __future__ import annotations

import os
import sys

from .options import Options, UsageError, fail
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import List

_UNAME_ORDER = "snrvmpiKU"


def _uname(name: str, options: Options, operands: List[str]) -> int:
    import socket

    if operands:
        raise UsageError(_UNAME, 1)
    from .. import state

    host = state.peek("disk", "host")
    values = {
        "s": "FreeBSD",
        "n": socket.gethostname(),
        "r": host["release"],
        "v": host["version"],
        "m": host["machine"],
        "p": {"arm64": "aarch64"}.get(host["machine"], host["machine"]),
        "i": "GENERIC",
        "K": str(host["osreldate"]),
        "U": str(host["osreldate"]),
    }
    wanted = set()
    for letter, _unused in options or [("s", "")]:
        wanted |= set("snrvm") if letter == "a" else {"s" if letter == "o" else letter}
    print(" ".join(values[letter] for letter in _UNAME_ORDER if letter in wanted))
    return 0


def _hostname(name: str, options: Options, operands: List[str]) -> int:
    import socket

    letters = {letter for letter, _unused in options}
    if len(operands) > 1:
        raise UsageError(_HOSTNAME, 1)
    if operands:
        socket.sethostname(operands[0])
        return 0
    host, _unused, domain = socket.gethostname().partition(".")
    print(host if "s" in letters else domain if "d" in letters else socket.gethostname())
    return 0


def _id(name: str, options: Options, operands: List[str]) -> int:
    import pwd

    letters = {letter for letter, _unused in options}
    if operands:
        try:
            entry = pwd.getpwuid(int(operands[0])) if operands[0].isdigit() else pwd.getpwnam(operands[0])
        except KeyError:
            fail("id", f"{operands[0]}: no such user")
        user, group = entry.pw_uid, entry.pw_gid
    else:
        user, group = os.geteuid(), os.getegid()
    groups = _groups_of(user, group)
    by_name = "n" in letters
    if "u" in letters:
        print(_user_name(user) if by_name else user)
    elif "g" in letters:
        print(_group_name(group) if by_name else group)
    elif "G" in letters:
        print(" ".join(_group_name(gid) if by_name else str(gid) for gid in groups))
    elif "p" in letters:
        print(f"uid\t{_user_name(user)}\ngroups\t" + " ".join(_group_name(gid) for gid in groups))
    else:
        print(
            f"uid={user}({_user_name(user)}) gid={group}({_group_name(group)}) groups="
            + ",".join(f"{gid}({_group_name(gid)})" for gid in groups)
        )
    return 0


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _groups_of(uid: int, gid: int) -> List[int]:
    import grp

    name = _user_name(uid)
    return list(dict.fromkeys([gid, *(entry.gr_gid for entry in grp.getgrall() if name in entry.gr_mem)]))


def _groups(name: str, options: Options, operands: List[str]) -> int:
    return _id("id", [("G", ""), ("n", "")], operands)


def _whoami(name: str, options: Options, operands: List[str]) -> int:
    print(_user_name(os.geteuid()))
    return 0


def _logname(name: str, options: Options, operands: List[str]) -> int:
    print(_user_name(os.getuid()))
    return 0


def _tty(name: str, options: Options, operands: List[str]) -> int:
    silent = any(letter == "s" for letter, _unused in options)
    try:
        text, status = os.ttyname(0), 0
    except OSError:
        text, status = "not a tty", 1
    if not silent:
        print(text)
    return status


def _which(name: str, options: Options, operands: List[str]) -> int:
    letters = {letter for letter, _unused in options}
    status = 0
    for program in operands:
        found = False
        folders = [""] if "/" in program else os.environ.get("PATH", "").split(":")
        for folder in folders:
            path = os.path.join(folder or ".", program) if "/" not in program else program
            if os.path.isfile(path) and os.access(path, os.X_OK):
                found = True
                if "s" not in letters:
                    print(path)
                if "a" not in letters:
                    break
        status |= not found
    return status


def _getent(name: str, options: Options, operands: List[str]) -> int:
    files = {"passwd": "/etc/passwd", "group": "/etc/group", "hosts": "/etc/hosts", "shells": "/etc/shells"}
    database, keys = operands[0], operands[1:]
    if database not in files:
        if database in ("ethers", "netgroup", "networks", "protocols", "rpc", "services", "utmpx"):
            sys.stderr.write(f"STANDIN: getent: {database} is not built\n")
            return 99
        raise UsageError(f"Unknown database: {database}\n{_GETENT}", 1)
    with open(files[database], encoding="utf-8") as stream:
        lines = [line.rstrip("\n") for line in stream if line.strip() and not line.startswith("#")]
    if not keys:
        print("\n".join(lines))
        return 0
    status = 0
    for key in keys:
        matches = [line for line in lines if key in _keys(database, line)]
        if database == "hosts" and not matches:
            matches = _looked_up(key)
        for line in matches[:1]:
            print(line)
        status = status if matches else 2
    return status


def _looked_up(name: str) -> List[str]:
    """What the name servers of resolv.conf(5) know of a name."""
    import socket

    try:
        canonical, _aliases, addresses = socket.gethostbyname_ex(name)
    except OSError:
        return []
    return [f"{addresses[0]:<16}  {canonical}"]


def _keys(database: str, line: str) -> List[str]:
    if database == "hosts":
        return line.split()
    fields = line.split(":")
    return [fields[0], fields[2]] if len(fields) > 2 else fields[:1]


def _getconf(name: str, options: Options, operands: List[str]) -> int:
    from .. import state

    host = state.peek("disk", "host")
    values = {
        "_NPROCESSORS_ONLN": host["cpus"],
        "NPROCESSORS_ONLN": host["cpus"],
        "_NPROCESSORS_CONF": host["cpus"],
        "NPROCESSORS_CONF": host["cpus"],
        "PAGE_SIZE": 4096,
        "PAGESIZE": 4096,
        "LONG_BIT": 64,
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    }
    if operands[0] not in values:
        fail("getconf", f"no such configuration parameter `{operands[0]}'", 64)
    print(values[operands[0]])
    return 0


def _uuidgen(name: str, options: Options, operands: List[str]) -> int:
    import uuid

    count = [int(value) for letter, value in options if letter == "n"]
    for _unused in range(count[-1] if count else 1):
        print(uuid.uuid1())
    return 0


def _pwd(name: str, options: Options, operands: List[str]) -> int:
    letters = [letter for letter, _unused in options]
    logical = os.environ.get("PWD", "")
    if letters[-1:] == ["L"] and logical.startswith("/") and os.path.exists(logical) and os.path.samefile(logical, "."):
        print(logical)
        return 0
    print(os.getcwd())
    return 0


_UNAME = "usage: uname [-abiKmnoprsUv]"
_HOSTNAME = "usage: hostname [-f] [-s | -d] [name-of-host]"
_GETENT = (
    "Usage: getent database [key ...]\n       database may be one of:\n"
    "\t ethers group hosts netgroup networks passwd protocols rpc services shells utmpx"
)
_ID = """usage: id [user]
       id -G [-n] [user]
       id -g [-nr] [user]
       id -p [user]
       id -u [-nr] [user]"""

TOOLS = {
    "getconf": Tool(_getconf, "av:", "usage: getconf -a [pathname]", 64, unbuilt="av", operands=1),
    "getent": Tool(_getent, None, _GETENT, operands=1),
    "groups": Tool(_groups, "", "usage: groups [user]"),
    "hostname": Tool(_hostname, "fsd", _HOSTNAME),
    "id": Tool(_id, "APGMacgnpru", _ID, unbuilt="APMac"),
    "logname": Tool(_logname, "", "usage: logname"),
    "pwd": Tool(_pwd, "LP", "usage: pwd [-L | -P]"),
    "tty": Tool(_tty, "s", "usage: tty [-s]", 2),
    "uname": Tool(_uname, "abiKmnoprsUv", _UNAME, unbuilt="b"),
    "uuidgen": Tool(_uuidgen, "1n:o:", "usage: uuidgen [-1] [-n count] [-o filename]", unbuilt="o"),
    "which": Tool(_which, "as", "usage: which [-as] program ...", operands=1),
    "whoami": Tool(_whoami, "", "usage: whoami"),
}
