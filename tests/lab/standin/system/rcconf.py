# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rc.conf(5) files read the only true way: by /bin/sh."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Dict, List, Optional, Sequence

DEFAULTS = "/etc/defaults/rc.conf"
_ASSIGNMENT = re.compile(r"^[ \t]*([A-Za-z_][A-Za-z0-9_]*)=")
#: Names of these scripts' own, not of the files'.
_OWN = {"defaults", "confs", "_", "PWD", "_standin_name", "source_rc_confs_defined"}
#: sysrc unsets all variables, PATH too: a command in a value is not found.
_SOURCE = r"""
PATH=/nonexistent
defaults=$1; shift
confs=$1; shift
. "$defaults" > /dev/null 2>&1
[ "$confs" = - ] || rc_conf_files=$confs
source_rc_confs > /dev/null 2>&1
"""
_PRINT = r"""
for _standin_expression in "$@"; do
    if _standin_value=$(eval "printf '%s.' \"\${${_standin_expression}}\"" 2> /dev/null); then
        printf '=%s\0' "${_standin_value%.}"
    else
        printf '\0'
    fi
done
"""


def _shell(script: str, words: Sequence[str]) -> str:
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sysrc", *words],
        env={},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.stdout.decode("utf-8", "surrogateescape")


def expand(
    expressions: Sequence[str], confs: Optional[Sequence[str]] = None, defaults: str = DEFAULTS
) -> List[Optional[str]]:
    """What each parameter expression (``hostname``, ``foo?``, ``hostname%%.*``) gives after the files were read.

    ``confs`` replaces rc_conf_files. None: the expansion failed, which with ``?`` says that the variable is not set.
    """
    if not os.access(defaults, os.R_OK):
        return [None] * len(expressions)
    text = _shell(_SOURCE + _PRINT, [defaults, "-" if confs is None else " ".join(confs), *expressions])
    values = text.split("\0")
    found: List[Optional[str]] = []
    for index, expression in enumerate(expressions):
        value = values[index] if index < len(values) else ""
        usable = value.startswith("=") and not expression[:1].isdigit()
        found.append(value[1:].rstrip("\n") if usable else None)
    return found


def conf_files(defaults: str = DEFAULTS) -> List[str]:
    """rc_conf_files."""
    return (expand(["rc_conf_files"], None, defaults)[0] or "").split()


def variables(confs: Optional[Sequence[str]], with_defaults: bool, defaults: str = DEFAULTS) -> Dict[str, str]:
    """Every variable that the files set (``with_defaults``: those of the defaults as well), by name."""
    words = [defaults, "-" if confs is None else " ".join(confs)]
    # Without the defaults: what they set is unset again, but for the list of the files.
    forget = (
        ""
        if with_defaults
        else r"""
for _standin_name in $(set | /usr/bin/sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'); do
    case $_standin_name in
    OPTIND|PPID|IFS|PATH|rc_conf_files|_standin_name) ;;
    *) unset "$_standin_name" ;;
    esac
done
"""
    )
    script = _SOURCE.replace("source_rc_confs >", forget + "source_rc_confs >") + "set"
    names = set(_names(_shell(script, words))) - set(_names(_shell("set", []))) - _OWN
    files = conf_files(defaults) if confs is None else confs
    if not with_defaults and find("rc_conf_files", files, defaults) == defaults:
        names.discard("rc_conf_files")
    wanted = sorted(names)
    return {name: value or "" for name, value in zip(wanted, expand(wanted, confs, defaults))}


def _names(text: str) -> List[str]:
    return [match.group(1) for match in map(_ASSIGNMENT.match, text.splitlines()) if match]


def find(name: str, confs: Sequence[str], defaults: str = DEFAULTS) -> Optional[str]:
    """The file with the assignment that counts: the last of ``confs`` that has one, else the defaults."""
    pattern = re.compile(r"^[ \t]*" + re.escape(name) + "=")
    for path in [*reversed(list(confs)), defaults]:
        if not (os.path.isfile(path) and os.access(path, os.R_OK)):
            continue
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            if any(pattern.match(line) for line in stream):
                return path
    return None


def description(name: str, defaults: str = DEFAULTS) -> str:
    """The comment behind the variable in the defaults, continuation lines joined."""
    pattern = re.compile(r"^[ \t]*" + re.escape(name) + "=")
    collected: Optional[str] = None
    with open(defaults, encoding="utf-8") as stream:
        for line in stream:
            line = line.rstrip("\n")
            if collected is None:
                if pattern.match(line):
                    collected = re.sub(r"^[^#]*(#[ \t]*)?", "", line)
                continue
            if not re.match(r"^[ \t]*#", line) or re.match(r"^[ \t]*#[A-Za-z_][A-Za-z0-9_]*=", line):
                break
            collected += " " + re.sub(r"(.*#)*[ \t]*", "", line, count=1)
    return (collected or "").strip()
