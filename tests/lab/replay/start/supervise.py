# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""supervise.txt: the recorder's two scripts, one that keeps a process alive and one that is done soon."""

from __future__ import annotations

from standin.host import StandinHost

SETTINGS = {"cpus": 2}

# A supervisor as the recorder used it: a child of its own, TERM ends both.
_KEEPER = """\
echo started >> /tmp/sup.log
sleep 600 &
echo $! > /tmp/guest.pid
trap 'kill $(cat /tmp/guest.pid); echo term >> /tmp/sup.log; exit 0' TERM
wait $!
"""
# One that has nothing more to do ends its own daemon.
_DONE = """\
echo started >> /tmp/sup.log
trap 'exit 0' TERM
sleep 1
echo done >> /tmp/sup.log
kill -TERM $(cat /tmp/s3.pid)
sleep 5 &
wait $!
"""
UNRECORDED = {213: "rm -f /tmp/sup.log"}


def prepare(host: StandinHost) -> None:
    """The scripts."""
    host.write("/tmp/sup.sh", _KEEPER)
    host.write("/tmp/sup2.sh", _DONE)
