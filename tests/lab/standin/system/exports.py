# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exports(5): what mountd(8) makes of its files, and what it says of lines that it does not take."""

from __future__ import annotations

import ipaddress
import os
import pwd
import re
import socket
from typing import Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from . import mounts

Log = Callable[[str], None]
_PATH = "symbolic link in export path or statfs failed"
_FLAGS = ("ro", "o", "alldirs", "quiet", "public", "webnfs")
_VALUES = ("maproot", "r", "mapall", "sec", "index", "network", "mask")
_FLAVORS = ("sys", "krb5", "krb5i", "krb5p")


class Export(NamedTuple):
    """A directory for one set of clients; ``clients`` as showmount(8) prints them, empty for everybody."""

    path: str
    system: str
    clients: Tuple[str, ...]
    networks: Tuple[str, ...]
    readonly: bool
    root: str


class _Bad(Exception):
    """A line that is not exported; the text is said of it after the line, '' when all has been said."""

    def __init__(self, upto: str, text: str = "") -> None:
        super().__init__(text)
        self.upto = upto
        self.text = text


class Table:
    """What all files together export."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.exports: List[Export] = []
        self.v4_root = ""
        self._taken: Set[Tuple[str, str]] = set()

    def read(self, path: str) -> bool:
        """Take a file; whether it could be opened."""
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
        except OSError:
            self._log(f"can't open {path}")
            return False
        for line in text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                self._line(line.strip())
        return True

    def _line(self, line: str) -> None:
        try:
            if line.startswith("V4:"):
                words = line.split()
                if len(words) < 2 or not _plain(words[1]):
                    raise _Bad(line, _PATH)
                self.v4_root = words[1]
                return
            for export in _Line(line, self._log).exports():
                self._add(export, line)
        except _Bad as bad:
            self._log(f"bad exports list line '{bad.upto}'" + (f": {bad.text}" if bad.text else ""))

    def _add(self, export: Export, line: str) -> None:
        for client in export.clients:
            key = (export.system, client)
            other = any(one.path != export.path for one in self.exports if one.system == export.system)
            if key in self._taken and other:
                self._log(f"can't change attributes for {export.path}: netcred already exists for given addr/mask")
                raise _Bad(line.partition("=")[0])
            self._taken.add(key)
        self.exports.append(export)

    def shown(self) -> List[Tuple[str, Tuple[str, ...]]]:
        """As showmount(8) lists it: by file system, the newest directory of each first, its clients together."""
        found: Dict[str, Dict[str, List[str]]] = {}
        for export in self.exports:
            folder = found.setdefault(export.system, {}).setdefault(export.path, [])
            folder.extend(client for client in export.clients if client not in folder)
        return [(path, tuple(clients)) for paths in found.values() for path, clients in reversed(list(paths.items()))]


def _plain(path: str) -> bool:
    return os.path.isdir(path) and os.path.realpath(path) == path.rstrip("/") or path == "/"


class _Line:
    """One line, word by word."""

    def __init__(self, line: str, log: Log) -> None:
        self._line = line
        self._log = log
        self._folders: List[str] = []
        self._clients: List[str] = []
        self._network = ""
        self._shown = ""
        self._values: Dict[str, str] = {}
        self._wanted = False

    def exports(self) -> List[Export]:
        """What it exports. _Bad."""
        words, at = re.findall(r'(?:"[^"]*"|\\.|\S)+', self._line), 0
        while at < len(words):
            word, upto = words[at], " ".join(words[: at + 1])
            at += 1
            if word.startswith("/"):
                if not _plain(word):
                    raise _Bad(upto, _PATH)
                self._folders.append(word)
            elif not self._folders:
                raise _Bad(upto, "host(s) before export path definition")
            elif word.startswith("-"):
                at += self._options(word, words[at : at + 1], upto)
            else:
                self._client(word, upto)
        if self._wanted and not self._clients:
            raise _Bad(self._line, "no valid entries")
        shown = (self._shown,) if self._network else tuple(self._clients)
        root = self._values.get("maproot") or self._values.get("r") or self._values.get("mapall") or ""
        networks = (self._network,) if self._network else tuple(self._clients)
        table = mounts.table()
        return [
            Export(folder, mounts.of_path(folder, table).directory, shown, networks, "ro" in self._values, root)
            for folder in self._folders
        ]

    def _options(self, word: str, following: List[str], upto: str) -> int:
        """One word of options; how many of the following words belong to it."""
        used, bare = 0, upto.partition("=")[0]
        for option in word[1:].split(","):
            name, equals, value = option.partition("=")
            if name in ("network", "mask") and not equals:
                value, used = (following or [""])[0], 1
            if name not in _FLAGS and name not in _VALUES:
                self._log(f"bad opt {name}")
                raise _Bad(bare)
            if name == "sec" and any(one not in _FLAVORS for one in value.split(":")):
                self._log(f"bad sec flavor: {value}")
                raise _Bad(bare)
            self._values["ro" if name == "o" else name] = value
            if "mapall" in self._values and ({"maproot", "r"} & set(self._values)):
                self._log("-mapall and -maproot mutually exclusive")
                raise _Bad(bare)
            if name in ("maproot", "r", "mapall"):
                self._user(value.partition(":")[0])
            if name == "network":
                self._net(value, bare)
            if name == "mask":
                self._network = f"{self._shown}/{value}"
        return used

    def _user(self, name: str) -> None:
        if name.lstrip("-").isdigit():
            return
        try:
            pwd.getpwnam(name)
        except KeyError:
            self._log(f"unknown user: {name}")

    def _net(self, text: str, upto: str) -> None:
        if self._network or self._clients:
            self._log("network/host conflict")
            raise _Bad(upto)
        address, slash, _bits = text.partition("/")
        try:
            if slash:
                ipaddress.ip_network(text, strict=False)
            else:
                ipaddress.ip_address(address)
        except ValueError:
            self._log(f"bad net: {address}")
            raise _Bad(upto) from None
        if not slash:
            self._log(f"WARNING: No mask specified for {address}, using out-of-date default")
        self._network, self._shown = text, address

    def _client(self, name: str, upto: str) -> None:
        if self._network:
            raise _Bad(upto, "network/host conflict")
        self._wanted = True
        try:
            self._clients.append(str(socket.getaddrinfo(name, None)[0][4][0]))
        except socket.gaierror:
            self._log(f"bad host {name}, skipping")


def load(files: List[str], log: Log) -> Optional[Table]:
    """All files; None when none could be opened, which mountd does not survive."""
    table = Table(log)
    opened = [table.read(path) for path in files]
    if not any(opened):
        log("can't open any exports file")
        return None
    return table
