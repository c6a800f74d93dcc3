# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exports by NFS: what a task says of them, and their lines in exports(5)."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput
from ansible_collections.apiary.bhyve.plugins.module_utils.forms import Form, check_once

#: What mountd(8) reads, with or without ZFS; its other file is zfs(8)'s own.
PATH = "/etc/exports"
STATES = ("present", "absent")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_USER = re.compile(r"[A-Za-z0-9_-]+(:[A-Za-z0-9_-]*)*")
_FOLDER = re.compile(r"/[!-~]*")


@dataclass(frozen=True)
class Export:
    """Directories of one file system for one set of clients; ``name`` is what the task calls it.

    ``network`` or ``clients``; neither is everybody.
    """

    name: str
    paths: Tuple[str, ...] = ()
    network: str = ""
    clients: Tuple[str, ...] = ()
    read_only: bool = True
    maproot: str = ""
    mapall: str = ""
    alldirs: bool = False
    present: bool = True

    @property
    def line(self) -> str:
        """The line of exports(5)."""
        options = [
            "-ro" if self.read_only else "",
            f"-maproot={self.maproot}" if self.maproot else "",
            f"-mapall={self.mapall}" if self.mapall else "",
            "-alldirs" if self.alldirs else "",
            f"-network {self.network}" if self.network else "",
        ]
        return " ".join([*self.paths, *(one for one in options if one), *self.clients])

    @property
    def client_set(self) -> Tuple[str, ...]:
        """Who it is for, as mountd(8) tells clients apart; () is everybody."""
        return (self.network,) if self.network else self.clients


@dataclass(frozen=True)
class Task:
    """What a task asks for. None of ``enabled``: the servers stay as they are."""

    exports: Tuple[Export, ...]
    enabled: Optional[bool] = None


def export_options() -> Dict[str, Any]:
    """The argument specification of one export."""
    return {
        "name": {"type": "str", "required": True},
        "paths": {"type": "list", "elements": "str"},
        "network": {"type": "str"},
        "clients": {"type": "list", "elements": "str"},
        "read_only": {"type": "bool", "default": True},
        "maproot": {"type": "str"},
        "mapall": {"type": "str"},
        "alldirs": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
    }


_FORM = Form("exports", "export", export_options())


def module_options() -> Dict[str, Any]:
    """The argument specification of the module."""
    return {**_FORM.spec(), "enabled": {"type": "bool"}}


def task_of(params: Mapping[str, Any]) -> Task:
    """What a task asks for. BadInput, naming the option."""
    exports = [_export(element) for element in _FORM.elements_if_any(params)]
    check_once([one.name for one in exports], "exports")
    return Task(tuple(exports), params.get("enabled"))


def _export(element: Mapping[str, Any]) -> Export:
    name = str(element["name"])
    if not _NAME.fullmatch(name):
        raise BadInput(f"name: {name!r}; letters, digits, and after the first also . _ and -, at most 63")
    if element.get("state") == "absent":
        return Export(name, present=False)
    paths = tuple(element.get("paths") or ())
    if not paths:
        raise BadInput(f"{name}: paths: the directories, of one file system")
    for path in paths:
        if not _FOLDER.fullmatch(path) or posixpath.normpath(path) != path or any(one in path for one in "\"'\\#"):
            raise BadInput(
                f"{name}: paths: {path!r} is not an absolute path without blanks, quotes, backslash, # and .."
            )
    read_only = element.get("read_only")
    export = Export(
        name,
        paths,
        _network(name, element.get("network") or ""),
        tuple(element.get("clients") or ()),
        read_only is None or bool(read_only),
        _user(name, "maproot", element.get("maproot") or ""),
        _user(name, "mapall", element.get("mapall") or ""),
        bool(element.get("alldirs")),
    )
    _check(export)
    return export


def _check(export: Export) -> None:
    if export.network and export.clients:
        raise BadInput(
            f"{export.name}: network and clients: mountd(8) takes one of the two in a line; make two exports"
        )
    if export.maproot and export.mapall:
        raise BadInput(f"{export.name}: maproot and mapall: mountd(8) takes one of the two")
    if export.alldirs and len(export.paths) > 1:
        raise BadInput(
            f"{export.name}: alldirs: it is of one directory, a mount point, and there are {len(export.paths)}"
        )
    for client in export.clients:
        if not _HOST.fullmatch(client) and not _address(client):
            raise BadInput(
                f"{export.name}: clients: {client!r} is neither an address nor a name; a network goes to network"
            )


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _network(name: str, text: str) -> str:
    if not text:
        return ""
    if "/" not in text:
        raise BadInput(f"{name}: network: {text!r} has no prefix length, and mountd(8) would guess one; 10.0.0.0/24")
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise BadInput(f"{name}: network: {text!r}: {error}") from None


def _user(name: str, option: str, text: str) -> str:
    if text and not _USER.fullmatch(text):
        raise BadInput(f"{name}: {option}: {text!r} is no user, user:group or number")
    return text


def users_of(exports: List[Export]) -> Dict[str, str]:
    """The names of users in exports, with the option that has each: mountd(8) exports all the same without them."""
    found: Dict[str, str] = {}
    for export in exports:
        for option, value in (("maproot", export.maproot), ("mapall", export.mapall)):
            user = value.partition(":")[0]
            if user and not user.lstrip("-").isdigit():
                found[user] = f"{export.name}: {option}"
    return found
