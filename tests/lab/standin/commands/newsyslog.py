# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""newsyslog(8): trim logs that have grown."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import sys
import time
from typing import List, Optional, Sequence, Tuple

from .. import notes
from ..system import cli, newsyslogconf, syslog
from ..system.newsyslogconf import ConfError, Entry

PATHS = ("/usr/sbin/newsyslog",)
_CONF = "/etc/newsyslog.conf"
_COMPRESSORS = {
    "J": ("/usr/bin/bzip2", ".bz2"),
    "X": ("/usr/bin/xz", ".xz"),
    "Y": ("/usr/bin/zstd", ".zst"),
    "Z": ("/usr/bin/gzip", ".gz"),
}
_SUFFIXES = ("", ".bz2", ".xz", ".zst", ".gz")


def _usage() -> int:
    print("usage: newsyslog [-CFNPnrsv] [-a directory] [-c none|legacy|bzip2|gzip|xz|zstd]", file=sys.stderr)
    print("                 [-d directory] [-f config_file]", file=sys.stderr)
    print("                 [-S pidfile] [-t timefmt] [[-R tagname] file ...]", file=sys.stderr)
    return 1


def _age_hours(path: str) -> Optional[int]:
    """Hours since the log was turned over; None when it never was."""
    for suffix in _SUFFIXES:
        if os.path.exists(f"{path}.0{suffix}"):
            return int(time.time() - os.stat(f"{path}.0{suffix}").st_mtime + 1800) // 3600
    return None


def reason(entry: Entry, force: bool) -> Tuple[Optional[str], str]:
    """Why the log is to be turned over (None: it is not), and what -v says about it."""
    try:
        found = os.stat(entry.path)
    except FileNotFoundError:
        return None, "does not exist, skipped."
    kilobytes = -(-found.st_blocks * 512 // 1024)
    said = []
    if entry.size is not None:
        said.append(f"size (Kb): {kilobytes} [{entry.size}]")
    hours = _age_hours(entry.path)
    if entry.hours is not None:
        said.append(f" age (hr): {-1 if hours is None else hours} [{entry.hours}]")
    text = " ".join(said) + " "
    if force:
        return "force", text + "--> trimming log...."
    if entry.size is not None and kilobytes >= entry.size:
        return f"size>{entry.size}K", text + "--> trimming log...."
    if entry.hours is not None and (hours is None or hours >= entry.hours):
        return "time", text + "--> trimming log...."
    return None, text + "--> skipping"


def _ids(entry: Entry, path: str) -> Tuple[int, int]:
    found = os.stat(path) if os.path.exists(path) else None
    uid = pwd.getpwnam(entry.owner).pw_uid if entry.owner else found.st_uid if found else 0
    gid = grp.getgrnam(entry.group).gr_gid if entry.group else found.st_gid if found else 0
    return uid, gid


def _create(entry: Entry, ids: Tuple[int, int], text: str) -> None:
    """A new log: written beside and renamed, with its mode and owner."""
    temporary = f"{entry.path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(temporary, entry.mode)
    os.chown(temporary, *ids)
    os.rename(temporary, entry.path)


def turn_over(entry: Entry, why: str) -> None:
    """The log becomes .0, .0 becomes .1 …; what would be number ``count`` goes."""
    ids = _ids(entry, entry.path)
    for suffix in _SUFFIXES:
        for number in range(max(entry.count - 1, 0), -1, -1):
            old = f"{entry.path}.{number}{suffix}"
            if os.path.exists(old):
                if number + 1 >= entry.count:
                    os.unlink(old)
                else:
                    os.rename(old, f"{entry.path}.{number + 1}{suffix}")
    if entry.count:
        os.rename(entry.path, f"{entry.path}.0")
        os.chmod(f"{entry.path}.0", entry.mode)
        os.chown(f"{entry.path}.0", *ids)
    else:
        os.unlink(entry.path)
    line = ""
    if "B" not in entry.flags:
        host = os.uname().nodename.partition(".")[0]
        due = f" due to {why}" if why != "time" else ""
        line = f"{syslog.timestamp(time.time())} {host} newsyslog[{notes.pid()}]: logfile turned over{due}\n"
    _create(entry, ids, line)


def _signal(entry: Entry) -> None:
    if "N" in entry.flags:
        return
    if "R" in entry.flags:
        status = subprocess.run([entry.pidfile], check=False).returncode
        if status:
            cli.warn("newsyslog", f"`{entry.pidfile}' failed with status {status}")
        return
    path = entry.pidfile or "/var/run/syslogd.pid"
    try:
        with open(path, encoding="ascii") as stream:
            pid = int(stream.read().split()[0])
        os.kill(pid, entry.signal)
    except FileNotFoundError:
        if not ("U" in entry.flags or "C" in entry.flags and not entry.pidfile):
            cli.warn("newsyslog", f"pid file doesn't exist: {path}")
    except (IndexError, ValueError):
        cli.warn("newsyslog", f"pid file is empty: {path}")
    except ProcessLookupError:
        cli.warn("newsyslog", f"can't notify daemon, pid {pid} (signal {entry.signal}): No such process")


def _compress(entry: Entry) -> None:
    # "P": the newest archive stays as it is until it becomes .1.
    number = 1 if "P" in entry.flags else 0
    for flag, (program, _suffix) in _COMPRESSORS.items():
        path = f"{entry.path}.{number}"
        if flag in entry.flags and os.path.exists(path) and os.path.getsize(path):
            subprocess.run([program, "-f", path], check=False)


def main(argv: Sequence[str]) -> int:
    options, names = cli.options_or_usage(argv, "a:c:Cd:f:FnNPR:rsS:t:v", _usage)
    flags = {letter for letter, _value in options}
    given = dict(options)
    for letter in sorted(flags & set("acdRSt")):
        cli.not_built("newsyslog", f"-{letter}")
    dry, verbose = "n" in flags, "v" in flags
    if os.geteuid() and not dry and "r" not in flags:
        cli.fail("newsyslog", "must have root privs")
    said: List[str] = []
    try:
        entries = newsyslogconf.read(given.get("f", _CONF), said)
    except OSError as error:
        cli.fail("newsyslog", f"{error.filename}: {cli.strerror(error)}")
    except ConfError as error:
        cli.fail("newsyslog", str(error))
    if verbose:
        for line in said:
            print(line)
    for entry, _text in entries:
        if names and entry.path not in names:
            continue
        missing = not os.path.exists(entry.path)
        # -C makes what has the C flag, -CC everything.
        everything = [letter for letter, _value in options].count("C") > 1
        if missing and "C" in flags and ("C" in entry.flags or everything):
            if verbose or dry:
                print(f"{entry.path} <{entry.count}{entry.flags}>: does not exist, created.")
            if not dry:
                os.makedirs(os.path.dirname(entry.path), exist_ok=True)
                _create(entry, _ids(entry, entry.path), "")
            continue
        why, text = reason(entry, "F" in flags)
        if "N" in flags:
            why = None
        if verbose:
            print(f"{entry.path} <{entry.count}{entry.flags}>: {text}")
        if why is None:
            continue
        if dry:
            print(f"\t{entry.path}: would be turned over")
            continue
        turn_over(entry, why)
        if "s" not in flags:
            _signal(entry)
        _compress(entry)
    return 0
