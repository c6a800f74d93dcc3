# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``PYTHONPATH=tests/lab python3 -m replay [-v] [NAME…]``: replay transcripts, print how much agrees by command."""

from __future__ import annotations

import argparse
import sys
from typing import Dict, Iterable, List

from . import runner, transcript
from .runner import Verdict

OUTCOMES = ("agree", "differ", "skipped", "absent")


def count(verdicts: Iterable[Verdict]) -> Dict[str, Dict[str, int]]:
    """For each command how many of its entries came out how."""
    counts: Dict[str, Dict[str, int]] = {}
    for verdict in verdicts:
        row = counts.setdefault(verdict.owner, dict.fromkeys(OUTCOMES, 0))
        row[verdict.outcome] += 1
    return counts


def table_of(counts: Dict[str, Dict[str, int]]) -> str:
    """How many agree of how many, for each command; "not there yet" beside it."""
    lines = [f"{'command':<20} {'agree':>6} {'of':>6}  {'not there yet':>13}"]
    total = dict.fromkeys(OUTCOMES, 0)
    for owner in sorted(counts):
        lines.append(_row(owner, counts[owner]))
        total = {key: total[key] + counts[owner][key] for key in OUTCOMES}
    lines.append(_row("all", total))
    return "\n".join(lines)


def _row(label: str, counts: Dict[str, int]) -> str:
    tried = counts["agree"] + counts["differ"] + counts["skipped"]
    return f"{label[:20]:<20} {counts['agree']:>6} {tried:>6}  {counts['absent'] or '':>13}"


def main() -> int:
    """Exit status 1 when something differs that is not known."""
    parser = argparse.ArgumentParser(prog="replay")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every difference that is not known")
    parser.add_argument("-a", "--all", action="store_true", help="print the known ones, too")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(transcript.names())}")
    args = parser.parse_args()
    verdicts: List[Verdict] = []
    status = 0
    for name in args.names or transcript.names():
        known = runner.known_differences(name)
        for verdict in runner.replay(name):
            verdicts.append(verdict)
            unlisted = verdict.outcome == "differ" and verdict.entry.line not in known
            vanished = verdict.outcome == "agree" and verdict.entry.line in known
            if vanished:
                print(f"{name}.txt line {verdict.entry.line} agrees now: take it from the known differences")
            if (args.verbose and unlisted) or (args.all and verdict.outcome == "differ"):
                print(f"{name}.txt {verdict.difference()}\n")
            status |= unlisted or vanished
    print(table_of(count(verdicts)))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
