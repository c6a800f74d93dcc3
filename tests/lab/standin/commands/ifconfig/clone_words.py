# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ifconfig(8)'s keywords for vlan(4), which come with their creation or later."""

from __future__ import annotations

import errno
from typing import List, Sequence

from ...ifnet import vlan
from ...ifnet.errors import Refused
from . import values
from .session import Session, Word, explained
from .values import IfconfigError

Arguments = Sequence[str]


def _vlan(session: Session, arguments: Arguments) -> None:
    tag = values.unsigned(arguments[0])
    if tag is None or tag > 0xFFFF:
        raise IfconfigError("invalid value for vlan")
    _later(session, "vlan", str(tag))


def _vlandev(session: Session, arguments: Arguments) -> None:
    _later(session, "vlandev", arguments[0])


def _vlanproto(session: Session, arguments: Arguments) -> None:
    try:
        proto = vlan.protocol(arguments[0])
    except Refused:
        raise IfconfigError("invalid value for vlanproto") from None
    _later(session, "vlanproto", proto)


def _vlanpcp(session: Session, arguments: Arguments) -> None:
    value = values.unsigned(arguments[0])
    if value is None or value > 7:
        raise IfconfigError("invalid value for vlanpcp")
    with explained("SIOCSVLANPCP"):
        if "vlan" not in session.interface:
            raise Refused(errno.EINVAL)
        session.interface["vlan"]["pcp"] = value


def _later(session: Session, word: str, value: str) -> None:
    if not session.creating and not session.vlan:
        session.deferred.append(lambda: _attach(session))
    session.vlan[word] = value


def _attach(session: Session) -> None:
    """Tag and parent of an interface that exists: both, or one beside the other that it has."""
    interface = session.interface
    with explained("SIOCSETVLAN"):
        if "vlan" not in interface:
            raise Refused(errno.EINVAL)
        if interface["vlan"]["parent"]:
            raise Refused(errno.EBUSY)
        if "vlan" not in session.vlan or "vlandev" not in session.vlan:
            raise IfconfigError("both vlan and vlandev must be specified")
        vlan.attach(
            session.net,
            interface,
            int(session.vlan["vlan"]),
            session.vlan["vlandev"],
            session.vlan.get("vlanproto", "802.1q"),
        )


def _no_vlandev(session: Session, _arguments: Arguments) -> None:
    with explained("SIOCSETVLAN"):
        if "vlan" not in session.interface:
            raise Refused(errno.EINVAL)
        vlan.detach(session.interface)


def words() -> List[Word]:
    """The keywords of vlan(4)."""
    return [
        Word("vlan", _vlan, 1, clone=True),
        Word("vlandev", _vlandev, 1, clone=True),
        Word("vlanproto", _vlanproto, 1, clone=True),
        Word("vlanpcp", _vlanpcp, 1),
        Word("-vlandev", _no_vlandev, optional=True),
    ]
