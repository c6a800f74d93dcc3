# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mountd(8): reads exports(5), tells the kernel, and tells only syslogd(8) what it did not take."""

from __future__ import annotations

import os
import select
import signal
from typing import List, Sequence

from .. import state
from ..system import cli, exports, service, syslog

PATHS = ("/usr/sbin/mountd",)
_PIDFILE = "/var/run/mountd.pid"


def _usage() -> int:
    cli.not_built("mountd", "the usage text")


def log(text: str) -> None:
    """A message of mountd's."""
    syslog.send("daemon", "err", f"mountd[{os.getpid()}]: {text}")


def publish(files: List[str]) -> None:
    """Read the files and hand the kernel (document ``nfs``) what they export; ends the process without any file."""
    table = exports.load(files, log)
    if table is None:
        if os.path.exists(_PIDFILE):
            os.unlink(_PIDFILE)
        os._exit(2)
    with state.kernel("nfs") as doc:
        doc["exports"] = [one._asdict() for one in table.exports]
        doc["shown"] = table.shown()
        doc["v4_root"] = table.v4_root
        doc["mountd"] = os.getpid()
        nfsd = int(doc.get("nfsd", 0))
    if nfsd:
        try:
            os.kill(nfsd, signal.SIGHUP)
        except ProcessLookupError:
            return


def main(argv: Sequence[str]) -> int:
    options, words = cli.options_or_usage(argv, "2deh:lNnp:RrS", _usage)
    for letter, _value in options:
        if letter not in "2lnrS":
            cli.not_built("mountd", f"-{letter}")
    files = words or ["/etc/exports"]
    pidfile = service.take_pidfile("mountd", _PIDFILE)
    # It reads its files once before it goes into the background, and says what it has to say once more after that.
    if exports.load(files, log) is None:
        return 2
    service.detach(pidfile)
    woken = service.wake_on(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    publish(files)
    while True:
        select.select([woken], [], [])
        for number in os.read(woken, 512):
            if number != signal.SIGHUP:
                pidfile.remove()
                with state.kernel("nfs") as doc:
                    doc.pop("mountd", None)
                os._exit(0)
            publish(files)
