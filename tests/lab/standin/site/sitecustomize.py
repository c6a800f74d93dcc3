# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the host's Python see FreeBSD, as a package of FreeBSD's would: for Ansible's modules and their children."""

from __future__ import annotations

import _imp
import marshal
import os
import sys
import zipimport
from types import CodeType

# typing is not imported: every Python on the host runs this first.


def _release() -> list[str]:
    """Release, version and machine, one a line (``standin/host.py`` writes them at each boot)."""
    with open("/.standin/kernel/uname", encoding="ascii") as stream:
        return stream.read().split("\n")


def _uname() -> os.uname_result:
    release, version, machine = _release()[:3]
    with open("/.linux/proc/sys/kernel/hostname", encoding="utf-8") as stream:
        nodename = stream.read().strip()
    return os.uname_result(("FreeBSD", nodename, release, version, machine))


#: What Python has compiled out of Ansible's modules, by a hash of version and source. All hosts of a lab share it.
_BYTECODE = "/.standin/bytecode"
_compile = vars(zipimport)["_compile_source"]


def _compiled(path: str, source: bytes) -> CodeType:
    """What zipimport compiles: Ansible sends a module and what it imports as a zip of sources, anew with each task."""
    name = f"{_BYTECODE}/{_imp.source_hash(sys.hexversion, source).hex()}"
    try:
        with open(name, "rb") as stream:
            code: CodeType = marshal.loads(stream.read())
    except FileNotFoundError:
        code = _compile(path, source)
        _keep(name, marshal.dumps(code))
    else:
        vars(_imp)["_fix_co_filename"](code, path)
    return code


def _keep(name: str, data: bytes) -> None:
    # Hosts of one name, with processes of one number, are at it at the same time: one for each worker of the tests.
    temporary = f"{name}.{os.urandom(8).hex()}"
    try:
        with open(temporary, "wb") as stream:
            stream.write(data)
    except OSError:
        return  # somebody other than root, who may not
    os.rename(temporary, name)


if os.path.isdir(_BYTECODE):
    vars(zipimport)["_compile_source"] = _compiled
if os.path.exists("/.standin/kernel/uname"):
    sys.platform = "freebsd" + _release()[0].split(".")[0]
    os.uname = _uname
