# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""service(8): rc.d scripts by name, in a clean environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import List, Optional, Sequence, Tuple

from .. import launch
from ..system import cli, rcconf
from . import rcorder

PATHS = ("/usr/sbin/service",)
_BASE = "/etc/rc.d"
_ENVIRONMENT = {"HOME": "/", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"}
_YES = {"yes", "true", "on", "1"}


def _usage(local: str) -> None:
    name = "service [-j <jail name or id>]"
    print(
        "\n".join(
            [
                "",
                "Usage:",
                f"{name} -e",
                f"{name} -R",
                f"{name} [-v] -l | -r",
                f"{name} [-v] <rc.d script> start|stop|etc.",
                "service -h",
                "",
                "-j\tPerform actions within the named jail",
                "-e\tShow services that are enabled",
                f"-R\tStop and start enabled {local} services",
                "-l\tList all scripts in /etc/rc.d and " + local,
                "-r\tShow the results of boot time rcorder",
                "-v\tVerbose",
                "",
            ]
        )
    )


def _scripts(directory: str) -> List[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [f"{directory}/{name}" for name in names]


def _local_scripts(local: Sequence[str]) -> List[str]:
    """The scripts of local_startup that rc(8) would run."""
    found = []
    for directory in local:
        for path in _scripts(directory):
            if os.path.isfile(path) and os.access(path, os.X_OK) and not path.endswith(".sample"):
                found.append(path)
    return found


def _ordered(paths: Sequence[str]) -> List[str]:
    scripts = rcorder.order(rcorder.read(paths), complain=False)
    return [script.path for script in rcorder.chosen(scripts, [], ["nostart"])]


def _name_and_rcvar(path: str) -> Optional[Tuple[str, str]]:
    """The name and the rcvar that a script's text gives; service(8) looks for lines, it does not run the script."""
    with open(path, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    name = re.search(r"^name=[\"']?([^\"'\n]*)", text, re.MULTILINE)
    rcvar = re.search(r"^rcvar=[\"']?([^\"'\n]*)", text, re.MULTILINE)
    if rcvar is None:
        return None
    called = name.group(1) if name else ""
    return called, rcvar.group(1).replace("${name}", called).replace("$name", called)


def enabled(paths: Sequence[str]) -> List[str]:
    """Those of the scripts whose rcvar is YES in rc.conf, in the given order."""
    known = [(path, found) for path in paths for found in [_name_and_rcvar(path)] if found is not None and found[1]]
    values = rcconf.expand([rcvar for _path, (_name, rcvar) in known])
    return [path for (path, _found), value in zip(known, values) if (value or "").lower() in _YES]


def _restart_local(local: Sequence[str]) -> None:
    active = enabled(_ordered(_local_scripts(local)))
    for verb, paths in (("stop", list(reversed(active))), ("start", active)):
        for path in paths:
            cli.flush()
            subprocess.run([path, verb], env=_ENVIRONMENT, check=False)


def main(argv: Sequence[str]) -> int:
    local_text = rcconf.expand(["local_startup"])[0] or ""
    local = local_text.split()
    try:
        options, words = cli.getopt(argv, "j:ehlrRv")
    except cli.OptionError as error:
        print("Illegal option -" + str(error)[-1], file=sys.stderr)
        _usage(local_text)
        return 1
    flags = [letter for letter, _value in options]
    if "h" in flags:
        _usage(local_text)
        return 0
    verbose = "v" in flags
    for letter, jail in options:
        if letter == "j":
            words = ["/usr/sbin/jexec", "-l", jail, "/usr/sbin/service", *_without_jail(argv)]
            launch.become(words[0], words, dict(os.environ))
    if "R" in flags:
        _restart_local(local)
        return 0
    if "e" in flags:
        for path in enabled(_ordered([*_scripts(_BASE), *_local_scripts(local)])):
            print(path)
        return 0
    if "l" in flags:
        for directory in [_BASE, *local]:
            if verbose:
                print(f"From {directory}:")
            for path in _scripts(directory):
                print(os.path.basename(path))
        return 0
    if "r" in flags:
        divider = rcconf.expand(["early_late_divider"])[0]
        for path in _ordered([*_scripts(_BASE), *_local_scripts(local)]):
            print(path)
            if verbose and os.path.basename(path) == divider:
                print("========= Early/Late Divider =========")
        return 0
    if len(words) < 2:
        _usage(local_text)
        return 1
    for directory in [_BASE, *local]:
        path = f"{directory}/{words[0]}"
        if os.access(path, os.X_OK):
            if verbose:
                print(f"{words[0]} is located in {directory}")
            launch.become(path, [path, *words[1:]], _ENVIRONMENT, "/")
    print(f"{words[0]} does not exist in /etc/rc.d or the local startup")
    print(f"directories ({local_text}), or is not executable")
    return 1


def _without_jail(argv: Sequence[str]) -> List[str]:
    kept: List[str] = []
    skip = False
    for word in argv[1:]:
        if skip:
            skip = False
        elif word == "-j":
            skip = True
        elif not word.startswith("-j"):
            kept.append(word)
    return kept
