# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""freebsd-version(1), swapinfo(8), pstat's kin that only tell what the host is."""

from __future__ import annotations

import sys
from typing import Sequence

from ..system import cli, sysctl_values

PATHS = ("/bin/freebsd-version", "/usr/sbin/swapinfo")


def _version_usage() -> int:
    print("usage: freebsd-version [-kru] [-j jail]", file=sys.stderr)
    return 1


def _version(argv: Sequence[str]) -> int:
    try:
        options, words = cli.getopt(argv, "j:kru")
    except cli.OptionError as error:
        print(f"Illegal option -{str(error)[-1]}", file=sys.stderr)
        return _version_usage()
    if words:
        return _version_usage()
    if any(letter == "j" for letter, _value in options):
        cli.not_built("freebsd-version", "-j")
    release = str(sysctl_values.settings().get("release", "14.3-RELEASE"))
    for _letter in sorted({letter for letter, _value in options}) or ["u"]:
        print(release)
    return 0


def _swap_usage() -> int:
    print("usage: swapinfo [-ghkm] [-M core [-N system]]", file=sys.stderr)
    return 1


def _swap(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "ghkmM:N:", _swap_usage)
    if words:
        return _swap_usage()
    letters = [letter for letter, _value in options]
    title = {"k": "1K-blocks", "m": "1M-blocks", "g": "1G-blocks"}.get(letters[-1] if letters else "", "512-blocks")
    print(f"{'Device':<15} {title:>10} {'Used':>8} {'Avail':>8} Capacity")
    return 0


def main(argv: Sequence[str]) -> int:
    return _swap(argv) if argv[0] == "swapinfo" else _version(argv)
