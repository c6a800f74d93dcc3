# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nfsd(8): serves what mountd(8) has told the kernel, by Debian's ganesha.nfsd beneath it.

ganesha has Debian's tree as its root, with the host's below it. It needs file handles, which the overlay that a host's
root is has none of: what is on a dataset can be served.
"""

from __future__ import annotations

import os
import select
import signal
from typing import Any, Dict, List, Sequence

from .. import notes, paths, processes, state
from ..system import cli, service, sysctl

PATHS = ("/usr/sbin/nfsd",)
_HOST = "/.host"
_CONF = "/run/ganesha.conf"
_MS_BIND, _MS_REC, _MS_PRIVATE, _CLONE_NEWNS = 4096, 16384, 1 << 18, 0x00020000


def _usage() -> int:
    cli.not_built("nfsd", "the usage text")


def _client(export: Dict[str, Any]) -> str:
    kind = "RO" if export["readonly"] else "RW"
    squash = "No_Root_Squash" if export["root"] in ("root", "0") else "Root_Squash"
    clients = ", ".join(export["networks"]) or "*"
    return f"CLIENT {{ Clients = {clients}; Access_Type = {kind}; Squash = {squash}; }}"


def configuration(doc: Dict[str, Any], versions: str) -> str:
    """ganesha's file: a block for each directory, in it a block for each set of clients."""
    without = "Enable_NLM = false; Enable_RQUOTA = false;"
    lines = [
        f"NFS_CORE_PARAM {{ Protocols = {versions}; Mount_Path_Pseudo = true; {without} }}",
        "NFSv4 { RecoveryBackend = fs; Graceless = true; RecoveryRoot = /run/ganesha; }",
        "LOG { Default_Log_Level = EVENT; }",
    ]
    folders: Dict[str, List[Dict[str, Any]]] = {}
    for export in doc.get("exports", []):
        folders.setdefault(export["path"], []).append(export)
    top = str(doc.get("v4_root") or "/").rstrip("/")
    for number, (path, several) in enumerate(folders.items(), 1):
        pseudo = path[len(top) :] if top and path.startswith(top + "/") else path
        clients = " ".join(_client(export) for export in several)
        lines.append(
            f"EXPORT {{ Export_Id = {number}; Path = {_HOST}{path}; Pseudo = {pseudo}; Protocols = {versions};"
            f" Access_Type = NONE; SecType = sys; {clients} FSAL {{ Name = VFS; }} }}"
        )
    return "\n".join(lines) + "\n"


def _versions() -> str:
    return "3, 4" if sysctl.value("vfs.nfsd.server_max_nfsvers") == "4" else "3"


class Ganesha:
    """The real server, which begins anew when there is something else to export."""

    def __init__(self) -> None:
        self._child = 0

    def serve(self) -> None:
        """Serve what is exported now."""
        self.stop()
        doc = state.peek("kernel", "nfs")
        os.makedirs(paths.LINUX + "/run/ganesha", exist_ok=True)
        os.makedirs(paths.LINUX + _HOST, exist_ok=True)
        with open(paths.LINUX + _CONF, "w", encoding="utf-8") as stream:
            stream.write(configuration(doc, _versions()))
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _into_debian()
            os.write(writing, b"x")
            os.close(writing)
            words = [
                "ganesha.nfsd",
                "-F",
                "-f",
                _CONF,
                "-L",
                "/run/ganesha.log",
                "-p",
                "/run/ganesha.pid",
                "-N",
                "NIV_EVENT",
            ]
            os.execv("/usr/bin/ganesha.nfsd", words)
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        self._child = child

    def stop(self) -> None:
        """End it."""
        child, self._child = self._child, 0
        if child:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)


def _into_debian() -> None:
    """Debian's tree as the root, in mounts of its own, with the host's tree below it."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    notes.hide()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    below = (paths.LINUX + _HOST).encode()
    done = [
        libc.unshare(_CLONE_NEWNS),
        libc.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None),
        libc.mount(b"/", below, None, ctypes.c_ulong(_MS_BIND | _MS_REC), None),
    ]
    if any(done):
        os._exit(71)
    os.chroot(paths.LINUX)
    os.chdir("/")


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "arutn:h:p:m:V:N:o:e", _usage)
    if words:
        cli.not_built("nfsd", "a number of servers")
    for letter, _value in options:
        if letter not in "utn":
            cli.not_built("nfsd", f"-{letter}")
    if sysctl.value("vfs.nfsd.server_max_nfsvers") is None:
        cli.fail("nfsd", "NFS server is not available in the running kernel")
    service.detach(None)
    processes.set_title("nfsd: master", "nfsd")
    woken = service.wake_on(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
    server = _server()
    ganesha = Ganesha()
    # First, so that mountd(8), which may only now read its files, does not miss whom to tell.
    with state.kernel("nfs") as doc:
        doc["nfsd"] = os.getpid()
    ganesha.serve()
    while True:
        select.select([woken], [], [])
        for number in os.read(woken, 512):
            if number == signal.SIGHUP:
                ganesha.serve()
                continue
            with state.kernel("nfs") as doc:
                doc.pop("nfsd", None)
            ganesha.stop()
            os.kill(server, signal.SIGKILL)
            os._exit(0)


def _server() -> int:
    """The process that FreeBSD's kernel serves in: here it only is there."""
    child = os.fork()
    if not child:
        processes.set_title("nfsd: server", "nfsd")
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while True:
            signal.pause()
    return child
