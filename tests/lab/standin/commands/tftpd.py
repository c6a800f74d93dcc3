# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tftpd(8): looks at the request that inetd has for it, logs and refuses as FreeBSD's does, and lets Debian's in.tftpd
serve what FreeBSD's would.

in.tftpd takes the socket that inetd hands over, with the request still in it; it ends as soon as it has forked for it.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import stat
import struct
from typing import Dict, List, NoReturn, Sequence, Tuple

from .. import paths
from ..system import cli, syslog

PATHS = ("/usr/libexec/tftpd",)
_PROGRAM = "/usr/sbin/in.tftpd"
_RRQ, _WRQ, _ERROR = 1, 2, 5
_NOT_FOUND, _ACCESS, _BAD_OPERATION = 1, 2, 4
_TEXTS = {0: "success", _NOT_FOUND: "File not found", _ACCESS: "Access violation", _BAD_OPERATION: "Illegal operation"}
_SYSTEM = 100


def log(priority: str, text: str) -> None:
    """A message to the facility ftp."""
    syslog.send("ftp", priority, f"tftpd[{os.getpid()}]: {text}")


def _said(code: int) -> str:
    return _TEXTS.get(code) or os.strerror(code - _SYSTEM)


class Request:
    """What the client has asked for."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        data, peer = listener.recvfrom(65536, socket.MSG_PEEK)
        self.peer = peer
        self.name = str(peer[0]).partition("%")[0]
        self.operation = struct.unpack("!H", data[:2])[0] if len(data) > 1 else 0
        words = data[2:].split(b"\0")
        self.file = words[0].decode("utf-8", "surrogateescape")
        self.mode = words[1].decode("utf-8", "surrogateescape").lower() if len(words) > 1 else ""

    def drop(self) -> None:
        """Take the request from the socket, so that inetd does not see it again."""
        self.listener.recv(65536)

    def refuse(self, code: int) -> NoReturn:
        """Send an ERROR from a port of its own, and end."""
        self.drop()
        text = _said(code).encode()
        with socket.socket(self.listener.family, socket.SOCK_DGRAM) as sender:
            sender.sendto(struct.pack("!HH", _ERROR, code) + text + b"\0", self.peer)
        raise SystemExit(1)


def _look(request: Request, folders: Sequence[str], create: bool) -> Tuple[int, str]:
    """tftpd(8)'s rules: an error or 0, and the path that is served, in a process that is in the directory already."""
    name, needed = request.file, stat.S_IROTH if request.operation == _RRQ else stat.S_IWOTH
    if "/../" in name or name.startswith("../"):
        return _ACCESS, name
    if name.startswith("/"):
        if not any(name.startswith(folder) for folder in folders):
            return _ACCESS, name
        candidates = [name]
    else:
        candidates = [f"{folder}/{name}" for folder in folders]
    error, path = _NOT_FOUND, name
    for candidate in candidates:
        try:
            status = os.stat(candidate)
        except FileNotFoundError:
            continue
        except OSError:
            error = _ACCESS
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mode & needed:
            return 0, candidate
        error = _ACCESS
    if request.operation == _WRQ and create and error == _NOT_FOUND:
        return _made(candidates[0])
    return error, path


def _made(path: str) -> Tuple[int, str]:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644))
    except OSError as error:
        return _SYSTEM + (error.errno or 0), path
    return 0, path


def _judge(
    request: Request, root: str, user: pwd.struct_passwd, folders: Sequence[str], create: bool
) -> Tuple[int, str]:
    """The same, asked of a child that has gone into the directory as the user; ends when that cannot be."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if root:
                os.chroot(root)
                os.chdir("/")
                os.setgroups([user.pw_gid])
                os.setuid(user.pw_uid)
            answer: Tuple[int, str] = _look(request, folders, create)
        except OSError as error:
            answer = (-1, cli.strerror(error))
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        code, text = json.loads(stream.read())
    os.waitpid(child, 0)
    if code < 0:
        request.drop()
        log("err", f"chroot: {root}: {text}")
        raise SystemExit(1)
    return int(code), str(text)


def _options(argv: Sequence[str]) -> Tuple[Dict[str, str], List[str]]:
    try:
        options, words = cli.getopt(argv, "bcCd:F:lnop:s:S:u:U:wW")
    except cli.OptionError as error:
        log("warning", f"ignoring unknown option -{str(error)[-1]}")
        return {}, []
    given = dict(options)
    for letter in given:
        if letter in "bdFnpSUW":
            log("err", f"STANDIN: tftpd: -{letter} is not built")
            raise SystemExit(cli.NOT_BUILT)
    return given, words


def main(argv: Sequence[str]) -> int:
    given, words = _options(argv)
    with socket.socket(fileno=os.dup(0)) as listener:
        request = Request(listener)
        if "s" not in given and set(given) & {"c", "C"}:
            request.drop()
            log("err", "-c requires -s")
            return 1
        root = given.get("s", "")
        own = f"{root}/{request.name}"
        if "c" in given or ("C" in given and os.path.isdir(own)):
            root = own
        try:
            user = pwd.getpwnam(given.get("u", "nobody"))
        except KeyError:
            request.drop()
            log("err", f"{given['u']}: no such user")
            return 1
        folders = [word for word in words if word.startswith("/")] or (["/"] if root else [])
        code, path = _judge(request, root, user, folders, "w" in given)
        log("info", f"Filename: '{request.file}'")
        if request.operation not in (_RRQ, _WRQ) or request.mode not in ("netascii", "octet"):
            log("err", f"Bad option - Unknown transfer mode ({request.mode})")
            request.refuse(_BAD_OPERATION)
        log("info", f"Mode: '{request.mode}'")
        if "l" in given:
            kind = "read" if request.operation == _RRQ else "write"
            log("info", f"{request.name}: {kind} request for {path}: {_said(code)}")
        if code:
            request.refuse(code)
    _serve(root, user.pw_name, folders, "o" in given)


def _serve(root: str, user: str, folders: Sequence[str], plain: bool) -> NoReturn:
    """Become in.tftpd. What it may serve is decided; it still looks whether a file is everybody's to read or write."""
    words = ["in.tftpd", "-t", "0"]
    # Written files have been made already, with tftpd's mode.
    words += ["-p"] if user == "root" else []
    words += ["-u", user]
    for option in ("blksize", "blksize2", "tsize", "timeout", "utimeout", "rollover") if plain else ():
        words += ["-r", option]
    words += ["-s", root] if root else list(folders)
    os.execv(paths.LINUX + _PROGRAM, words)
    raise AssertionError("execv came back")
