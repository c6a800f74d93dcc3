# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pwait(1): how a process ended that is not the caller's child."""

from __future__ import annotations

from standin.host import StandinHost

# A process that is nobody's child here: its pid is in /tmp/p, its parent's in /tmp/pp.
_ORPHAN = "sh -c '({}) & echo $! > /tmp/p; echo $$ > /tmp/pp; wait' > /dev/null 2>&1 & sleep 0.4; "


def test_tells_the_exit_status_of_a_stranger(host: StandinHost) -> None:
    done = host.sh(_ORPHAN.format("sleep 1; exit 7") + "pid=$(cat /tmp/p); pwait -v $pid | sed s/$pid/PID/")
    assert done.stdout == "PID: exited with status 7.\n"


def test_tells_it_after_the_parent_was_killed(host: StandinHost) -> None:
    script = "kill -9 $(cat /tmp/pp); pid=$(cat /tmp/p); ps -o ppid= -p $pid; pwait -v $pid | sed s/$pid/PID/"
    done = host.sh(_ORPHAN.format("sleep 1; exit 3") + script)
    assert done.stdout.split("\n") == ["1", "PID: exited with status 3.", ""]


def test_tells_the_signal(host: StandinHost) -> None:
    done = host.sh(
        _ORPHAN.format("exec sleep 100")
        + "(sleep 0.5; kill -9 $(cat /tmp/p)) & pid=$(cat /tmp/p); pwait -v $pid | sed s/$pid/PID/"
    )
    assert done.stdout == "PID: killed by signal 9.\n"


def test_zombie_has_ended(host: StandinHost) -> None:
    """Its parent does not look after it; pwait answers at once."""
    careless = "sh -c '(sleep 0.3; exit 5) & echo $! > /tmp/z; exec sleep 4' > /dev/null 2>&1 & sleep 1.5; "
    done = host.sh(careless + "pwait -t 20 -v $(cat /tmp/z)")
    assert done.stdout.endswith(": exited with status 5.\n")


def test_time_limit(host: StandinHost) -> None:
    done = host.sh("sleep 20 & pwait -t 0.3 -v $!; echo $?; kill $!")
    assert done.stdout == "timeout\n124\n"


def test_o_is_content_with_the_first(host: StandinHost) -> None:
    done = host.sh("sleep 20 & long=$!; sleep 0.3 & pwait -o -v $long $! | wc -l; kill $long")
    assert done.stdout.strip() == "1"
