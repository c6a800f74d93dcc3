# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""logger(1)."""

from __future__ import annotations

import os
import sys
from typing import Sequence

from .. import notes
from ..system import cli, psinfo, syslog

PATHS = ("/usr/bin/logger",)


def _usage() -> int:
    print("usage: logger [-46Ais] [-f file] [-h host] [-P port] [-p pri] [-t tag]", file=sys.stderr)
    print("              [-S addr:port] [message ...]", file=sys.stderr)
    return 1


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "46Af:H:h:iP:p:S:st:", _usage)
    tag = psinfo.user_name(os.geteuid())
    facility, priority = "user", "notice"
    aloud = False
    source = ""
    for letter, value in options:
        if letter == "t":
            tag = value
        elif letter == "p":
            facility, _dot, priority = value.rpartition(".")
            facility = facility or "user"
            if facility not in syslog.FACILITIES:
                cli.fail("logger", f"unknown facility name: {facility}")
            if priority not in syslog.PRIORITIES:
                cli.fail("logger", f"unknown priority name: {priority}")
        elif letter == "s":
            aloud = True
        elif letter == "f":
            source = value
        elif letter in "AHhPS":
            cli.not_built("logger", f"-{letter}")
    if words:
        lines = [" ".join(words)]
    elif source:
        try:
            with open(source, encoding="utf-8", errors="replace") as stream:
                lines = stream.read().splitlines()
        except OSError as error:
            cli.fail("logger", f"{source}: {cli.strerror(error)}")
    else:
        lines = sys.stdin.read().splitlines()
    for line in lines:
        if aloud:
            print(f"{tag} {notes.pid()} - - {line}", file=sys.stderr)
        syslog.send(facility, priority, f"{tag}[{notes.pid()}]: {line}")
    return 0
