# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""valectl(8): lists the ports of VALE switches (and exits 1 for it), attaches and detaches interfaces.

Polling is refused as adapters without netmap support refuse it; for the others it is not built.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from typing import Callable, Dict, Optional, Sequence

from ..ifnet import vale
from ..ifnet.errors import NotBuilt, Refused, strerror
from ..ifnet.store import network
from ..system import cli

PATHS = ("/usr/sbin/valectl",)

_USAGE = """\
Usage:
vale-ctl [arguments]
\t-g interface\tinterface name to get info
\t-d interface\tinterface name to be detached
\t-a interface\tinterface name to be attached
\t-h interface\tinterface name to be attached with the host stack
\t-n interface\tinterface name to be created
\t-r interface\tinterface name to be deleted
\t-l vale-port\tshow bridge and port indices
\t-C string ring/slot setting of an interface creating by -n
\t-p interface start polling. Additional -C x,y,z configures
\t\t x: 0 (REG_ALL_NIC) or 1 (REG_ONE_NIC),
\t\t y: CPU core id for ALL_NIC and core/ring for ONE_NIC
\t\t z: (ONE_NIC only) num of total cores/rings
\t-P interface stop polling
\t-m memid to use when creating a new interface
\t-v increase verbosity
with no arguments: list all existing vale ports
"""
_ACTIONS = {
    "d": "detach",
    "a": "attach",
    "h": "attach",
    "g": "obtain info for",
    "l": "list",
    "n": "create",
    "r": "remove",
    "p": "enable polling on",
    "P": "disable polling on",
}
_NAME_MAX = 15
_SLOTS = 1024
#: Bytes of netmap's own memory, of that of an interface's own, and of a slot of the latter.
_GLOBAL, _OWN, _SLOT = 343019520, 425984, 40960


def _usage() -> int:
    sys.stderr.write(_USAGE)
    return 1


def _parse(argv: Sequence[str]) -> Optional[Dict[str, str]]:
    """The options; of those that say what to do the last one counts. None when they are wrong, which was said."""
    try:
        options, words = cli.getopt(argv, "d:a:h:g:l:n:r:C:p:P:m:v")
    except cli.OptionError as error:
        print(f"valectl: {error}", file=sys.stderr)
        print("bad option ? (null)", end="", file=sys.stderr)
        return None
    given: Dict[str, str] = {}
    for letter, value in options:
        if letter == "l" and not value.startswith("vale"):
            print(f"invalid vale port name: '{value}'", file=sys.stderr)
            return None
        if letter in _ACTIONS:
            given.update(action=letter, name=value)
        else:
            given[letter] = value
    return None if words or ("action" not in given and len(argv) > 1) else given


def main(argv: Sequence[str]) -> int:
    given = _parse(argv)
    if given is None:
        return _usage()
    if os.geteuid() != 0:
        print("/dev/netmap: Permission denied", file=sys.stderr)
        return 1
    action, name = given.get("action", ""), given.get("name", "")
    with network() as net, vale.switches(net) as switches:
        if not action:
            for port in switches.listed():
                print(f"{port.name} bridge_idx {port.bridge} port_idx {port.port}")
            # So does FreeBSD's, whether there is any or not.
            return 1
        try:
            _DO[action](switches, name, given)
        except Refused as refusal:
            print(f"failed to {_ACTIONS[action]} {name}: {strerror(refusal.code)}", file=sys.stderr)
            return 1
        except NotBuilt as missing:
            cli.not_built("valectl", str(missing))
    return 0


def _attach(switches: vale.Switches, name: str, given: Dict[str, str]) -> None:
    if "C" in given or "m" in given:
        cli.not_built("valectl", "-C or -m with -a or -h")
    number = switches.attach(name, host=given["action"] == "h")
    if "v" in given:
        print(f"port_index: {number}")


def _detach(switches: vale.Switches, name: str, given: Dict[str, str]) -> None:
    number = switches.detach(name)
    if "v" in given:
        print(f"port_index: {number}")


def _list(switches: vale.Switches, name: str, given: Dict[str, str]) -> None:
    found = switches.find(name)
    if found is None:
        raise Refused(errno.ENOENT)
    print(f"bridge_idx: {found.bridge}\nport_idx:   {found.port}")


def _info(switches: vale.Switches, name: str, given: Dict[str, str]) -> None:
    rest = name.partition(":")[2] if name.startswith("vale") and ":" in name else name
    interface = switches.net.find(rest)
    if interface is None and rest == name:
        raise Refused(errno.ENXIO)
    slots, size, memory = _SLOTS, _GLOBAL, 1
    if interface is None or interface["driver"] == vale.DRIVER:
        slots = _SLOTS if interface is None else interface["slots"]
        size, memory = _OWN + slots * _SLOT, 2
    print(f"memsize:    {size}\ntx_slots:   {slots}\nrx_slots:   {slots}\ntx_rings:   1\nrx_rings    1")
    print(f"mem_id:     {memory}")


def _create(switches: vale.Switches, name: str, given: Dict[str, str]) -> None:
    if len(name) > _NAME_MAX or name.startswith("vale"):
        raise Refused(errno.EINVAL)
    sizes = given.get("C", "").split(",") if given.get("C") else []
    if not all(re.fullmatch(r"[0-9]+", size) for size in sizes):
        cli.not_built("valectl", f"-C {given['C']}")
    if switches.net.find(name) is not None:
        raise Refused(errno.EEXIST)
    if given.get("m", "0") not in ("0", "1"):
        raise Refused(errno.EINVAL)
    if len(set(sizes[:2])) > 1 or sizes[2:]:
        cli.not_built("valectl", f"-C {given['C']}")
    ether = f"00:be:{os.urandom(1).hex()}:{os.urandom(1).hex()}:ff:00"
    switches.net.attach(name, vale.DRIVER, 0, ether)["slots"] = int(sizes[0]) if sizes else _SLOTS


def _remove(switches: vale.Switches, name: str, given: Dict[str, str]) -> None:
    interface = switches.net.get(name)
    if interface["driver"] != vale.DRIVER:
        raise Refused(errno.EINVAL)
    if any(port.name.partition(":")[2] == name for port in switches.listed()):
        raise Refused(errno.EBUSY)
    switches.net.detach(interface)


def _poll(switches: vale.Switches, name: str, given: Dict[str, str]) -> None:
    numbers = [cli.strtol(word)[0] for word in given.get("C", "").split(",") if word]
    many = bool(numbers) and numbers[0] != 0
    if not numbers:
        print("invalid null/empty config", file=sys.stderr)
    elif len(numbers) > (3 if many else 2):
        print(f"too many numbers in '{given['C']}'", file=sys.stderr)
    found = switches.find(name)
    if found is None or found.port == 255:
        raise Refused(errno.ENXIO)
    if given["action"] == "P":
        # No adapter polls here.
        raise Refused(errno.EFAULT)
    if not many or numbers[2:3] in ([], [0]):
        raise Refused(errno.EINVAL)
    interface = switches.net.find(name.partition(":")[2])
    if interface is not None and interface["driver"] in ("em", "vtnet"):
        cli.not_built("valectl", "polling of a network card")
    raise Refused(errno.EOPNOTSUPP)


_DO: Dict[str, Callable[[vale.Switches, str, Dict[str, str]], None]] = {
    "a": _attach,
    "h": _attach,
    "d": _detach,
    "l": _list,
    "g": _info,
    "n": _create,
    "r": _remove,
    "p": _poll,
    "P": _poll,
}
