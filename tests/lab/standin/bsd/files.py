# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cp, ln, link, mkdir, mkfifo, mktemp, mv, readlink, realpath, rm, rmdir, truncate, unlink."""

from __future__ import annotations

import os
import stat
import sys

from .options import Options, UsageError, fail
from .tool import Tool

TYPE_CHECKING = False  # typing itself would double the time that a small tool takes to start
if TYPE_CHECKING:
    from typing import Dict, List, Optional

_CP = """usage: cp [-R [-H | -L | -P]] [-f | -i | -n] [-alpsvx] source_file target_file
       cp [-R [-H | -L | -P]] [-f | -i | -n] [-alpsvx] source_file ... target_directory"""
_MV = """usage: mv [-f | -i | -n] [-hv] source target
       mv [-f | -i | -n] [-v] source ... directory"""
_LN = """usage: ln [-s [-F] | -L | -P] [-f | -i] [-hnv] source_file [target_file]
       ln [-s [-F] | -L | -P] [-f | -i] [-hnv] source_file ... target_dir
       link source_file target_file"""
_MKTEMP = """usage: mktemp [-d] [-q] [-t prefix] [-u] template ...
       mktemp [-d] [-q] [-u] -t prefix """
_RM = """usage: rm [-f | -i] [-dIPRrvWx] file ...
       unlink [--] file"""
_TRUNCATE = """usage: truncate [-c] -s [+|-|%|/]size[K|k|M|m|G|g|T|t] file ...
       truncate [-c] -r rfile file ...
       truncate [-c] -d [-o offset[K|k|M|m|G|g|T|t]] -l length[K|k|M|m|G|g|T|t] file ..."""
_UNITS = {"k": 10, "m": 20, "g": 30, "t": 40}


def warn(name: str, what: str, error: Optional[OSError] = None) -> int:
    """warn(3): what, and the system's reason; always 1, the exit status that follows from it."""
    sys.stdout.flush()
    sys.stderr.write(f"{name}: {what}" + (f": {error.strerror}" if error is not None else "") + "\n")
    return 1


def _has(options: Options, letters: str) -> bool:
    return any(letter in letters for letter, _unused in options)


def _say(options: Options, line: str) -> None:
    if _has(options, "v"):
        print(line)


def _target(options: Options, source: str, operands: List[str], follow: bool = True) -> str:
    """Where ``source`` goes: into the last operand if that is a directory, else to its name."""
    last = operands[-1]
    into = os.path.isdir(last) if follow else os.path.isdir(last) and not os.path.islink(last)
    return os.path.join(last, os.path.basename(source.rstrip("/"))) if into else last


def _cp(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) > 2 and not os.path.isdir(operands[-1]):
        raise UsageError(f"cp: {operands[-1]} is not a directory\n{_CP}", 64)
    # The recording's -R of "." into a new directory copies what is in it.
    return max([_copy(options, source, _target(options, source, operands)) for source in operands[:-1]])


def _copy(options: Options, source: str, target: str) -> int:
    recursive = _has(options, "Rra")
    keep = _has(options, "pa")
    as_link = (recursive and not _has(options, "L")) or _has(options, "P")
    try:
        facts = os.lstat(source) if as_link else os.stat(source)
    except OSError as error:
        return warn("cp", source, error)
    if stat.S_ISDIR(facts.st_mode):
        if not recursive:
            return warn("cp", f"{source} is a directory (not copied).")
        return _copy_tree(options, source, target, facts)
    if os.path.lexists(target):
        if _has(options, "n"):
            return 1
        if os.path.exists(target) and os.path.samefile(source, target):
            return warn("cp", f"{source} and {target} are identical (not copied).")
        if _has(options, "f") and not os.path.isdir(target):
            os.unlink(target)
    try:
        _copy_one(options, source, target, facts)
        if keep:
            _keep(target, facts)
    except OSError as error:
        return warn("cp", str(error.filename2 or error.filename or target), error)
    _say(options, f"{source} -> {target}")
    return 0


def _copy_one(options: Options, source: str, target: str, facts: os.stat_result) -> None:
    if _has(options, "l"):
        os.link(source, target)
    elif _has(options, "s"):
        os.symlink(source, target)
    elif stat.S_ISLNK(facts.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISFIFO(facts.st_mode):
        os.mkfifo(target, stat.S_IMODE(facts.st_mode))
    else:
        is_new = not os.path.exists(target)
        with open(source, "rb") as reader, open(target, "wb") as writer:
            while True:
                data = reader.read(1 << 20)
                if not data:
                    break
                writer.write(data)
        if is_new:
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(target, stat.S_IMODE(facts.st_mode) & ~umask & 0o777)


def _keep(target: str, facts: os.stat_result) -> None:
    """cp -p: times, owner, mode."""
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns), follow_symlinks=False)
    os.chown(target, facts.st_uid, facts.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(facts.st_mode):
        os.chmod(target, stat.S_IMODE(facts.st_mode))


def _copy_tree(options: Options, source: str, target: str, facts: os.stat_result) -> int:
    try:
        names = sorted(os.listdir(source))
        if not os.path.isdir(target):
            os.mkdir(target, stat.S_IMODE(facts.st_mode) | stat.S_IRWXU)
    except OSError as error:
        return warn("cp", str(error.filename), error)
    _say(options, f"{source} -> {target}")
    status = 0
    for entry in names:
        status |= _copy(options, os.path.join(source, entry), os.path.join(target, entry))
    if _has(options, "pa"):
        _keep(target, facts)
    return status


def _mv(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) > 2 and not os.path.isdir(operands[-1]):
        raise UsageError(f"mv: {operands[-1]} is not a directory\n{_MV}", 64)
    status = 0
    for source in operands[:-1]:
        target = _target(options, source, operands, follow=not _has(options, "h"))
        if not os.path.lexists(source):
            status |= warn("mv", f"rename {source} to {target}: No such file or directory")
            continue
        if _has(options, "n") and os.path.lexists(target):
            continue
        try:
            _move(source, target)
        except OSError as error:
            status |= warn("mv", f"rename {source} to {target}", error)
            continue
        _say(options, f"{source} -> {target}")
    return status


def _move(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno != 18:  # EXDEV: from one file system to another mv copies
            raise
        import shutil

        shutil.move(source, target)


def _ln(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) == 1:
        operands = [operands[0], os.path.basename(operands[0])]
    if len(operands) > 2 and not os.path.isdir(operands[-1]):
        raise UsageError(f"ln: {operands[-1]}: Not a directory", 1)
    follow = not _has(options, "hn")
    return max([_link(options, source, _target(options, source, operands, follow)) for source in operands[:-1]])


def _link(options: Options, source: str, target: str) -> int:
    symbolic = _has(options, "s")
    if not symbolic:
        if not os.path.lexists(source):
            return warn("ln", f"{source}: No such file or directory")
        if os.path.isdir(source):
            return warn("ln", f"{source}: Is a directory")
    try:
        if _has(options, "fF") and os.path.lexists(target):
            if os.path.isdir(target) and not os.path.islink(target):
                os.rmdir(target)
            else:
                os.unlink(target)
        if symbolic:
            os.symlink(source, target)
        else:
            os.link(source, target, follow_symlinks=not _has(options, "P"))
    except OSError as error:
        return warn("ln", target, error)
    _say(options, f"{target} {'-' if symbolic else '='}> {source}")
    return 0


def _hard_link(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) != 2:
        raise UsageError("usage: link source_file target_file", 1)
    return _link([], operands[0], operands[1])


def _mkdir(name: str, options: Options, operands: List[str]) -> int:
    from .modes import parse_mode

    status = 0
    given = [value for letter, value in options if letter == "m"]
    for path in operands:
        mode = 0o777
        if given:
            parsed = parse_mode(given[-1], 0o777, directory=True)
            if parsed is None:
                fail("mkdir", f"invalid file mode: {given[-1]}")
            mode = parsed
        status |= _make_directory(options, path, mode, bool(given))
    return status


def _make_directory(options: Options, path: str, mode: int, exact: bool) -> int:
    missing = [path]
    if _has(options, "p"):
        missing = []
        above = path.rstrip("/") or "/"
        while above and not os.path.isdir(above):
            missing.insert(0, above)
            above = os.path.dirname(above)
    for step in missing:
        try:
            os.mkdir(step, mode if step == missing[-1] else 0o777)
        except OSError as error:
            # The name that is in the way is what FreeBSD complains about; for a missing parent, the parent.
            subject = os.path.dirname(step) if error.errno == 2 and os.path.dirname(step) else step
            return warn("mkdir", subject, error)
        if exact and step == missing[-1]:
            os.chmod(step, mode)
        _say(options, step)
    return 0


def _mkfifo(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands:
        try:
            os.mkfifo(path)
        except OSError as error:
            status |= warn("mkfifo", path, error)
    return status


def _mktemp(name: str, options: Options, operands: List[str]) -> int:
    prefixes = [value for letter, value in options if letter == "t"]
    templates = list(operands)
    if prefixes or not operands:
        templates.insert(0, os.path.join(os.environ.get("TMPDIR") or "/tmp", (prefixes or ["tmp"])[-1]) + ".XXXXXXXXXX")
    for template in templates:
        try:
            print(_temporary(template, _has(options, "d"), _has(options, "u")))
        except OSError as error:
            if not _has(options, "q"):
                what = "mkdtemp" if _has(options, "d") else "mkstemp"
                sys.stdout.flush()
                sys.stderr.write(f"mktemp: {what} failed on {error.filename}: {error.strerror}\n")
            return 1
    return 0


def _temporary(template: str, directory: bool, unlink: bool) -> str:
    """mkstemp(3): trailing X are replaced; without any, the name itself must be free."""
    import random
    import string

    stem = template.rstrip("X")
    letters = string.ascii_letters + string.digits
    while True:
        path = stem + "".join(random.choice(letters) for _unused in template[len(stem) :])
        try:
            if directory:
                os.mkdir(path, 0o700)
            else:
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            if path == template:
                raise
            continue
        if unlink:
            os.rmdir(path) if directory else os.unlink(path)
        return path


def _readlink(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands:
        try:
            text = os.path.realpath(path, strict=True) if _has(options, "f") else os.readlink(path)
        except OSError:
            status = 1
            continue
        sys.stdout.write(text + ("" if _has(options, "n") else "\n"))
    return status


def _realpath(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands or ["."]:
        try:
            print(os.path.realpath(path, strict=True))
        except OSError as error:
            status = 1
            if not _has(options, "q"):
                warn("realpath", path, error)
    return status


def _rm(name: str, options: Options, operands: List[str]) -> int:
    if not operands:
        if _has(options, "f"):
            return 0
        raise UsageError(_RM, 64)
    return max([_remove(options, path) for path in operands])


def _remove(options: Options, path: str) -> int:
    quiet = _has(options, "f")
    last = path.rstrip("/").rsplit("/", 1)[-1]
    if last in (".", ".."):
        return warn("rm", '"." and ".." may not be removed')
    if path and not path.rstrip("/"):
        return warn("rm", '"/" may not be removed')
    try:
        facts = os.lstat(path)
        if not stat.S_ISDIR(facts.st_mode):
            os.unlink(path)
        elif _has(options, "Rr"):
            return _remove_tree(options, path)
        elif _has(options, "d"):
            os.rmdir(path)
        else:
            return warn("rm", f"{path}: is a directory")
    except FileNotFoundError as error:
        return 0 if quiet else warn("rm", path, error)
    except NotADirectoryError as error:
        return 0 if quiet else warn("rm", path, error)
    except OSError as error:
        return warn("rm", path, error)
    _say(options, path)
    return 0


def _remove_tree(options: Options, path: str) -> int:
    status = 0
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        status |= _remove([*options, ("f", "")], os.path.join(path, name))
    try:
        os.rmdir(path)
    except OSError as error:
        return status | warn("rm", path, error)
    _say(options, path)
    return status


def _unlink(name: str, options: Options, operands: List[str]) -> int:
    if len(operands) != 1:
        raise UsageError(_RM, 64)
    try:
        os.unlink(operands[0])
    except IsADirectoryError:
        return warn("unlink", f"{operands[0]}: is a directory")
    except OSError as error:
        return warn("unlink", operands[0], error)
    return 0


def _rmdir(name: str, options: Options, operands: List[str]) -> int:
    status = 0
    for path in operands:
        step = path
        while step:
            try:
                os.rmdir(step)
            except OSError as error:
                status |= warn("rmdir", step, error)
                break
            _say(options, step)
            step = os.path.dirname(step.rstrip("/")) if _has(options, "p") else ""
            if step == "/":
                break
    return status


def _size(text: str) -> int:
    """expand_number(3), with the sign that truncate(1) takes."""
    digits = text.lstrip("+-%/")
    unit = digits[-1:].lower()
    number = digits[:-1] if unit in _UNITS else digits
    if not number.isdigit():
        fail("truncate", f"invalid size argument `{text}'")
    return int(number) << _UNITS.get(unit, 0)


def _truncate(name: str, options: Options, operands: List[str]) -> int:
    values = dict(options)
    if not operands or not ({"s", "r"} & set(values) or {"d", "l"} <= set(values)):
        raise UsageError(_TRUNCATE, 1)
    status = 0
    for path in operands:
        if "c" in values and not os.path.exists(path):
            continue
        try:
            _resize(path, values)
        except OSError as error:
            status |= warn("truncate", str(error.filename or path), error)
    return status


def _resize(path: str, values: Dict[str, str]) -> None:
    flags = os.O_RDWR | (0 if "c" in values else os.O_CREAT)
    fd = os.open(path, flags, 0o666)
    try:
        old = os.fstat(fd).st_size
        if "d" in values:
            start = min(old, _size(values.get("o", "0")))
            length = min(old - start, _size(values["l"]))
            os.pwrite(fd, b"\0" * length, start)
            return
        os.ftruncate(fd, os.stat(values["r"]).st_size if "r" in values else _new_size(values["s"], old))
    finally:
        os.close(fd)


def _new_size(text: str, old: int) -> int:
    size = _size(text)
    if text[:1] == "+":
        return old + size
    if text[:1] == "-":
        return max(0, old - size)
    if text[:1] == "%":
        return -(-old // size) * size
    if text[:1] == "/":
        return old // size * size
    return size


TOOLS = {
    "cp": Tool(_cp, "HLPRafilnprsvx", _CP, 64, unbuilt="ix", operands=2),
    "link": Tool(_hard_link, "", "usage: link source_file target_file"),
    "ln": Tool(_ln, "FLPfhinsvw", _LN, unbuilt="iw", operands=1),
    "mkdir": Tool(_mkdir, "m:pv", "usage: mkdir [-pv] [-m mode] directory_name ...", 64, operands=1),
    "mkfifo": Tool(_mkfifo, "m:", "usage: mkfifo [-m mode] fifo_name ...", unbuilt="m", operands=1),
    "mktemp": Tool(_mktemp, "dqt:u", _MKTEMP),
    "mv": Tool(_mv, "fhinv", _MV, 64, unbuilt="i", operands=2),
    "readlink": Tool(_readlink, "fn", "usage: readlink [-fn] [file ...]"),
    "realpath": Tool(_realpath, "q", "usage: realpath [-q] [path ...]"),
    "rm": Tool(_rm, "dfiIPRrvWx", _RM, 64, unbuilt="iW"),
    "rmdir": Tool(_rmdir, "pv", "usage: rmdir [-pv] directory ...", operands=1),
    "truncate": Tool(_truncate, "cdl:o:r:s:", _TRUNCATE),
    "unlink": Tool(_unlink, "", _RM, 64),
}
