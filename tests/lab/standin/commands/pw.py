# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pw(8), as far as passwords of users that exist are set, also in another root (-R)."""

from __future__ import annotations

import os
import sys
from typing import List, Sequence

from .. import paths
from ..system import cli

PATHS = ("/usr/sbin/pw",)


def _usage() -> int:
    print("usage: pw [user|group|lock|unlock] [add|del|mod|show|next] [help|switches/values]", file=sys.stderr)
    return cli.EX_USAGE


def _set_password(top: str, name: str, password: str) -> int:
    """Change the second field of a user's line in master.passwd, as a whole."""
    path = f"{top}/etc/master.passwd"
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError as error:
        cli.fail("pw", f"no such user `{name}'" if top else cli.strerror(error), cli.EX_NOUSER)
    changed: List[str] = []
    found = False
    for line in lines:
        fields = line.split(":")
        if fields[0] == name and len(fields) == 10:
            fields[1], found = password, True
        changed.append(":".join(fields))
    if not found:
        cli.fail("pw", f"no such user `{name}'", cli.EX_NOUSER)
    with open(path + ".new", "w", encoding="utf-8", opener=lambda one, flags: os.open(one, flags, 0o600)) as file:
        file.write("\n".join(changed) + "\n")
    os.rename(path + ".new", path)
    return 0


def main(argv: Sequence[str]) -> int:
    words = list(argv[1:])
    top = ""
    if words[:1] == ["-R"]:
        if len(words) < 2 or not os.path.isdir(paths.root(words[1])):
            cli.fail("pw", f"no such directory `{words[1] if len(words) > 1 else ''}'", cli.EX_OSERR)
        top = paths.root(words[1]).rstrip("/")
        words = words[2:]
    if not words:
        return _usage()
    if words[0] != "usermod" or len(words) < 2:
        cli.not_built("pw", " ".join(words))
    options, rest = cli.options_or_usage(["pw", *words[2:]], "C:qn:u:c:d:e:p:g:G:mM:k:s:w:L:l:h:H:NPY", _usage)
    given = dict(options)
    if rest or set(given) != {"H"}:
        cli.not_built("pw", " ".join(words))
    if not given["H"].isdigit():
        cli.fail("pw", "'-H' expects a file descriptor", cli.EX_USAGE)
    with open(int(given["H"]), encoding="utf-8", closefd=False) as file:
        password = file.readline().rstrip("\n")
    if not password or ":" in password:
        cli.fail("pw", "bad encrypted password", cli.EX_DATAERR)
    return _set_password(top or paths.root(""), words[1], password)
