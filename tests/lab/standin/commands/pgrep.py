# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pgrep(1) and pkill(1)."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import sys
from typing import Callable, List, Sequence, Set

from .. import notes, processes
from ..processes import Process
from ..system import cli, psinfo

PATHS = ("/bin/pgrep", "/bin/pkill", "/usr/bin/pgrep", "/usr/bin/pkill")
_MATCH, _NO_MATCH, _BAD_USAGE, _ERROR = 0, 1, 2, 3
_CLASSES = {
    "[:space:]": r"\s", "[:digit:]": "0-9", "[:alpha:]": "A-Za-z", "[:alnum:]": "A-Za-z0-9", "[:upper:]": "A-Z",
    "[:lower:]": "a-z", "[:blank:]": r" \t",
}  # fmt: skip


def _usage_of(program: str) -> Callable[[], int]:
    def usage() -> int:
        own = "[-LSfilnoqvx] [-d delim]" if program == "pgrep" else "[-signal] [-ILfilnovx]"
        print(f"usage: {program} {own} [-F pidfile] [-G gid] [-M core] [-N system]", file=sys.stderr)
        print("             [-P ppid] [-U uid] [-c class] [-g pgrp] [-j jail]", file=sys.stderr)
        print("             [-s sid] [-t tty] [-u euid] pattern ...", file=sys.stderr)
        return _BAD_USAGE

    return usage


def compiled(program: str, text: str, ignore_case: bool) -> re.Pattern[str]:
    """An extended regular expression of regex(3)."""
    for name, characters in _CLASSES.items():
        text = text.replace(name, characters)
    try:
        return re.compile(text, re.IGNORECASE if ignore_case else 0)
    except re.error as error:
        cli.fail(program, f"Cannot compile regular expression `{text}' ({error})", _BAD_USAGE)


def _pid_of_file(program: str, path: str, locked: bool) -> int:
    try:
        with open(path, encoding="ascii", errors="replace") as stream:
            if locked:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    # Somebody has it: the daemon lives.
                    pass
                else:
                    cli.fail(program, f"File '{path}' can be locked", _ERROR)
            text = stream.read()
    except OSError as error:
        cli.fail(program, f"Cannot open pidfile `{path}': {cli.strerror(error)}", _ERROR)
    if not text:
        cli.fail(program, f"Pidfile `{path}' is empty", _ERROR)
    match = re.match(r"\s*(\d+)(\s|$)", text)
    if match is None:
        cli.fail(program, f"Invalid pid in file `{path}'", _ERROR)
    return int(match.group(1))


def _ids(program: str, text: str, what: str) -> Set[int]:
    found: Set[int] = set()
    for word in text.split(","):
        if what == "user":
            uid = psinfo.user_id(word)
            if uid is None:
                cli.fail(program, f"Unknown user `{word}'", _BAD_USAGE)
            found.add(uid)
        elif what == "jail":
            if word not in ("none", "any") and not word.isdigit():
                cli.fail(program, f"Invalid jail ID or name `{word}'", _BAD_USAGE)
            found.add(0 if word == "none" else -1 if word == "any" else int(word))
        elif word.isdigit():
            found.add(int(word))
        else:
            return _bad(program)
    return found


def _bad(program: str) -> Set[int]:
    raise SystemExit(_usage_of(program)())


def _test(attribute: str, wanted: Set[int]) -> Callable[[Process], bool]:
    """A test of one of the process's numbers; every process here is the host's own (jail 0)."""
    if attribute == "jid":
        return lambda process: 0 in wanted
    return lambda process: getattr(process, attribute) in wanted


def _ancestors(table: Sequence[Process]) -> Set[int]:
    parents = {process.pid: process.ppid for process in table}
    found = set()
    pid = notes.ppid()
    while pid > 0 and pid not in found:
        found.add(pid)
        pid = parents.get(pid, 0)
    return found


def _signal_number(text: str) -> int:
    """A signal by number or name, with or without SIG; 0 is a number, -1 is no signal."""
    if text.isdigit():
        return int(text)
    name = text.upper()
    name = name if name.startswith("SIG") else "SIG" + name
    return int(getattr(signal, name)) if hasattr(signal, name) and not name.startswith("SIG_") else -1


def _line(process: Process, long: bool, whole: bool) -> str:
    if not long:
        return str(process.pid)
    return f"{process.pid} {process.command if whole else psinfo.comm(process)}"


def main(argv: Sequence[str]) -> int:
    program = argv[0]
    usage = _usage_of(program)
    number = int(signal.SIGTERM)
    words = list(argv)
    if program == "pkill" and len(words) > 1 and words[1].startswith("-") and len(words[1]) > 1:
        given = _signal_number(words[1][1:])
        if given >= 0:
            number = given
            del words[1]
    options, patterns = cli.options_or_usage(words, "DF:G:ILM:N:P:SU:ac:d:fg:ij:lnoqs:t:u:vx", usage)
    flags = {letter for letter, _value in options}
    delimiter = "\n"
    tests: List[Callable[[Process], bool]] = []
    for letter, value in options:
        if letter == "d":
            delimiter = value
        elif letter == "F":
            wanted = _pid_of_file(program, value, "L" in flags)
            tests.append(_test("pid", {wanted}))
        elif letter in "PgsuU":
            ids = _ids(program, value, "user" if letter in "uU" else "number")
            attribute = {"P": "ppid", "g": "pgid", "s": "sid", "u": "uid", "U": "uid"}[letter]
            tests.append(_test(attribute, ids))
        elif letter == "j":
            jails = _ids(program, value, "jail")
            tests.append(_test("jid", jails))
        elif letter in "GMNct":
            cli.not_built(program, f"-{letter}")
    if "L" in flags and "F" not in flags:
        cli.fail(program, "Option -L doesn't make sense without -F", _BAD_USAGE)
    if not patterns and not tests:
        return usage()
    expressions = [compiled(program, text, "i" in flags) for text in patterns]

    def matches(process: Process) -> bool:
        text = process.command if "f" in flags and process.state != "Z" else process.comm
        for expression in expressions:
            if (expression.fullmatch(text) if "x" in flags else expression.search(text)) is not None:
                return True
        return not expressions

    table = processes.table()
    hidden = set(notes.mine()) | (set() if "a" in flags else _ancestors(table))
    found = [
        process
        for process in table
        if process.pid not in hidden and (matches(process) and all(test(process) for test in tests)) != ("v" in flags)
    ]
    if found and ("n" in flags or "o" in flags):
        choose = max if "n" in flags else min
        found = [choose(found, key=lambda process: (process.started, process.pid))]
    if program == "pgrep":
        if "q" not in flags and found:
            long, whole = "l" in flags, "f" in flags
            print(delimiter.join(_line(process, long, whole) for process in found))
        return _MATCH if found else _NO_MATCH
    return _kill(program, found, number, "l" in flags, "f" in flags, "I" in flags)


def _kill(program: str, found: Sequence[Process], number: int, long: bool, whole: bool, ask: bool) -> int:
    if ask:
        cli.not_built(program, "-I")
    status = _NO_MATCH
    for process in found:
        if long:
            print(f"kill -{number} {process.pid}" if not whole else f"kill -{number} {process.pid} {process.command}")
        try:
            os.kill(process.pid, number)
            status = _MATCH
        except ProcessLookupError:
            # It has just ended.
            continue
        except OSError as error:
            cli.warn(program, f"signalling pid {process.pid}: {cli.strerror(error)}")
            status = _ERROR
    return status
