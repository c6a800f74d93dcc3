# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kenv(1)."""

from __future__ import annotations

import os
import sys
from typing import Sequence

from .. import state
from ..system import boot, cli

PATHS = ("/bin/kenv",)
_NOT_FOUND = 255


def _usage() -> int:
    print("usage: kenv [-hNq]", file=sys.stderr)
    print("       kenv [-qv] variable[=value]", file=sys.stderr)
    print("       kenv [-q] -u variable", file=sys.stderr)
    return 1


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "hlNquv", _usage)
    flags = {letter for letter, _value in options}
    if flags & {"l"}:
        cli.not_built("kenv", "-l")
    boot.start()
    values = state.peek("kernel", "kenv").get("values", {})
    if not words:
        if "u" in flags or "v" in flags:
            return _usage()
        for name in sorted(values):
            if "h" in flags and not name.startswith("hint."):
                continue
            print(name if "N" in flags else f'{name}="{values[name]}"')
        return 0
    name, equals, value = words[0].partition("=")
    if equals or "u" in flags:
        if os.geteuid() != 0:
            verb = "unset" if "u" in flags else "set"
            cli.fail("kenv", f"unable to {verb} {name}: Operation not permitted", _NOT_FOUND)
        with state.kernel("kenv") as doc:
            if "u" in flags:
                if name not in doc["values"]:
                    if "q" not in flags:
                        cli.warn("kenv", f"unable to unset {name}")
                    return _NOT_FOUND
                del doc["values"][name]
                return 0
            doc["values"][name] = value
        print(f'{name}="{value}"')
        return 0
    if name not in values:
        if "q" not in flags:
            cli.warn("kenv", f"unable to get {name}")
        return _NOT_FOUND
    print(f'{name}="{values[name]}"' if "v" in flags else values[name])
    return 0
