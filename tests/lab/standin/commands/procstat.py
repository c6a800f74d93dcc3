# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""procstat(1): the arguments (-c) and programs (-b) of processes."""

from __future__ import annotations

import sys
from typing import List, Sequence

from .. import processes
from ..processes import Process
from ..system import cli, psinfo, sysctl

PATHS = ("/usr/bin/procstat",)


def _usage() -> int:
    print("usage: procstat [--libxo] [-h] [-M core] [-N system] [-w interval] command", file=sys.stderr)
    print("                [pid ... | core ...]", file=sys.stderr)
    return 64


def main(argv: Sequence[str]) -> int:
    if "--libxo" in argv:
        cli.not_built("procstat", "--libxo")
    options, words = cli.options_or_usage(argv, "abCcefhHijklnrStvw:xM:N:L", _usage)
    flags = {letter for letter, _value in options}
    if flags - set("abch"):
        cli.not_built("procstat", " ".join(sorted("-" + letter for letter in flags - set("abch"))))
    if not words and "a" not in flags:
        return _usage()
    table = {process.pid: process for process in processes.table()}
    chosen: List[Process] = list(table.values()) if "a" in flags else []
    status = 0
    for word in words:
        process = table.get(int(word)) if word.isdigit() else None
        if process is None:
            cli.warn("procstat", "sysctl(kern.proc): No such process")
            cli.warn("procstat", "procstat_getprocs()")
            status = 1
        else:
            chosen.append(process)
    if not chosen:
        return status
    quiet = "h" in flags
    if "b" in flags:
        return _programs(chosen, quiet) or status
    if "c" in flags:
        if not quiet:
            print(f"{'PID':>5} {'COMM':<16} {'ARGS':<53}")
        for process in chosen:
            print(f"{process.pid:>5} {psinfo.comm(process):<16} {process.command}")
        return status
    cli.not_built("procstat", "the table of threads and wait channels")


def _programs(chosen: Sequence[Process], quiet: bool) -> int:
    if not quiet:
        print(f"{'PID':>5} {'COMM':<16} {'OSREL':>8} PATH")
    release = sysctl.value("kern.osreldate")
    for process in chosen:
        first = process.argv[0] if process.argv and process.argv[0].startswith("/") else process.comm
        print(f"{process.pid:>5} {psinfo.comm(process):<16} {release:>8} {first}")
    return 0
