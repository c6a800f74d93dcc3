# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools that run another program, signal one or wait: env, fsync, kill, nice, nohup, sleep, su, sync, time, timeout."""

from __future__ import annotations

import os
import sys

from .options import Options, UsageError, fail, getopt
from .tool import Tool, default_signals

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List, NoReturn, Optional


def execute(name: str, words: List[str], not_found: int = 127, text: str = "{}") -> NoReturn:
    """execvp(3), or the tool's complaint: 127 when there is no such program, 126 when it cannot be run."""
    sys.stdout.flush()
    default_signals()
    try:
        os.execvp(words[0], words)
    except FileNotFoundError as error:
        fail(name, f"{text.format(words[0])}: {error.strerror}", not_found)
    except OSError as error:
        fail(name, f"{text.format(words[0])}: {error.strerror}", 126)


def _env(name: str, options: Options, operands: List[str]) -> int:
    for letter, value in options:
        if letter == "i":
            os.environ.clear()
        elif letter == "u":
            os.environ.pop(value, None)
        elif letter == "S":
            import shlex

            operands = shlex.split(value) + operands
    path = [value for letter, value in options if letter == "P"]
    while operands and "=" in operands[0]:
        key, _unused, value = operands.pop(0).partition("=")
        os.environ[key] = value
    if not operands:
        end = "\0" if any(letter == "0" for letter, _unused in options) else "\n"
        sys.stdout.write("".join(f"{key}={value}{end}" for key, value in os.environ.items()))
        return 0
    if path:
        os.environ["PATH"] = path[-1]
    execute(name, operands)


def _nice(name: str, options: Options, words: List[str]) -> int:
    import re

    increment = 10
    if words and re.fullmatch(r"-\d+|--\d+", words[0]):
        increment = int(words.pop(0)[1:])
    else:
        given, words = getopt(name, words, "n:", _NICE)
        increment = int(given[-1][1]) if given else 10
    if not words:
        raise UsageError(_NICE, 1)
    try:
        os.nice(increment)
    except PermissionError as error:
        fail(name, f"setpriority: {error.strerror}")
    execute(name, words)


def _nohup(name: str, options: Options, operands: List[str]) -> int:
    import signal

    if os.isatty(1):
        for path in ("nohup.out", os.path.join(os.environ.get("HOME", "/"), "nohup.out")):
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            except OSError:
                continue
            os.dup2(fd, 1)
            sys.stderr.write(f"appending output to {path}\n")
            break
    if os.isatty(2):
        os.dup2(1, 2)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    execute(name, operands)


def _seconds(text: str) -> Optional[float]:
    """A number with s, m, h or d behind it, in seconds; None when it is none."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    digits, factor = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    plain = digits.replace(".", "", 1)
    return float(digits) * factor if plain.isdigit() else None


def _sleep(name: str, options: Options, operands: List[str]) -> int:
    total = 0.0
    for word in operands:
        value = _seconds(word.lstrip("-"))
        if value is None:
            raise UsageError(_SLEEP, 1)
        total += -value if word.startswith("-") else value
    if total > 0:
        # As a small program: sleep(1) must not cost a Python for the time it waits.
        from .native import become

        # ps(1) shows what was typed, where the program takes it as it is.
        plain = len(operands) == 1 and operands[0].replace(".", "", 1).isdigit()
        become("sleep", operands if plain else [f"{total:.6f}"])
    return 0


def _signal_number(text: str) -> Optional[int]:
    import signal

    if text.isdigit():
        return int(text)
    word = text.upper()
    found = getattr(signal, word if word.startswith("SIG") else "SIG" + word, None)
    return int(found) if isinstance(found, signal.Signals) else None


def _kill(name: str, options: Options, words: List[str]) -> int:
    import re
    import signal

    number = int(signal.SIGTERM)
    if words[:1] == ["-l"]:
        print(" ".join(item.name[3:].lower() for item in signal.Signals))
        return 0
    if words[:1] == ["-s"] and len(words) > 1:
        chosen = _signal_number(words[1])
        words = words[2:]
    elif words and words[0].startswith("-") and words[0] != "--":
        chosen = _signal_number(words[0][1:])
        words = words[1:]
    else:
        chosen = number
    if chosen is None:
        fail(name, "unknown signal; valid signals: " + " ".join(item.name[3:] for item in signal.Signals))
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        raise UsageError("usage: kill [-s signal_name] pid ...\n       kill -l [exit_status]", 2)
    status = 0
    for word in words:
        if not re.fullmatch(r"-?\d+", word):
            fail(name, f"illegal process id: {word}", 2)
        try:
            os.kill(int(word), chosen)
        except OSError as error:
            sys.stderr.write(f"kill: {word}: {error.strerror}\n")
            status = 1
    return status


def _sync(name: str, options: Options, operands: List[str]) -> int:
    os.sync()
    return 0


def _fsync(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands:
        try:
            fd = os.open(path, os.O_RDONLY)
        except OSError as error:
            sys.stderr.write(f"fsync: open {path}: {error.strerror}\n")
            status = 66
            continue
        os.fsync(fd)
        os.close(fd)
    return status


def _time(name: str, options: Options, operands: List[str]) -> int:
    import resource
    import time

    letters = {letter for letter, _unused in options}
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        execute(name, operands)
    _unused, raw, usage = os.wait4(pid, 0)
    real = time.monotonic() - began
    lines = [f"{real:10.2f} real {usage.ru_utime:12.2f} user {usage.ru_stime:12.2f} sys"]
    if "p" in letters:
        lines = [f"real {real:.2f}", f"user {usage.ru_utime:.2f}", f"sys {usage.ru_stime:.2f}"]
    if "l" in letters:
        lines.append(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss:10d}  maximum resident set size")
    target = [value for letter, value in options if letter == "o"]
    text = "".join(line + "\n" for line in lines)
    if target:
        with open(target[-1], "a" if "a" in letters else "w", encoding="utf-8") as stream:
            stream.write(text)
    else:
        sys.stderr.write(text)
    code = os.waitstatus_to_exitcode(raw)
    return code if code >= 0 else 128 - code


def _timeout(name: str, options: Options, operands: List[str]) -> int:
    """timeout(1): TERM (or -s) after the time, KILL after another; 124 then, unless --preserve-status."""
    import signal

    values: Dict[str, str] = dict(options)
    limit = _seconds(operands[0])
    after = _seconds(values["k"]) if "k" in values else None
    if limit is None or ("k" in values and after is None):
        fail(name, "invalid duration", 125)
    number = _signal_number(values.get("s", "TERM"))
    if number is None:
        fail(name, "invalid signal", 125)
    watched = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM}
    if "f" not in values:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        signal.signal(signal.SIGTTIN, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
        execute(name, operands[1:], text="exec({})")
    return _watch(pid, limit, after, number, values)


def _watch(pid: int, limit: float, after: Optional[float], number: int, values: Dict[str, str]) -> int:
    import signal
    import time

    deadline = time.monotonic() + limit if limit else None
    watched = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM}
    expired = False
    while True:
        wait = 3600.0 if deadline is None else max(0.0, deadline - time.monotonic())
        received = signal.sigtimedwait(watched, wait)
        done, raw = os.waitpid(pid, os.WNOHANG)
        if done == pid:
            code = os.waitstatus_to_exitcode(raw)
            code = code if code >= 0 else 128 - code
            return 124 if expired and "p" not in values else code
        if received is not None and received.si_signo != signal.SIGCHLD:
            _send(pid, received.si_signo, values)
        elif received is None and deadline is not None and time.monotonic() >= deadline:
            _send(pid, signal.SIGKILL if expired else number, values)
            deadline = None if expired or after is None else time.monotonic() + after
            expired = True


def _send(pid: int, number: int, values: Dict[str, str]) -> None:
    """To the child, and without --foreground to all that it started."""
    import signal

    if "f" in values:
        os.kill(pid, number)
        return
    signal.signal(number, signal.SIG_IGN) if number != signal.SIGKILL else None
    if number == signal.SIGKILL:
        os.kill(pid, number)
    else:
        os.killpg(0, number)


def _su(name: str, options: Options, words: List[str]) -> int:
    """Root's su: no password is asked; the login class stays as it is."""
    import pwd

    login = False
    keep = False
    while words and words[0].startswith("-"):
        word = words.pop(0)
        login = login or word in ("-", "-l")
        keep = keep or word == "-m"
        if word not in ("-", "-l", "-m", "-f"):
            raise UsageError("usage: su [-] [-c class] [-flms] [login [args]]", 1)
    user = words.pop(0) if words else "root"
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        fail(name, f"unknown login: {user}")
    shell = os.environ.get("SHELL", "/bin/sh") if keep else entry.pw_shell or "/bin/sh"
    if os.path.basename(shell) == "nologin":
        print("This account is currently not available.")
        return 1
    os.setgid(entry.pw_gid)
    os.initgroups(user, entry.pw_gid)
    os.setuid(entry.pw_uid)
    if login:
        kept = {"TERM": os.environ.get("TERM", "")}
        os.environ.clear()
        os.environ.update(kept)
        os.environ["PATH"] = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
        os.chdir(entry.pw_dir if os.path.isdir(entry.pw_dir) else "/")
    if not keep:
        os.environ.update({"HOME": entry.pw_dir, "SHELL": shell, "USER": user, "LOGNAME": user})
    sys.stdout.flush()
    default_signals()
    try:
        os.execv(shell, ["-su" if login else "su", *words])
    except OSError as error:
        fail(name, f"{shell}: {error.strerror}")


_ENV = "usage: env [-0iv] [-u name] [-P utilpath] [-S string] [name=value ...] [utility [argument ...]]"
_NICE = "usage: nice [-n increment] utility [argument ...]"
_SLEEP = """usage: sleep number[unit] ...
Unit can be 's' (seconds, the default), m (minutes), h (hours), or d (days)."""
_TIMEOUT = (
    "Usage: timeout [--signal sig | -s sig] [--preserve-status] [--kill-after time | -k time] [--foreground] "
    "<duration> <command> <arg ...>"
)
_TIMEOUT_LONGS = {"signal=": "s", "kill-after=": "k", "preserve-status": "p", "foreground": "f"}

TOOLS = {
    "env": Tool(_env, "0iP:S:u:v", _ENV, unbuilt="v"),
    "fsync": Tool(_fsync, "", "usage: fsync file ...", 64, operands=1),
    "kill": Tool(_kill, None, ""),
    "nice": Tool(_nice, None, _NICE),
    "nohup": Tool(_nohup, "", "usage: nohup [--] utility [arguments]", 127, operands=1),
    "sleep": Tool(_sleep, "", _SLEEP, operands=1),
    "su": Tool(_su, None, ""),
    "sync": Tool(_sync, None, ""),
    "time": Tool(_time, "alho:p", "usage: time [-al] [-h | -p] [-o file] utility [argument ...]", operands=1),
    "timeout": Tool(_timeout, "k:s:", _TIMEOUT, longs=_TIMEOUT_LONGS, operands=2),
}
