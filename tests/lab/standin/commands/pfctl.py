# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pfctl(8): rules loaded, tried, shown and flushed; pf switched on and off.

Built: -d, -e, -n, -q, -v, -f, -a, -F all|nat|rules, -s Anchors|info|nat|Running|rules. Of ``-s info`` the head,
without counters.
"""

from __future__ import annotations

import sys
import time
from typing import List, Sequence

from ..modules import loaded
from ..pf import grammar
from ..pf.kernel import Kernel, kernel, look
from ..pf.rules import Ruleset
from ..system import cli

PATHS = ("/sbin/pfctl",)
_LETTERS = "a:AdD:eqf:F:ghi:k:K:mMnNOo:Pp:rRs:St:T:vx:z"
_SHOWN = (
    *("ether", "nat", "queue", "rules", "Anchors", "Sources", "states", "info", "Interfaces", "labels", "timeouts"),
    *("memory", "Tables", "osfp", "Running", "all", "creatorids"),
)
_FLUSHED = ("nat", "queue", "rules", "Sources", "states", "info", "Tables", "osfp", "all", "ethernet", "Reset")
_NAME_SIZE = 64


def _usage() -> int:
    print("usage: pfctl [-AdeghMmNnOPqRSrvz] [-a anchor] [-D macro=value] [-F modifier]", file=sys.stderr)
    print("\t[-f file] [-i interface] [-K host | network]", file=sys.stderr)
    print("\t[-k host | network | gateway | label | id] [-o level] [-p device]", file=sys.stderr)
    print("\t[-s modifier] [-t table -T command [address ...]] [-x level]", file=sys.stderr)
    return 1


def _said(text: str) -> int:
    cli.warn("pfctl", text)
    return 1


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, _LETTERS, _usage)
    given = dict(options)
    other = set(given) - set("adefFnqsv")
    if other:
        cli.not_built("pfctl", f"-{min(other)}")
    if len(argv) < 2:
        return _usage()
    if words:
        _said(f"unknown command line argument: {words[0]} ...")
        return _usage()
    if not loaded("pf") and "n" not in given:
        return _said("/dev/pf: No such file or directory")
    show, flush = _modifier(given.get("s"), _SHOWN), _modifier(given.get("F"), _FLUSHED)
    for option, text, kind in (("s", show, "show"), ("F", flush, "flush")):
        if option in given and not text:
            _said(f"Unknown {kind} modifier '{given[option]}'")
            return _usage()
    anchor = given.get("a", "")
    quiet = "q" in given
    if "v" in given and "n" not in given:
        print("No ALTQ support in kernel\nALTQ related functions disabled", file=sys.stderr)
    if "n" in given and "v" in given:
        cli.not_built("pfctl", "-nv")
    if "n" in given:
        return _load(given["f"], anchor, dry=True) if "f" in given else 0
    status = 0
    if "d" in given:
        status |= _turn(False, quiet)
    if show:
        status |= _show(look(), show, anchor, verbose="v" in given)
    if flush and not status:
        status |= _flush(flush, anchor, quiet)
    if "f" in given and not status:
        status |= _load(given["f"], anchor, dry=False)
    return status | (_turn(True, quiet) if "e" in given and not status else 0)


def _modifier(given: object, known: Sequence[str]) -> str:
    """Abbreviations are fine: the first that begins so."""
    return next((name for name in known if given and name.startswith(str(given))), "")


def _turn(on: bool, quiet: bool) -> int:
    with kernel() as pf:
        if pf.enabled == on:
            return _said("pf already enabled" if on else "pf not enabled")
        pf.turn(on)
    if not quiet:
        print("pf enabled" if on else "pf disabled", file=sys.stderr)
    return 0


# rules


def _load(path: str, anchor: str, dry: bool) -> int:
    """Read a file of rules, and load it unless that is only tried."""
    anchor = anchor.lstrip("/")
    if len(anchor) >= _NAME_SIZE:
        return _said("pfctl_rules: strlcpy")
    found: List[grammar.Parsed] = []
    names = [(anchor, path)]
    while names:
        name, file = names.pop(0)
        try:
            text = sys.stdin.read() if file == "-" else _read(file)
        except OSError as error:
            _said(f"{file}: {error.strerror}")
            _said(f"cannot open the main config file!: {error.strerror}")
            return _said("load anchors") if found else 1
        try:
            parsed = grammar.parse(text, "stdin" if file == "-" else file)
        except grammar.NotBuilt as what:
            cli.not_built("pfctl", str(what))
        if parsed.errors:
            print("\n".join(parsed.errors), file=sys.stderr)
            return 1 if dry else _said("Syntax error in config file: pf rules not loaded")
        found.append(parsed)
        names += [(f"{name}/{inner}" if name else inner, other) for inner, other in parsed.anchors]
        if not dry:
            _take(name, parsed)
    return 0


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def _take(anchor: str, parsed: grammar.Parsed) -> None:
    with kernel() as pf:
        if anchor:
            pf.anchors[anchor] = parsed.ruleset
        else:
            pf.main, pf.skip = parsed.ruleset, parsed.skip


def _flush(what: str, anchor: str, quiet: bool) -> int:
    """``-F``: what was there is gone. An anchor that is empty is no more, and has no tables to flush either."""
    if what not in ("all", "nat", "rules"):
        cli.not_built("pfctl", f"-F {what}")
    said = []
    with kernel() as pf:
        ruleset = pf.anchors.get(anchor, Ruleset()) if anchor else pf.main
        if what == "all":
            said.append("Ethernet rules cleared")
        if what in ("all", "rules"):
            ruleset.scrub.clear()
            ruleset.filter.clear()
            said.append("rules cleared")
        if what in ("all", "nat"):
            ruleset.nat.clear()
            ruleset.rdr.clear()
            said.append("nat cleared")
        if what == "all" and not anchor:
            pf.skip.clear()
    if not quiet:
        print("\n".join(said), file=sys.stderr)
    if what == "all" and anchor:
        _said("Anchor or Ruleset does not exist.")
    return 0


# showing


def _show(pf: Kernel, what: str, anchor: str, verbose: bool) -> int:
    if what == "Anchors":
        return _show_anchors(pf, anchor, verbose)
    if what == "Running":
        print("Enabled" if pf.enabled else "Disabled")
        return 0 if pf.enabled else 1
    if what == "info":
        line = f"Status: {'Enabled' if pf.enabled else 'Disabled'}{_since(pf)}"
        print(f"{line:<44}{'Debug: Urgent':>15}\n")
        print(f"{'State Table':<27}{'Total':>15}{'Rate':>17}")
        return 0
    if what not in ("nat", "rules") or verbose:
        cli.not_built("pfctl", f"{'-v ' if verbose else ''}-s {what}")
    if anchor.endswith("*"):
        return 0
    anchor = anchor.lstrip("/")
    if anchor and anchor not in pf.names():
        _said("DIOCGETRULES: Invalid argument")
        return 0
    ruleset = pf.anchors.get(anchor, Ruleset()) if anchor else pf.main
    rules = [*ruleset.nat, *ruleset.rdr] if what == "nat" else [*ruleset.scrub, *ruleset.filter]
    for rule in rules:
        print(rule.text())
    return 0


def _since(pf: Kernel) -> str:
    """How long it has been on or off; nothing when it was not switched since it was loaded."""
    if pf.since is None:
        return ""
    seconds = int(time.time() - pf.since)
    return f" for {seconds // 86400} days {seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _show_anchors(pf: Kernel, anchor: str, verbose: bool) -> int:
    """With -v those below each as well. The anchors of Ethernet rules, of which there are none, come behind."""
    if anchor and anchor not in pf.names():
        print(f"Anchor '{anchor}' not found.", file=sys.stderr)
    _walk(pf, anchor, verbose)
    if anchor:
        cli.flush()
        print(f"Anchor '{anchor}' not found.", file=sys.stderr)
    return 0


def _walk(pf: Kernel, path: str, verbose: bool) -> None:
    for name in pf.children(path):
        if not name.startswith("_") or verbose:
            print(f"  {name}")
        if verbose:
            _walk(pf, name, verbose)
