# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lockf(1): who has the lock, who waits for it, what is left when somebody is killed."""

from __future__ import annotations

from standin.host import StandinHost


def test_taken_lock_is_refused_with_75(host: StandinHost) -> None:
    script = "(lockf -k /tmp/a sleep 5 &); sleep 0.5; lockf -k -t 0 /tmp/a echo got"
    done = host.sh(script)
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == "lockf: /tmp/a: already locked\n"


def test_without_t_it_waits_and_takes_over_from_a_killed_holder(host: StandinHost) -> None:
    done = host.sh(
        "lockf -k /tmp/b sleep 30 & holder=$!; sleep 0.5\n"
        "lockf -k /tmp/b echo mine & waiter=$!; sleep 0.5\n"
        "kill -9 $holder; wait $waiter; echo status $?; pkill -f 'sleep 30'"
    )
    assert done.stdout == "mine\nstatus 0\n"


def test_child_does_not_inherit_the_lock_and_survives_its_lockf(host: StandinHost) -> None:
    done = host.sh(
        "lockf -k /tmp/c sleep 31 & sleep 0.5; kill -9 $!; lockf -k -t 0 /tmp/c echo free\n"
        "pgrep -f 'sleep 31' > /dev/null && echo alive; pkill -f 'sleep 31'"
    )
    assert done.stdout == "free\nalive\n"


def test_file_goes_without_k(host: StandinHost) -> None:
    assert host.sh("lockf /tmp/d true; ls /tmp/d").returncode == 1
    assert host.sh("lockf -k /tmp/d true; ls /tmp/d").returncode == 0


def test_exit_status_is_the_commands_and_70_for_a_signal(host: StandinHost) -> None:
    done = host.sh("lockf /tmp/e sh -c 'exit 9'; echo $?; lockf /tmp/e sh -c 'kill -9 $$'; echo $?")
    assert done.stdout == "9\n70\n"
