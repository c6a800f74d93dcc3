# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What bhyveload does: options, the machine, as much of FreeBSD's loader as its callers see (bhyveload.c, userboot)."""

from __future__ import annotations

import errno
import os
import re
import signal
import struct
from typing import Any, Dict, List, NoReturn, Optional, Tuple

from ... import nmdm, paths, vmm
from ...guests import behaviour as behaviours
from ..bhyve.errors import EX_OSERR, EX_USAGE, Exit, err, errx, say, strerror
from ..bhyve.machine import parse_memory

_USAGE = """usage: bhyveload [-S][-c <console-device>] [-d <disk-path>] [-e <name=value>]
                 [-h <host-path>] [-m memsize[K|k|M|m|G|g|T|t]] <vmname>"""
_BANNER = (
    "Consoles: userboot  \n\nFreeBSD/amd64 User boot lua, Revision 1.2\n(Sat Nov 21 08:28:37 UTC 2026 root@build)\n"
)
_PROMPT = "\nType '?' for a list of commands, 'help' for more detailed help.\nOK "
# The loader turns a little wheel (a character and a backspace) while it works.
_NO_LUA = "|\bERROR: cannot open /boot/lua/loader.lua: no such file or directory.\n\n"
_NO_KERNEL = "|\b/\b-\bcan't load 'kernel'\n\n\\\b|\bcan't load 'kernel'\n"
_FREEBSD = """|\b/\b-\b\\\b|\bLoading /boot/defaults/loader.conf
Loading /boot/defaults/loader.conf
Loading /boot/device.hints
/\bLoading /boot/loader.conf
console efi is invalid!
Available consoles:
    userboot
    comconsole
Loading /boot/loader.conf.local
-\bFailed to load conf dir '/boot/loader.conf.d': not a directory
\\\b\x1bc|\bLoading kernel...
/\b-\b\\\b/boot/kernel/kernel text=0xc9928 |\btext=0x609c08 /\b-\b\\\btext=0xdd550 """ + (
    """data=0x140 data=0xfe1d0+0x300e30 |\b0x8+0xcce58+0x8+0xccc83/\b
Loading configured modules...
can't find '/boot/entropy'
-\bcan't find '/etc/hostid'

Hit [Enter] to boot immediately, or any other key for command prompt.
\rBooting [/boot/kernel/kernel]...               \n"""
)
_PERFORM = re.compile(r'^loader\.perform\("([^"]*)"(?:\s*\.\.\s*loader\.getenv\("(\w+)"\))?\)$')
_PROGRAM = "bhyveload"


class _Request:
    """What the command line asks for."""

    def __init__(self) -> None:
        self.name = ""
        self.memory = 256 << 20
        self.wired = False
        self.disks: List[str] = []
        self.host: Optional[str] = None
        self.loader = ""
        self.env: Dict[str, str] = {}
        self.console: Optional[int] = None


class _NotLoaded(Exception):
    """The loader stops at its prompt; the text is what it said before."""


def _usage() -> NoReturn:
    say(_USAGE)
    raise Exit(1)


def _console(path: str) -> Optional[int]:
    if path == "stdio":
        return None
    try:
        if path.startswith("/dev/nmdm"):
            return nmdm.open_end(path)
        return os.open(paths.root(path), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        errx(EX_USAGE, f"Could not open '{path}'", _PROGRAM)


def _option(request: _Request, letter: str, value: str) -> None:
    if letter == "c":
        request.console = _console(value)
    elif letter == "d":
        if not os.path.exists(paths.root(value)):
            errx(EX_USAGE, f"Could not open '{value}'", _PROGRAM)
        request.disks.append(value)
    elif letter == "e":
        name, equals, text = value.partition("=")
        request.env[name] = text if equals else "1"
    elif letter == "h":
        request.host = value
    elif letter == "l":
        if request.loader:
            errx(EX_USAGE, "-l can only be given once", _PROGRAM)
        request.loader = value
    elif letter == "m":
        memory = parse_memory(value)
        if memory is None:
            errx(EX_USAGE, f"Invalid memsize '{value}'", _PROGRAM)
        request.memory = memory
    elif letter == "S":
        request.wired = True


def _parse(words: List[str]) -> _Request:
    request = _Request()
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        at = 1
        while at < len(word):
            letter = word[at]
            at += 1
            if letter in "CS":
                _option(request, letter, "")
                continue
            if letter not in "cdehlm":
                say(f"bhyveload: illegal option -- {letter}")
                _usage()
            if at == len(word) and not words:
                say(f"bhyveload: option requires an argument -- {letter}")
                _usage()
            _option(request, letter, word[at:] if at < len(word) else words.pop(0))
            break
    if len(words) != 1:
        _usage()
    request.name = words[0]
    return request


def _machine(request: _Request) -> None:
    try:
        vmm.create(request.name)
    except OSError as error:
        if error.errno != errno.EEXIST:
            say(f"vm_create: {strerror(error.errno or 0)}")
            raise Exit(1) from None
        try:
            vmm.reinit(request.name)
        except OSError as refused:
            say(f"vm_reinit: {strerror(refused.errno or 0)}")
            raise Exit(1) from None
    try:
        vmm.setup_memory(request.name, request.memory, request.wired)
    except OSError as error:
        say(f"vm_setup_memory: {strerror(error.errno or 0)}")
        raise Exit(1) from None


def _say(request: _Request, text: str) -> None:
    os.write(1 if request.console is None else request.console, text.replace("\n", "\r\n").encode())


def _at_prompt() -> NoReturn:
    """The loader's command line: it waits for somebody to type, at the end of its input for ever."""
    while True:
        signal.pause()


def _sections(path: str) -> Tuple[int, int, int, int, int]:
    """text, data, bss, symbols and strings of an ELF file, as the loader counts them. ValueError if it is none."""
    with open(path, "rb") as stream:
        content = stream.read()
    if content[:4] != b"\x7fELF":
        raise ValueError(f"{path} is no ELF file")
    phoff, shoff = struct.unpack_from("<QQ", content, 32)
    phsize, phnum, shsize, shnum = struct.unpack_from("<HHHH", content, 54)
    loads = [struct.unpack_from("<IIQQQQQQ", content, phoff + n * phsize) for n in range(phnum)]
    loads = [load for load in loads if load[0] == 1]
    tables = [struct.unpack_from("<IIQQQQIIQQ", content, shoff + n * shsize) for n in range(shnum)]
    symbols = next((table for table in tables if table[1] == 2), None)
    strings = tables[symbols[6]][5] if symbols else 0
    data = loads[1] if len(loads) > 1 else (1, 0, 0, 0, 0, 0, 0, 0)
    return loads[0][5], data[5], data[6] - data[5], symbols[5] if symbols else 0, strings


def _host_directory(request: _Request) -> Dict[str, Any]:
    """Load what the host directory's loader.lua says: lines of ``loader.perform("load FILE")`` and ``("boot")``."""
    root = paths.root(request.host or "")
    try:
        with open(f"{root}/boot/lua/loader.lua", encoding="utf-8") as stream:
            script = [line.strip() for line in stream if line.strip()]
    except OSError:
        raise _NotLoaded(_NO_LUA) from None
    load: Dict[str, Any] = {}
    for line in script:
        found = _PERFORM.match(line)
        if found is None:
            say(f"STANDIN: bhyveload: this line of loader.lua is not built: {line}")
            raise Exit(99)
        command = found.group(1) + (request.env.get(found.group(2), "") if found.group(2) else "")
        verb, _unused, path = command.partition(" ")
        if verb == "load":
            load = _kernel(request, root, path)
        elif verb == "boot" and load:
            return load
        else:
            raise _NotLoaded(_NO_KERNEL)
    raise _NotLoaded("")


def _kernel(request: _Request, root: str, path: str) -> Dict[str, Any]:
    mode = os.path.basename(path)
    try:
        text, data, bss, symbols, strings = _sections(root + path)
    except (OSError, ValueError):
        return {}
    sizes = f"text={text:#x} data={data:#x}+{bss:#x} 0x8+{symbols:#x}+0x8+{strings:#x}"
    _say(request, f"{path} {sizes}\nelf64_lookup_symbol: corrupt symbol table\n")
    if mode not in behaviours.TINY_MODES:
        say(f"STANDIN: bhyveload: the only kernels it can run are the tiny guest's: {', '.join(behaviours.TINY_MODES)}")
        raise Exit(99)
    return {"kind": "tiny", "mode": mode, "kernel": path}


def _disk(request: _Request) -> Dict[str, Any]:
    """Load from the first disk: one with a boot signature has FreeBSD on it."""
    sector = behaviours.first_sector(paths.root(request.disks[0])) if request.disks else b""
    if sector[510:512] != b"\x55\xaa":
        raise _NotLoaded(_NO_LUA)
    _say(request, _FREEBSD)
    return {"kind": "freebsd", "disk": request.disks[0]}


def _behave(request: _Request) -> None:
    """What a test wants of this loader."""
    behaviour = behaviours.load(request.name, paths.root(request.disks[0]) if request.disks else None)
    if behaviour.loader == "hang":
        _say(request, _BANNER)
        _at_prompt()
    verb, _unused, number = behaviour.loader.partition(":")
    if verb == "exit":
        raise Exit(int(number))


def run(words: List[str]) -> int:
    """bhyveload's main."""
    request = _parse(words)
    if request.host is not None and not vmm.hardware().recorded and not os.path.isdir(paths.root(request.host)):
        err(EX_OSERR, "open", errno.ENOENT, _PROGRAM)  # since SA-24:01 the directory is opened while options are read
    _machine(request)
    if request.loader and not os.path.exists(paths.root(request.loader)):
        print(f'Cannot open "{request.loader}"')
        return 1
    _behave(request)
    _say(request, _BANNER)
    try:
        load = _host_directory(request) if request.host is not None else _disk(request)
    except _NotLoaded as stopped:
        _say(request, f"{stopped}{_PROMPT}")
        _at_prompt()
    load["env"] = request.env
    vmm.set_load(request.name, load)
    return 0
