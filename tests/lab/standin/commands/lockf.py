# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockf(1) of 14.1 and later: run a command while holding flock(2) on a file."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import sys
from typing import NoReturn, Optional, Sequence

from ..system import cli

PATHS = ("/usr/bin/lockf",)


class _Alarm(Exception):
    """The time that -t gave is over."""


def _usage() -> int:
    print("usage: lockf [-knsw] [-t seconds] file command [arguments]", file=sys.stderr)
    print("       lockf [-s] [-t seconds] fd", file=sys.stderr)
    return cli.EX_USAGE


def _acquire(path: str, flags: int, wait: bool, silent: bool) -> Optional[int]:
    """open(2) with O_EXLOCK: the locked descriptor, or None when another has the lock (or the alarm came)."""
    try:
        fd = os.open(path, flags | os.O_CLOEXEC, 0o666)
    except FileNotFoundError as error:
        if not flags & os.O_CREAT:
            if not silent:
                cli.warn("lockf", f"{path}: {cli.strerror(error)}")
            raise SystemExit(cli.EX_UNAVAILABLE) from None
        cli.fail("lockf", f"cannot open {path}: {cli.strerror(error)}", cli.EX_CANTCREAT)
    except OSError as error:
        cli.fail("lockf", f"cannot open {path}: {cli.strerror(error)}", cli.EX_CANTCREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(fd)
        return None
    except BaseException:
        os.close(fd)
        raise
    return fd


def _wait_until_free(path: str) -> None:
    """Without -k the holder unlinks the file: wait for its lock, then open the name anew."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)


def _lock(path: str, flags: int, keep: bool, silent: bool, seconds: int) -> Optional[int]:
    """The lock within ``seconds`` (-1: for ever, 0: at once or not at all)."""

    def ring(_number: int, _frame: object) -> None:
        raise _Alarm

    if seconds > 0:
        signal.signal(signal.SIGALRM, ring)
        signal.alarm(seconds)
    try:
        fd = _acquire(path, flags, False, silent)
        while fd is None and seconds != 0:
            if keep:
                fd = _acquire(path, flags, True, silent)
            else:
                _wait_until_free(path)
                fd = _acquire(path, flags, False, silent)
    except _Alarm:
        return None
    finally:
        signal.alarm(0)
    return fd


def _run_child(words: Sequence[str], fd: int) -> NoReturn:
    os.close(fd)
    cli.become("lockf", words)


def _lock_descriptor(word: str, silent: bool, seconds: int) -> int:
    if not word.isdigit():
        print(f"Expected fd, got '{word}'", file=sys.stderr)
        return _usage()
    cli.not_built("lockf", f"locking a descriptor ({word}, -t {seconds}, silent {silent})")


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "knst:w", _usage)
    letters = [letter for letter, _value in options]
    seconds = -1
    for letter, value in options:
        if letter == "t":
            if not re.fullmatch(r"[0-9]+", value):
                cli.fail("lockf", f'invalid timeout "{value}"', cli.EX_USAGE)
            seconds = int(value)
    keep, silent = "k" in letters, "s" in letters
    if not words:
        return _usage()
    path, command = words[0], words[1:]
    if not command:
        return _lock_descriptor(path, silent, seconds)
    flags = (os.O_WRONLY if "w" in letters else os.O_RDONLY) | (0 if "n" in letters else os.O_CREAT)
    fd = _lock(path, flags, keep, silent, seconds)
    if fd is None:
        if not silent:
            cli.warn("lockf", f"{path}: already locked")
        return cli.EX_TEMPFAIL

    def clean() -> None:
        if not keep:
            os.unlink(path)

    def killed(number: int, _frame: object) -> None:
        clean()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    cli.flush()
    # A signal between the fork and the handlers must not leave the file behind.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.fork()
    if child == 0:
        _run_child(command, fd)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, killed)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    # 14.1: the waiting lockf lets go of the standard descriptors.
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    _pid, status = os.waitpid(child, 0)
    clean()
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else cli.EX_SOFTWARE
