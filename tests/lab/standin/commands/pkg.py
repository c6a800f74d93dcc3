# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg(8), as far as packages are asked for, installed and removed."""

from __future__ import annotations

import errno
import fnmatch
import os
import sys
from typing import Dict, List, Sequence, Tuple

from .. import paths
from ..system import cli, packages
from ..system.packages import CATALOGUE, Package

PATHS = ("/usr/sbin/pkg",)
_REPOSITORY = "FreeBSD"
_BOOTSTRAP = """\
The package management tool is not yet installed on your system.
Please set ASSUME_ALWAYS_YES=yes environment variable to be able to bootstrap in non-interactive (stdin not being a tty)
"""


def _matching(patterns: Sequence[str], names: Sequence[str], globs: bool) -> Tuple[List[str], List[str]]:
    """The names that the patterns mean, and the patterns that mean none. ``name-version`` and an origin do as well."""
    found: List[str] = []
    missing: List[str] = []
    for pattern in patterns:
        hits = []
        for name in names:
            package = CATALOGUE[name]
            forms = (name, f"{name}-{package.version}", package.origin.partition("@")[0], package.origin)
            if any(fnmatch.fnmatchcase(form, pattern) if globs else form == pattern for form in forms):
                hits.append(name)
        if hits:
            found += [name for name in hits if name not in found]
        else:
            missing.append(pattern)
    return found, missing


def _update() -> int:
    """pkg update, and what install does first."""
    print(f"Updating {_REPOSITORY} repository catalogue...")
    if packages.repository():
        print(f"{_REPOSITORY} repository is up to date.")
        print("All repositories are up to date.")
        return 0
    cli.warn("pkg", "No SRV record found for the repo 'FreeBSD'")
    cli.warn("pkg", "https://pkg.FreeBSD.org/FreeBSD:14:amd64/quarterly/meta.txz: No address record")
    print(f"Unable to update repository {_REPOSITORY}")
    print("Error updating repositories!", file=sys.stderr)
    return 1


def _label(package: Package) -> str:
    return f"{package.name}: {package.version}"


def _install(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "AfgiIMnqr:RUxyCF", lambda: _usage_of("install"))
    flags = {letter for letter, _value in options}
    if flags & set("AfixFC"):
        cli.not_built("pkg", "install " + " ".join(sorted("-" + letter for letter in flags & set("AfixFC"))))
    if not words:
        return _usage_of("install")
    if "U" not in flags and _update():
        return 1
    if not packages.repository():
        cli.warn("pkg", "Repository FreeBSD cannot be opened. 'pkg update' required")
    names, missing = _matching(words, list(CATALOGUE) if packages.repository() else [], "g" in flags)
    if missing:
        for word in missing:
            text = f"No packages available to install matching '{word}' have been found in the repositories"
            cli.warn("pkg", text)
        return 1
    todo = packages.wanted_with_needs(names)
    if not todo:
        print("Checking integrity... done (0 conflicting)")
        print("The most recent versions of packages are already installed")
        return 0
    print(f"The following {len(todo)} package(s) will be affected (of 0 checked):\n")
    print("New packages to be INSTALLED:")
    for package in todo:
        print(f"\t{_label(package)} [{_REPOSITORY}]")
    print(f"\nNumber of packages to be installed: {len(todo)}\n")
    print(f"The process will require {sum(package.mib for package in todo)} MiB more space.")
    if "n" in flags:
        return 1
    if "y" not in flags and not _assumes_yes():
        print("\nProceed with this action? [y/N]: ", end="")
        return 3
    for number, package in enumerate(todo, 1):
        step = f"[{os.uname().nodename}] [{number}/{len(todo)}]"
        print(f"{step} Installing {package.name}-{package.version}...")
        packages.install(package)
        print(f"{step} Extracting {package.name}-{package.version}: .......... done")
    return 0


def _install_below(top: str, argv: Sequence[str]) -> int:
    """pkg -r DIRECTORY install: into another root, of which nothing is installed yet."""
    options, words = cli.options_or_usage(argv, "AfgiIMnqr:RUxyCF", lambda: _usage_of("install"))
    if {letter for letter, _value in options} - {"y"} or not words:
        cli.not_built("pkg", "-r with this form of install")
    if not os.path.isdir(paths.root(top)):
        cli.fail("pkg", f"Invalid rootdir: {cli.strerror(FileNotFoundError(errno.ENOENT, ''))}")
    if _update():
        return 1
    names, missing = _matching(words, list(CATALOGUE), False)
    for word in missing:
        cli.warn("pkg", f"No packages available to install matching '{word}' have been found in the repositories")
    if missing:
        return 1
    todo = [CATALOGUE[name] for name in names]
    for number, package in enumerate(todo, 1):
        step = f"[{number}/{len(todo)}]"
        print(f"{step} Installing {package.name}-{package.version}...")
        packages.install_below(paths.root(top).rstrip("/"), package)
        print(f"{step} Extracting {package.name}-{package.version}: .......... done")
    return 0


def _assumes_yes() -> bool:
    return os.environ.get("ASSUME_ALWAYS_YES", "").lower() in ("yes", "true", "1", "on")


def _delete(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "aCDfginqRxy", lambda: _usage_of("delete"))
    flags = {letter for letter, _value in options}
    if flags & set("aCix"):
        cli.not_built("pkg", "delete -a, -C, -i, -x")
    if not words:
        return _usage_of("delete")
    have = packages.installed()
    names, missing = _matching(words, list(have), "g" in flags)
    for word in missing:
        print(f"No packages matched for pattern '{word}'\n", file=sys.stderr)
    print("Checking integrity... done (0 conflicting)")
    if not names:
        print(f"{len(words)} packages requested for removal: 0 locked, {len(missing)} missing")
        return 1
    count = len(have)
    universe = f"(of {count} packages in the universe)"
    print(f"Deinstallation has been requested for the following {len(names)} packages {universe}:")
    print("\nInstalled packages to be REMOVED:")
    for name in names:
        print(f"\t{name}: {have[name]}")
    print(f"\nNumber of packages to be removed: {len(names)}\n")
    print(f"The operation will free {sum(CATALOGUE[name].mib for name in names)} MiB.")
    if "n" in flags:
        return 0
    if "y" not in flags and not _assumes_yes():
        print("\nProceed with deinstalling packages? [y/N]: ", end="")
        return 3
    for number, name in enumerate(names, 1):
        step = f"[{os.uname().nodename}] [{number}/{len(names)}]"
        print(f"{step} Deinstalling {name}-{have[name]}...")
        packages.remove(name)
        print(f"{step} Deleting files for {name}-{have[name]}: .......... done")
    return 0


def _info(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "aAbBDdefFgikIlOopqrRsxE", lambda: _usage_of("info"))
    flags = {letter for letter, _value in options}
    if flags & set("bBDdfFikOprRsx"):
        cli.not_built("pkg", "info " + " ".join(sorted("-" + letter for letter in flags)))
    have = packages.installed()
    names, missing = _matching(words, list(have), "g" in flags) if words else (list(have), [])
    if "e" in flags:
        return 1 if missing or not words else 0
    if missing:
        for word in missing:
            cli.warn("pkg", f"No package(s) matching {word}")
        return 70 if not names else 1
    for name in names:
        package = CATALOGUE[name]
        full = f"{name}-{have[name]}"
        if "l" in flags:
            print(f"{full}:")
            for path in package.files():
                print(f"\t{path}")
        elif "A" in flags:
            print(f"{full}:")
        elif words and not flags & set("qIo"):
            print(full)
            for key, value in (
                ("Name", name),
                ("Version", have[name]),
                ("Origin", package.origin),
                ("Comment", package.comment),
            ):
                print(f"{key:<15}: {value}")
        else:
            print(full if "q" in flags else f"{full:<30} {package.origin if 'o' in flags else package.comment}")
    return 0


def _query(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "aCe:F:gix", lambda: _usage_of("query"))
    flags = {letter for letter, _value in options}
    if flags & set("CeFix") or not words:
        cli.not_built("pkg", "this form of query")
    template, patterns = words[0], words[1:]
    have = packages.installed()
    names, missing = _matching(patterns, list(have), "g" in flags) if patterns else (list(have), [])
    for name in names:
        package = CATALOGUE[name]
        table: Dict[str, str] = {"%n": name, "%v": have[name], "%o": package.origin, "%c": package.comment}
        text = template
        for key, value in table.items():
            text = text.replace(key, value)
        if "%" in text:
            cli.not_built("pkg", f"query {template}")
        print(text)
    return 1 if missing or not names else 0


def _upgrade(argv: Sequence[str]) -> int:
    """Every package is the newest there is."""
    options, _words = cli.options_or_usage(argv, "CfFginqr:Uxy", lambda: _usage_of("upgrade"))
    if "U" not in {letter for letter, _value in options} and _update():
        return 1
    print("Checking for upgrades (0 candidates): . done")
    print("Processing candidates (0 candidates): . done")
    print("Checking integrity... done (0 conflicting)")
    print("Your packages are up to date.")
    return 0


def _autoremove(_argv: Sequence[str]) -> int:
    print("Checking integrity... done (0 conflicting)")
    print("Nothing to do.")
    return 0


def _usage_of(verb: str) -> int:
    print(f"Usage: pkg {verb} [options] <pkg-name> ...\n", file=sys.stderr)
    print(f"For more information see 'pkg help {verb}'.", file=sys.stderr)
    return 1


_VERBS = {
    "add": None,
    "autoremove": _autoremove,
    "delete": _delete,
    "info": _info,
    "install": _install,
    "query": _query,
    "remove": _delete,
    "update": lambda argv: _update(),
    "upgrade": _upgrade,
}


def main(argv: Sequence[str]) -> int:
    if argv[1:2] == ["-r"]:
        options, rest = cli.options_or_usage(argv, "r:o:", lambda: 1)
        if rest[:1] != ["install"]:
            cli.not_built("pkg", "-r with anything but install")
        return _install_below(dict(options)["r"], ["pkg", *rest[1:]])
    words = [word for word in argv[1:] if word]
    for word in list(words):
        if not word.startswith("-"):
            break
        if word in ("-y", "-q"):
            words.remove(word)
    if not packages.bootstrapped():
        if words[:1] == ["-N"]:
            cli.warn("pkg", "pkg is not installed")
            return 1
        print(_BOOTSTRAP, end="", file=sys.stderr)
        return 1
    if words[:1] == ["-N"]:
        if len(words) == 1:
            count = len(packages.installed())
            print(f"pkg: {count} packages installed", file=sys.stderr)
            return 0
        words = words[1:]
    if words[:1] in (["-v"], ["--version"]):
        print(packages.installed()["pkg"])
        return 0
    words = [word for word in words if not (word.startswith("--repository=") and words.index(word) == 0)]
    if not words:
        print("Usage: pkg [-v] [-d] [-l] [-N] [-j <jail name or id>|-c <chroot path>|-r <rootdir>]", file=sys.stderr)
        return 1
    verb = words[0]
    work = _VERBS.get(verb)
    if work is None:
        cli.not_built("pkg", verb)
    return work(["pkg", *(word for word in words[1:] if not word.startswith("--repository="))])
