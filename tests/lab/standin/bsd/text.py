# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""basename, cat, cmp, dirname, echo, false, head, jot, printf, rev, seq, tail, tee, true, wc, yes."""

from __future__ import annotations

import os
import sys

from .options import Options, UsageError, fail, warn
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import BinaryIO, Iterator, List, Optional, Tuple

_CHUNK = 1 << 16


def _streams(name: str, operands: List[str], complain: str = "{}") -> Iterator[Tuple[str, Optional[BinaryIO]]]:
    """Each operand opened ("-" and no operand: stdin); None for one that could not be (the complaint is made)."""
    for path in operands or ["-"]:
        if path == "-":
            yield path, sys.stdin.buffer
            continue
        try:
            stream = open(path, "rb")  # noqa: SIM115  (closed below, after the consumer is done with it)
            if os.path.isdir(path):
                stream.close()
                raise IsADirectoryError(21, "Is a directory")
        except OSError as error:
            warn(name, complain.format(path), error)
            yield path, None
            continue
        with stream:
            yield path, stream


def _out(data: bytes) -> None:
    """Straight to the descriptor: a reader downstream sees it at once, and a broken pipe ends us."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def _cat(name: str, options: Options, operands: List[str]) -> int:
    letters = {letter for letter, _unused in options}
    status = 0
    number = 0
    blank = False
    for _unused, stream in _streams(name, operands):
        if stream is None:
            status = 1
        elif not letters - {"u"}:
            while True:
                data = os.read(stream.fileno(), _CHUNK)
                if not data:
                    break
                _out(data)
        else:
            for line in stream:
                if "s" in letters and line == b"\n" and blank:
                    continue
                blank = line == b"\n"
                counted = "n" in letters or ("b" in letters and not blank)
                number += counted
                _out((b"%6d\t" % number if counted else b"") + _visible(line, letters))
    return status


def _visible(line: bytes, letters: set[str]) -> bytes:
    if not letters & {"v", "e", "t"}:
        return line
    text = bytearray()
    for byte in line:
        if byte == 10:
            text += b"$\n" if "e" in letters else b"\n"
        elif byte == 9 and "t" not in letters:
            text.append(byte)
        else:
            low = byte & 127
            text += b"M-" if byte > 127 else b""
            text += b"^?" if low == 127 else bytes((94, low + 64)) if low < 32 else bytes((low,))
    return bytes(text)


def _head(name: str, options: Options, operands: List[str]) -> int:
    lines, size = 10, None
    for letter, value in options:
        if letter == "c":
            size = int(value) if value.isdigit() and int(value) else fail("head", f"illegal byte count -- {value}")
        elif letter == "n":
            lines = int(value) if value.isdigit() and int(value) else fail("head", f"illegal line count -- {value}")
    status = 0
    for index, (path, stream) in enumerate(_streams(name, operands)):
        if stream is None:
            status = 1
            continue
        if len(operands) > 1:
            _out(b"%s==> %s <==\n" % (b"\n" if index else b"", path.encode()))
        if size is not None:
            _out(stream.read(size))
            continue
        for _unused in range(lines):
            line = stream.readline()
            if not line:
                break
            _out(line)
    return status


def _old_count(words: List[str]) -> List[str]:
    """``-5`` is ``-n 5``, as head and tail have always taken it."""
    result: List[str] = []
    for word in words:
        value = bool(result) and result[-1] in ("-n", "-c", "-b")
        result.append(f"-n{word[1:]}" if word[:1] == "-" and word[1:].isdigit() and not value else word)
    return result


def _head_words(name: str, options: Options, words: List[str]) -> int:
    from .options import getopt

    given, operands = getopt(
        name, _old_count(words), "n:c:qv", _HEAD, longs={"bytes=": "c", "lines=": "n", "quiet": "q", "verbose": "v"}
    )
    return _head(name, given, operands)


def _tail_words(name: str, options: Options, words: List[str]) -> int:
    from .native import become, words_of
    from .options import getopt

    given, operands = getopt(name, _old_count(words), "Fb:c:fn:qrv", _TAIL, longs={"bytes=": "c", "lines=": "n"})
    letters = [letter for letter, _unused in given]
    if "r" in letters:
        return _tail_reverse(given, operands)
    if "F" in letters or "f" in letters:
        if "F" in letters:
            # FreeBSD's -F waits without a word for a file that is not there.
            os.dup2(os.open("/dev/null", os.O_WRONLY), 2)
        become("tail", words_of(given, operands))
    status = 0
    for path in operands:
        if not os.path.exists(path):
            status |= warn("tail", f"{path}: No such file or directory")
    present = [path for path in operands if os.path.exists(path)]
    if operands and not present:
        return status
    pairs = [(letter, str(int(value) * 512) if letter == "b" else value) for letter, value in given]
    become("tail", words_of([("c" if letter == "b" else letter, value) for letter, value in pairs], present))


def _tail_reverse(options: Options, operands: List[str]) -> int:
    limit = [int(value) for letter, value in options if letter == "n"]
    status = 0
    for _unused, stream in _streams("tail", operands):
        if stream is None:
            status = 1
            continue
        lines = stream.read().splitlines(keepends=True)[::-1]
        for line in lines[: limit[-1]] if limit else lines:
            _out(line)
    return status


def _wc(name: str, options: Options, operands: List[str]) -> int:
    letters = {letter for letter, _unused in options} & set("clmwL") or {"l", "w", "c"}
    totals = [0, 0, 0, 0]
    status = 0
    for path, stream in _streams(name, operands, "{}: open"):
        if stream is None:
            status = 1
            continue
        counts = [0, 0, 0, 0]
        for line in stream:
            counts[0] += line.endswith(b"\n")
            counts[1] += len(line.split())
            counts[2] += len(line)
            counts[3] = max(counts[3], len(line.rstrip(b"\n")))
        _wc_line(letters, counts, path if operands else "")
        totals = [a + b for a, b in zip(totals[:3], counts[:3])] + [max(totals[3], counts[3])]
    if len(operands) > 1:
        _wc_line(letters, totals, "total")
    return status


def _wc_line(letters: set[str], counts: List[int], label: str) -> None:
    shown = [count for letter, count in zip(("l", "w", "c", "L"), counts) if letter in letters]
    if "m" in letters and "c" not in letters:
        shown.insert(sum(letter in letters for letter in "lw"), counts[2])
    print("".join(f" {count:7d}" for count in shown) + (f" {label}" if label else ""))


def _tee(name: str, options: Options, operands: List[str]) -> int:
    letters = {letter for letter, _unused in options}
    if "i" in letters:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = 0
    targets = []
    for path in operands:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if "a" in letters else os.O_TRUNC)
        try:
            targets.append(os.open(path, flags, 0o666))
        except OSError as error:
            status = warn(name, path, error)
    while True:
        data = os.read(0, _CHUNK)
        if not data:
            return status
        _out(data)
        for target in targets:
            os.write(target, data)


def _cmp(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    quiet = "s" in values
    limit = int(values["n"]) if "n" in values else None
    contents = []
    for path in operands[:2]:
        try:
            with sys.stdin.buffer if path == "-" else open(path, "rb") as stream:
                contents.append(stream.read(-1 if limit is None else limit))
        except OSError as error:
            if not quiet:
                warn(name, path, error)
            return 2
    first, second = contents
    for index, (one, two) in enumerate(zip(first, second)):
        if one != two:
            if not quiet:
                line = first[:index].count(b"\n") + 1
                print(f"{operands[0]} {operands[1]} differ: char {index + 1}, line {line}")
            return 1
    if len(first) != len(second):
        if not quiet:
            warn(name, f"EOF on {operands[0] if len(first) < len(second) else operands[1]}")
        return 1
    return 0


def _basename(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    suffix = values.get("s", "")
    paths = operands
    if not options and len(operands) == 2:
        paths, suffix = operands[:1], operands[1]
    elif not options and len(operands) > 2:
        raise UsageError(_BASENAME, 1)
    for path in paths:
        last = os.path.basename(path.rstrip("/")) or ("/" if path else "")
        print(last[: -len(suffix)] if suffix and last.endswith(suffix) and last != suffix else last)
    return 0


def _dirname(name: str, options: Options, operands: List[str]) -> int:
    for path in operands:
        print(os.path.dirname(path.rstrip("/") or path) or ("/" if path.startswith("/") else "."))
    return 0


def _echo(name: str, options: Options, words: List[str]) -> int:
    """/bin/echo: -n first, or a final \\c, keeps the newline away; nothing else is special."""
    end = "\n"
    if words[:1] == ["-n"]:
        words, end = words[1:], ""
    elif words and words[-1].endswith("\\c"):
        words, end = [*words[:-1], words[-1][:-2]], ""
    sys.stdout.write(" ".join(words) + end)
    return 0


def _printf(name: str, options: Options, words: List[str]) -> int:
    """As the shell's own printf; what only GNU's knows is refused."""
    import re

    from .native import become

    if not words:
        raise UsageError("usage: printf format [arguments ...]", 1)
    wrong = re.search(r"%[-+ #0-9.*']*([^-+ #0-9.*'%bcdiouxXeEfFgGaAs])", words[0].replace("%%", ""))
    if wrong:
        fail("printf", f"illegal format character {wrong.group(1)}")
    become("printf", words)


def _rev(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for _unused, stream in _streams(name, operands):
        if stream is None:
            status = 1
            continue
        for line in stream:
            _out(line.rstrip(b"\n")[::-1] + b"\n")
    return status


def _seq(name: str, options: Options, words: List[str]) -> int:
    from .native import become
    from .options import getopt

    index = 0
    # A negative number is an operand.
    while index < len(words) and words[index].startswith("-") and not words[index][1:2].isdigit():
        index += 1 + (words[index] in ("-f", "-s", "-t"))
    given, _unused = getopt(name, words[:index], "f:s:t:w", _SEQ)
    become("seq", [*(f"-{letter}{value}" for letter, value in given), *words[index:]])


def _jot(name: str, options: Options, operands: List[str]) -> int:
    """reps, begin, end, step: what is left out or "-" follows from the others."""
    import random

    values = dict(options)
    given = [None if word == "-" else float(word) for word in operands] + [None] * 4
    reps, begin, end, step = given[:4]
    if step is None:
        counted = reps is not None and begin is not None and end is not None
        step = _jot_step(reps or 0.0, begin or 0.0, end or 0.0) if counted else 1.0
    if begin is None:
        begin = end - (reps - 1) * step if end is not None and reps is not None else 1.0
    if reps is None:
        reps = 100.0 if end is None else (end - begin) / step + 1
    decimals = max([len(word.partition(".")[2]) for word in operands[1:]] or [0])
    shown = []
    for index in range(int(reps)):
        number = random.uniform(begin, end if end is not None else 100.0) if "r" in values else begin + index * step
        shown.append(_jot_word(values, number, int(values.get("p", decimals))))
    sys.stdout.write(values.get("s", "\n").join(shown) + ("" if "n" in values else "\n"))
    return 0


def _jot_step(reps: float, begin: float, end: float) -> float:
    return (end - begin) / (reps - 1) if reps > 1 else 0.0


def _jot_word(values: dict[str, str], number: float, decimals: int) -> str:
    if "b" in values:
        return values["b"]
    if "c" in values:
        return chr(int(number))
    if "w" in values:
        form = values["w"]
        if "%" not in form:
            return form + (f"{number:.{decimals}f}")
        return form % (int(number) if form.rstrip()[-1] in "dxXocu" else number)
    return f"{number:.{decimals}f}"


def _yes(name: str, options: Options, operands: List[str]) -> int:
    line = (" ".join(operands) or "y").encode() + b"\n"
    while True:
        _out(line * 256)


def _true(name: str, options: Options, operands: List[str]) -> int:
    return 0


def _false(name: str, options: Options, operands: List[str]) -> int:
    return 1


_HEAD = "usage: head [-n lines | -c bytes] [file ...]"
_TAIL = "usage: tail [-F | -f | -r] [-q] [-b # | -c # | -n #] [file ...]"
_BASENAME = "usage: basename string [suffix]\n       basename [-a] [-s suffix] string [...]"
_SEQ = "usage: seq [-w] [-f format] [-s string] [-t string] [first [incr]] last"
_CMP_USAGE = "usage: cmp [-l | -s | -x] [-hz] [--ignore-initial=num[:num]] [--bytes=num] file1 file2 [skip1 [skip2]]"
_WC_LONGS = {"libxo?": "_"}

TOOLS = {
    "basename": Tool(_basename, "as:", _BASENAME, operands=1),
    "cat": Tool(_cat, "belnstuv", "usage: cat [-belnstuv] [file ...]", unbuilt="l"),
    "cmp": Tool(_cmp, "bhi:ln:sxz", _CMP_USAGE, 2, unbuilt="bhilxz", longs={"bytes=": "n", "silent": "s"}, operands=2),
    "dirname": Tool(_dirname, "", "usage: dirname string [...]", operands=1),
    "echo": Tool(_echo, None, ""),
    "false": Tool(_false, None, ""),
    "head": Tool(_head_words, None, _HEAD),
    "jot": Tool(_jot, "b:cnp:rs:w:", "usage: jot [-cnr] [-b word] [-w word] [-s string] [-p precision] [reps ...]"),
    "printf": Tool(_printf, None, ""),
    "rev": Tool(_rev, "", "usage: rev [file ...]"),
    "seq": Tool(_seq, None, _SEQ),
    "tail": Tool(_tail_words, None, _TAIL),
    "tee": Tool(_tee, "ai", "usage: tee [-ai] [file ...]"),
    "true": Tool(_true, None, ""),
    "wc": Tool(_wc, "clmwL", "usage: wc [-Lclmw] [file ...]", longs=_WC_LONGS),
    "yes": Tool(_yes, None, ""),
}
