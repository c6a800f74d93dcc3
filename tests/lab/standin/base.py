# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The FreeBSD-like tree below every host's overlay, generated once and kept below ``build``.

Its name is a fingerprint of what it is made of, so a change in the commands or in ``etc`` makes a new one.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from typing import Dict, List

PACKAGE = os.path.dirname(os.path.abspath(__file__))
LIBRARY = os.path.dirname(PACKAGE)

_DIRECTORIES = (
    ".linux/dev",
    ".linux/etc",
    ".linux/packages",
    ".linux/proc",
    ".linux/sys",
    ".linux/usr",
    ".standin/bytecode",
    ".standin/disk",
    ".standin/kernel",
    ".standin/lib",
    ".standin/log",
    "bin",
    "boot/defaults",
    "boot/kernel",
    "boot/modules",
    "dev",
    "etc/defaults",
    "etc/newsyslog.conf.d",
    "etc/rc.conf.d",
    "etc/rc.d",
    "etc/ssl",
    "etc/syslog.d",
    "lib",
    "libexec",
    "media",
    "mnt",
    "net",
    "proc",
    "rescue",
    "root",
    "sbin",
    "usr/bin",
    "usr/home",
    "usr/lib",
    "usr/libdata",
    "usr/libexec",
    "usr/local/bin",
    "usr/local/etc/rc.d",
    "usr/local/lib",
    "usr/local/libexec",
    "usr/local/sbin",
    "usr/local/share",
    "usr/obj",
    "usr/sbin",
    "usr/share/misc",
    "usr/src",
    "var/cron",
    "var/cache",
    "var/db",
    "var/empty",
    "var/log",
    "var/mail",
    "var/run",
    "var/spool",
)
#: A command's file is Python's in any case, but its first line may have ``call`` look for a fork first (``warm``).
_STUB = """#!{interpreter}
import sys
sys.path.insert(0, "/.standin/lib")
from standin.launch import launch
launch("{module}")
"""


def _sources() -> List[str]:
    """The files that the tree is made of."""
    found = [os.path.join(PACKAGE, name) for name in ("base.py", "call.c", "warm.py")]
    found += ["/usr/bin/python3", "/usr/bin/dash"]
    for part in ("commands", "bsd", "etc", "site", "tree"):
        for folder, folders, files in os.walk(os.path.join(PACKAGE, part)):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            found += [os.path.join(folder, name) for name in sorted(files) if not name.endswith(".pyc")]
    return found


def fingerprint() -> str:
    """What names the tree: a hash of its sources' names, sizes and times."""
    digest = hashlib.sha256()
    for path in _sources():
        facts = os.stat(path)
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns} {facts.st_mode}\n".encode())
    return digest.hexdigest()[:16]


def cache_of(lab: str) -> str:
    """Where the trees of the hosts in a lab are kept: with them, or where ``STANDIN_TREES`` says, for several labs."""
    return os.environ.get("STANDIN_TREES") or os.path.join(lab, ".base")


def ensure(cache: str) -> str:
    """The path of an up-to-date tree below ``cache``, generated if need be. Safe for several callers at once."""
    path = os.path.join(cache, "base-" + fingerprint())
    if os.path.isdir(path):
        os.utime(path)
        return path
    os.makedirs(cache, exist_ok=True)
    _prune(cache)
    unfinished = tempfile.mkdtemp(prefix=".base-", dir=cache)
    os.chmod(unfinished, 0o755)
    _generate(unfinished)
    try:
        os.rename(unfinished, path)
    except OSError:
        # Somebody else was faster: a rename onto a directory that is not empty fails.
        shutil.rmtree(unfinished)
        if not os.path.isdir(path):
            raise
    return path


def _prune(cache: str) -> None:
    """Remove trees that no host below the lab was booted with and that nobody asked for within the hour.

    What Python has compiled (``site/sitecustomize.py``) goes after a day.
    """
    used = set()
    for boot in glob.glob(os.path.join(os.path.dirname(cache), "*", "boot.json")):
        with open(boot, encoding="utf-8") as stream:
            used.add(json.load(stream)["lower"])
    for path in glob.glob(os.path.join(cache, "base-*")):
        if path not in used and os.stat(path).st_mtime < time.time() - 3600:
            shutil.rmtree(path, ignore_errors=True)
    for path in glob.glob(os.path.join(cache, "bytecode", "*")):
        if os.stat(path).st_mtime < time.time() - 24 * 3600:
            os.unlink(path)


def _generate(root: str) -> None:
    for name in _DIRECTORIES:
        os.makedirs(os.path.join(root, name), exist_ok=True)
    os.makedirs(os.path.join(root, "tmp"))
    os.makedirs(os.path.join(root, "var/tmp"))
    for name in ("tmp", "var/tmp"):
        os.chmod(os.path.join(root, name), 0o1777)
    os.chmod(os.path.join(root, "root"), 0o750)
    os.symlink("usr/home", os.path.join(root, "home"))
    _linux(root)
    _python(root)
    _commands(root)
    shutil.copy2("/usr/bin/dash", os.path.join(root, "bin/sh"))
    _tree(os.path.join(PACKAGE, "tree"), root)
    _tree(os.path.join(PACKAGE, "etc"), os.path.join(root, "etc"))


def _linux(root: str) -> None:
    """Names at which Linux programs look for their libraries; Debian's tree itself is mounted on /.linux."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.lexists("/" + name):
            target = os.readlink("/" + name) if os.path.islink("/" + name) else "usr/" + name
            os.symlink(target, os.path.join(root, ".linux", name))
    if os.path.isdir("/lib64"):
        os.symlink("/.linux/usr/lib64", os.path.join(root, "lib64"))
    for path in glob.glob("/usr/lib/*-linux-gnu*"):
        name = os.path.basename(path)
        for folder in ("lib", "usr/lib"):
            os.symlink("/.linux/usr/lib/" + name, os.path.join(root, folder, name))
    for path in glob.glob("/usr/lib/ld-linux*"):
        os.symlink("/.linux" + path, os.path.join(root, "lib", os.path.basename(path)))


def _python(root: str) -> None:
    """Ansible's Python: Debian's program under FreeBSD's name, told by sitecustomize where it is."""
    program = os.path.realpath("/usr/bin/python3")
    name = os.path.basename(program)
    folder = os.path.join(root, "usr/local/bin")
    shutil.copy2(program, os.path.join(folder, name))
    for link in ("python3", "python3.11"):
        if link != name:
            os.symlink(name, os.path.join(folder, link))
    os.symlink(f"/.linux/usr/lib/{name}", os.path.join(root, "usr/lib", name))
    packages = os.path.join(root, "usr/local/lib", name, "dist-packages")
    os.makedirs(packages)
    shutil.copy2(os.path.join(PACKAGE, "site/sitecustomize.py"), packages)


def _commands(root: str) -> None:
    from . import commands, warm

    # Linked with all that it needs: it is started more often than anything else.
    call = os.path.join(PACKAGE, "call.c")
    subprocess.run(["gcc", "-O2", "-static", "-o", root + "/.standin/call", call], check=True)
    served: Dict[str, str] = commands.discover()
    for path, module in served.items():
        target = root + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        kept_warm = warm.serves(os.path.basename(path), module)
        interpreter = f"/.standin/call {module}" if kept_warm else "/.linux/usr/bin/python3 -IS"
        with open(target, "w", encoding="ascii") as stream:
            stream.write(_STUB.format(interpreter=interpreter, module=module))
        os.chmod(target, 0o555)


def _tree(source: str, target: str) -> None:
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
