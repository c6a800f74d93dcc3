# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pwait(1): how a process ended that is not the caller's child, told by the kernel and, on older ones, by a tracer."""

from __future__ import annotations

import pytest
from polls import until
from standin.host import StandinHost

# A process that is nobody's child here and ends as {} says when /tmp/go is there: its pid is in /tmp/p, its parent's in
# /tmp/pp.
_ORPHAN = (
    "rm -f /tmp/go /tmp/p; sh -c '(until [ -e /tmp/go ]; do sleep 0.1; done; {}) & "
    "echo $$ > /tmp/pp; echo $! > /tmp/p; wait' > /dev/null 2>&1 & until [ -s /tmp/p ]; do sleep 0.05; done; "
    "pid=$(cat /tmp/p); "
)


def _watched(pwait: str, count: int = 1) -> str:
    """Wait until so many calls of pwait wait for the process $pid."""
    condition = f'[ "$(/.linux/usr/bin/readlink /.linux/proc/[0-9]*/fd/* | grep -c pidfd)" -ge {count} ]'
    if "TRACE" in pwait:
        condition += " && grep -q 'TracerPid:.*[1-9]' /.linux/proc/$pid/status"
    return f"until {condition}; do sleep 0.05; done; "


def _then(pwait: str, action: str, count: int = 1) -> str:
    """Do something in the background as soon as so many calls of pwait wait for the process $pid."""
    return f"({_watched(pwait, count)} sleep 0.2; {action}) 2> /dev/null & "


def _go(pwait: str) -> str:
    return _then(pwait, "touch /tmp/go")


@pytest.fixture(params=["kernel", "tracer"])
def pwait(request: pytest.FixtureRequest) -> str:
    """The command, on a kernel that tells the exit status of a process that was reaped, and as on one that does not."""
    return "pwait" if request.param == "kernel" else "STANDIN_TRACE=1 pwait"


def test_tells_the_exit_status_of_a_stranger(host: StandinHost, pwait: str) -> None:
    done = host.sh(_ORPHAN.format("exit 7") + _go(pwait) + f"{pwait} -v $pid | sed s/$pid/PID/")
    assert done.stdout == "PID: exited with status 7.\n"


def test_tells_it_after_the_parent_was_killed(host: StandinHost, pwait: str) -> None:
    script = f"kill -9 $(cat /tmp/pp); ps -o ppid= -p $pid; {_go(pwait)} {pwait} -v $pid | sed s/$pid/PID/"
    done = host.sh(_ORPHAN.format("exit 3") + script)
    assert done.stdout.split("\n") == ["1", "PID: exited with status 3.", ""]


@pytest.mark.parametrize("number", [9, 15])
def test_tells_the_signal(host: StandinHost, pwait: str, number: int) -> None:
    script = _then(pwait, f"kill -{number} $pid") + f"{pwait} -v $pid | sed s/$pid/PID/"
    done = host.sh(_ORPHAN.format("exit 0") + script)
    assert done.stdout == f"PID: killed by signal {number}.\n"


def test_zombie_has_ended(host: StandinHost, pwait: str) -> None:
    """Its parent does not look after it; pwait answers at once."""
    careless = "sh -c '(sleep 0.3; exit 5) & echo $! > /tmp/z; exec sleep 4' > /dev/null 2>&1 & sleep 1.5; "
    done = host.sh(careless + f"{pwait} -t 20 -v $(cat /tmp/z)")
    assert done.stdout.endswith(": exited with status 5.\n")


def test_each_of_several_is_told(host: StandinHost, pwait: str) -> None:
    action = "touch /tmp/go; while kill -0 $pid; do sleep 0.05; done; sleep 0.5; kill -15 $other"
    script = f"sleep 50 & other=$!; {_then(pwait, action)} {pwait} -v $pid $other"
    done = host.sh(_ORPHAN.format("exit 4") + script + " | sed -e s/$pid/A/ -e s/$other/B/")
    assert done.stdout == "A: exited with status 4.\nB: killed by signal 15.\n"


def test_two_wait_for_the_same(host: StandinHost, pwait: str) -> None:
    """As a supervisor and a stop do."""
    script = f"{pwait} -v $pid > /tmp/one & one=$!; " + _then(pwait, "touch /tmp/go", count=2)
    script += f"{pwait} -v $pid > /tmp/two; wait $one; cat /tmp/one /tmp/two"
    done = host.sh(_ORPHAN.format("exit 6") + script + " | sed s/$pid/PID/")
    assert done.stdout == "PID: exited with status 6.\n" * 2


def test_another_goes_on_when_the_first_was_killed(host: StandinHost, pwait: str) -> None:
    script = f"env {pwait} -v $pid & one=$!; {_watched(pwait)} kill -9 $one; {_go(pwait)} {pwait} -v $pid"
    done = host.sh(_ORPHAN.format("exit 8") + script + " | sed s/$pid/PID/")
    assert done.stdout == "PID: exited with status 8.\n"


def test_a_process_that_is_waited_for_still_takes_signals(host: StandinHost, pwait: str) -> None:
    """Caught ones, and those that stop it and let it go on."""
    host.sh(
        'rm -f /tmp/hups /tmp/traps; sh -c \'trap "echo hup >> /tmp/hups" HUP; trap "exit 9" TERM; : > /tmp/traps; '
        "while :; do sleep 0.1; done' > /dev/null 2>&1 & echo $! > /tmp/p; until [ -e /tmp/traps ]; do sleep 0.05; done"
    )
    host.sh(f"{pwait} -v $(cat /tmp/p) > /tmp/told 2>&1 &")
    assert until(lambda: host.sh("kill -HUP $(cat /tmp/p); cat /tmp/hups").returncode == 0)
    host.sh("kill -STOP $(cat /tmp/p)", check=True)
    assert until(lambda: host.sh("ps -o stat= -p $(cat /tmp/p)").stdout.startswith("T"))
    host.sh("kill -CONT $(cat /tmp/p)", check=True)
    assert until(lambda: not host.sh("ps -o stat= -p $(cat /tmp/p)").stdout.startswith("T"))
    host.sh("kill -TERM $(cat /tmp/p)", check=True)
    assert until(lambda: host.read("/tmp/told").endswith(": exited with status 9.\n"))


def test_what_waits_is_no_process_of_the_hosts(host: StandinHost, pwait: str) -> None:
    """Only pwait itself is seen, and it holds nothing open when it is gone."""
    script = "count() { ps -ax | wc -l; }; sleep 20 & pid=$!; before=$(count); "
    script += f"out=$({pwait} -v -t 0.3 $pid); after=$(count); kill $pid; echo $before $after"
    before, after = host.sh(script).stdout.split()
    assert after == before


def test_who_is_gone_already_is_named(host: StandinHost, pwait: str) -> None:
    done = host.sh(f"true & pid=$!; wait; {pwait} -v $pid 2>&1 | sed s/$pid/PID/")
    assert done.stdout == "pwait: PID: No such process\n"


@pytest.mark.parametrize("verbose, told", [(True, "timeout\n124\n"), (False, "124\n")])
def test_time_limit(host: StandinHost, pwait: str, verbose: bool, told: str) -> None:
    option = "-v" if verbose else ""
    done = host.sh(f"sleep 20 & {pwait} -t 0.3 {option} $!; echo $?; kill $!")
    assert done.stdout == told


def test_o_is_content_with_the_first(host: StandinHost, pwait: str) -> None:
    script = f"sleep 20 & long=$!; {_go(pwait)} {pwait} -o -v $long $pid | wc -l; kill $long"
    done = host.sh(_ORPHAN.format("exit 0") + script)
    assert done.stdout.strip() == "1"
