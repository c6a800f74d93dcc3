# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tools that are Debian's own programs here: the command line is checked first, then the process becomes them.

``letters`` has FreeBSD's options; those that the program understands differently are ``unbuilt`` or translated.
"""

from __future__ import annotations

import os
import sys

from .. import launch, paths
from .options import Options, UsageError
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List, NoReturn, Optional, Sequence

    from .tool import Work

_FOLDERS = ("/usr/bin", "/usr/sbin")


def program(name: str) -> str:
    """Where Debian's program is; a lab's error when the package is not installed."""
    for folder in _FOLDERS:
        path = f"/.linux{folder}/{name}"
        if os.access(path, os.X_OK):
            return path
    sys.stderr.write(f"STANDIN: {name}: Debian's {name} is not installed on this machine\n")
    raise SystemExit(99)


def become(name: str, words: Sequence[str], binary: Optional[str] = None) -> NoReturn:
    """Become Debian's program: its own name in argv[0], POSIX behaviour, the C locale."""
    environment = {**os.environ, "LC_ALL": "C", "POSIXLY_CORRECT": "1"}
    launch.become(program(binary or name), [name, *words], environment)


def words_of(options: Options, operands: Sequence[str]) -> List[str]:
    """A parsed command line as words again."""
    words = [f"-{letter}{value}" for letter, value in options]
    return [*words, "--", *operands]


def same(binary: Optional[str] = None) -> Work:
    """Work that hands the checked command line on as it is."""

    def work(name: str, options: Options, operands: List[str]) -> int:
        become(name, words_of(options, operands), binary)

    return work


def whole(binary: Optional[str] = None, *first: str) -> Work:
    """Work of a program that is the same one on FreeBSD, or close: nothing is checked."""

    def work(name: str, options: Options, operands: List[str]) -> int:
        become(name, [*first, *operands], binary)

    return work


def _dd(name: str, options: Options, operands: List[str]) -> int:
    import subprocess

    words = []
    conversions: List[str] = []
    progress = False
    for word in operands:
        key, _unused, value = word.partition("=")
        if key in ("bs", "ibs", "obs", "count", "skip", "seek", "iseek", "oseek"):
            value = value.replace("m", "M").replace("g", "G").replace("t", "T")
            key = {"iseek": "skip", "oseek": "seek"}.get(key, key)
        if key == "status" and value == "progress":
            # Its line is overwritten each second; what is left of a short run is an empty line.
            progress = True
            continue
        if key == "oflag":
            value = value.replace("fsync", "sync")
        if key == "conv":
            conversions += value.split(",")
            continue
        if key == "of" and os.path.realpath(value).startswith(paths.DISK + "/"):
            # A device keeps its size, the file behind its node would not.
            conversions.append("notrunc")
        words.append(f"{key}={value}")
    if conversions:
        words.append("conv=" + ",".join(dict.fromkeys(conversions)))
    done = subprocess.run([program("dd"), *words], stderr=subprocess.PIPE, check=False, env={"LC_ALL": "C"})
    sys.stderr.write("\n" if progress else "")
    for line in done.stderr.decode("utf-8", "surrogateescape").splitlines():
        sys.stderr.write(_dd_line(line) + "\n")
    return done.returncode


def _dd_line(line: str) -> str:
    """GNU's summary and complaints in FreeBSD's words."""
    import re

    match = re.match(r"(\d+) bytes?(?: \(.*\))? copied, ([0-9.e+-]+) s", line)
    if match:
        size, seconds = int(match.group(1)), max(float(match.group(2)), 1e-6)
        return f"{size} bytes transferred in {seconds:.6f} secs ({int(size / seconds)} bytes/sec)"
    match = re.match(r"dd: failed to open '(.*)': (.*)", line)
    return f"dd: {match.group(1)}: {match.group(2)}" if match else line


def _expr(name: str, options: Options, operands: List[str]) -> int:
    """GNU's words length, substr, index and match are not expr(1)'s."""
    if operands and operands[0] in ("length", "substr", "index", "match") and len(operands) > 1:
        raise UsageError("expr: syntax error", 2)
    become("expr", operands)


def _sort(name: str, options: Options, operands: List[str]) -> int:
    if any(letter == "_" for letter, _unused in options):
        print("2.3-FreeBSD")
        return 0
    # GNU reads input that is not there only later and names it: here the complaint is FreeBSD's.
    for path in operands:
        if path != "-" and not os.path.exists(path):
            raise UsageError("sort: No such file or directory", 2)
    become(name, words_of(options, operands))


def _diff(name: str, options: Options, operands: List[str]) -> int:
    for path in operands:
        if path != "-" and not os.path.exists(path) and not any(letter in "NP" for letter, _unused in options):
            raise UsageError(f"diff: {path}: No such file or directory", 2)
    become(name, words_of([pair for pair in options if pair[0] != "_"], operands))


def _tsort(name: str, options: Options, operands: List[str]) -> int:
    """A cycle is only a word on stderr: the status stays 0 (transcript of traps: number 50)."""
    import subprocess

    done = subprocess.run([program("tsort"), *operands], capture_output=True, check=False, env={"LC_ALL": "C"})
    sys.stdout.buffer.write(done.stdout)
    sys.stdout.flush()
    lines = done.stderr.decode("utf-8", "surrogateescape").splitlines()
    if any("loop" in line for line in lines):
        sys.stderr.write("tsort: cycle in data\n")
        sys.stderr.writelines(f"tsort: {line.split(': ', 1)[1]}\n" for line in lines if "loop" not in line)
        return 0
    sys.stderr.writelines(line + "\n" for line in lines)
    return done.returncode


def _du(name: str, options: Options, operands: List[str]) -> int:
    letters = {letter for letter, _unused in options}
    words = ["--apparent-size" if letter == "A" else f"-{letter}{value}" for letter, value in options]
    if not letters & set("ghkm"):
        # Blocks of BLOCKSIZE as bare numbers: a unit given with -B would be printed behind them.
        size = os.environ.get("BLOCKSIZE", "512").upper()
        words.append("-k" if size in ("K", "1K", "1024") else "-B512")
    os.environ.pop("BLOCKSIZE", None)
    become(name, [*words, "--", *operands])


def _awk(name: str, options: Options, operands: List[str]) -> int:
    """Debian's original-awk is the same program, of 2022."""
    if operands[:1] == ["--version"]:
        operands = ["-version"]
    become(name, operands, "original-awk")


def _stty(name: str, options: Options, operands: List[str]) -> int:
    if operands[:1] == ["-f"]:
        become(name, ["-F", *operands[1:]])
    if not os.isatty(0):
        raise UsageError("stty: stdin isn't a terminal", 1)
    become(name, operands)


def _uniq(name: str, options: Options, operands: List[str]) -> int:
    """The count has four columns where GNU's has seven."""
    if not any(letter == "c" for letter, _unused in options):
        become(name, words_of(options, operands))
    import subprocess

    done = subprocess.run([program("uniq"), *words_of(options, operands)], stdout=subprocess.PIPE, check=False)
    for line in done.stdout.splitlines(keepends=True):
        count, _unused, text = line.lstrip().partition(b" ")
        sys.stdout.buffer.write(b"%4d %s" % (int(count), text))
    return done.returncode


_DU = (
    "usage: du [-Aclnx] [-H | -L | -P] [-g | -h | -k | -m] [-a | -s | -d depth] [-B blocksize] [-I mask] "
    "[-t threshold] [file ...]"
)
_CUT = """usage: cut -b list [-n] [file ...]
       cut -c list [file ...]
       cut -f list [-s] [-w | -d delim] [file ...]"""
_SORT_LONGS = {
    **{"version": "_", "unique": "u", "reverse": "r", "numeric-sort": "n", "version-sort": "V"},
    **{"human-numeric-sort": "h", "output=": "o", "key=": "k", "field-separator=": "t", "check": "c", "stable": "s"},
}
_DIFF_LONGS = {"brief": "q", "unified": "u", "recursive": "r", "new-file": "N", "color?": "_", "text": "a"}
_DIFF_USAGE = "usage: diff [-aBbdipTtw] [-c | -e | -f | -n | -q | -u | -y] [-I pattern] [-F pattern] file1 file2"

TOOLS: Dict[str, Tool] = {
    "awk": Tool(_awk, None, ""),
    "base64": Tool(whole(), None, ""),
    "bc": Tool(whole(), None, ""),
    "bunzip2": Tool(whole(), None, ""),
    "bzcat": Tool(whole(), None, ""),
    "bzip2": Tool(whole(), None, ""),
    "chroot": Tool(whole(), None, ""),
    "cksum": Tool(whole(), None, ""),
    "column": Tool(same(), "c:s:tx", "usage: column [-tx] [-c columns] [-s sep] [file ...]"),
    "comm": Tool(same(), "123i", "usage: comm [-123i] file1 file2", unbuilt="i"),
    "cpio": Tool(whole("bsdcpio"), None, ""),
    "csplit": Tool(same(), "f:kn:s", "usage: csplit [-ks] [-f prefix] [-n number] file args ..."),
    "cut": Tool(same(), "b:c:d:f:snw", _CUT, unbuilt="w"),
    "dc": Tool(whole(), None, ""),
    "dd": Tool(_dd, None, ""),
    "diff": Tool(_diff, "aBbC:cdD:eEfF:hI:iL:lNnPpqrS:sTtU:uwW:X:x:y", _DIFF_USAGE, 2, longs=_DIFF_LONGS),
    "du": Tool(_du, "AB:HI:LPasd:cghklmnrt:x", _DU, 64, unbuilt="BIgn", longs={}),
    "ed": Tool(whole(), None, ""),
    "expand": Tool(same(), "t:", "usage: expand [-t tablist] [file ...]"),
    "expr": Tool(_expr, None, ""),
    "file": Tool(whole("file", "-m", "/.linux/usr/lib/file/magic.mgc"), None, ""),
    "fold": Tool(same(), "bsw:", "usage: fold [-bs] [-w width] [file ...]"),
    "gunzip": Tool(whole(), None, ""),
    "gzip": Tool(whole(), None, ""),
    "hexdump": Tool(whole(), None, ""),
    "join": Tool(same(), "a:e:j:1:2:o:t:v:", "usage: join [-a fileno | -v fileno ] [-e string] [-1 field] [-2 field]"),
    "less": Tool(whole(), None, ""),
    "more": Tool(whole("less"), None, ""),
    "nl": Tool(same(), "b:d:f:h:i:l:n:ps:v:w:", "usage: nl [-p] [-b type] [-d delim] [-f type] [-h type] [file]"),
    "paste": Tool(same(), "d:s", "usage: paste [-s] [-d delimiters] file ..."),
    "pax": Tool(whole(), None, ""),
    "sort": Tool(_sort, "bcCdfgHhik:Mmno:RrsS:t:T:uVz", "", 2, longs=_SORT_LONGS),
    "split": Tool(same(), "a:b:cdl:n:p:", "usage: split [-cd] [-l line_count] [-a suffix_length] [file [prefix]]"),
    "strings": Tool(whole(), None, ""),
    "stty": Tool(_stty, None, ""),
    "tar": Tool(whole("bsdtar"), None, ""),
    "tr": Tool(same(), "Ccdsu", "usage: tr [-Ccsu] string1 string2\n       tr [-Ccu] -d string1"),
    "tsort": Tool(_tsort, "dlq", "usage: tsort [-dlq] [file]", unbuilt="dlq"),
    "unexpand": Tool(same(), "at:", "usage: unexpand [-a | -t tablist] [file ...]"),
    "uniq": Tool(_uniq, "cdDuf:s:i", "usage: uniq [-cdiu] [-f fields] [-s chars] [input [output]]"),
    "unxz": Tool(whole(), None, ""),
    "unzstd": Tool(whole(), None, ""),
    "uudecode": Tool(whole(), None, ""),
    "xz": Tool(whole(), None, ""),
    "xzcat": Tool(whole(), None, ""),
    "zcat": Tool(whole(), None, ""),
    "zstd": Tool(whole(), None, ""),
    "zstdcat": Tool(whole(), None, ""),
}
