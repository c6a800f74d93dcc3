# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that a fork of another process runs: nobody can tell them from those that run by themselves."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Iterator, List

import pytest
from polls import until
from standin.host import StandinHost

QUESTIONS = (
    "zfs list -H -o name",
    "zpool list -H -o name",
    "ifconfig -l",
    "sysctl kern.ostype hw.ncpu nonsense",
    "mount -p",
    "fstat -p 1",
    # Not into a pipe, whose other commands may be there already or not.
    "ps -axo comm > /tmp/who; sort /tmp/who | uniq -c",
    "zfs set nonsense",
    "cd /etc && zfs create zroot/x && zfs destroy zroot/x && stat -f %Lp /etc/rc.conf",
    "zfs get -H all | head -n 1; echo $?",
)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinHost]:
    with StandinHost("hive1", str(tmp_path_factory.mktemp("lab") / "hive1")) as made:
        wait_for(made, True)
        yield made


def wait_for(host: StandinHost, there: bool) -> None:
    """Wait until somebody listens, or nobody does."""
    assert until(lambda: Path(host.directory, "kernel", "warm.sock").exists() is there)


def forks(host: StandinHost) -> List[str]:
    """The listening process and its forks, in Linux's own table."""
    script = "/.linux/usr/bin/grep -l 'standin/[w]arm.py' /.linux/proc/[0-9]*/cmdline 2> /dev/null"
    return host.run(["/.linux/usr/bin/dash", "-c", script]).stdout.split()


def answers(host: StandinHost) -> List[List[object]]:
    done = [host.sh(question) for question in QUESTIONS]
    return [[one.returncode, one.stdout, one.stderr] for one in done]


def test_the_answers_are_the_same_when_nobody_listens(host: StandinHost) -> None:
    assert len(forks(host)) == 1
    answers(host)  # what the questions leave on the host's disk is there from now on
    kept = answers(host)
    Path(host.directory, "kernel", "warm.sock").rename(Path(host.directory, "kernel", "aside"))
    try:
        assert answers(host) == kept
    finally:
        Path(host.directory, "kernel", "aside").rename(Path(host.directory, "kernel", "warm.sock"))


def test_the_fork_is_in_no_table_and_ends_with_the_call(host: StandinHost) -> None:
    before = host.sh("ps -axww -o command").stdout
    assert "warm" not in before
    receiving = host.spawn(["zfs", "receive", "zroot/never"], stdin=subprocess.PIPE)
    assert until(lambda: len(forks(host)) >= 2)
    seen = host.sh("ps -axww -o command").stdout
    assert seen.count("zfs receive zroot/never\n") == 1 and "warm" not in seen
    host.run(["pkill", "-9", "-f", "zfs receive zroot/never"])
    assert receiving.wait() != 0
    assert until(lambda: len(forks(host)) <= 1)


def test_the_log_has_the_pid_of_the_call(host: StandinHost) -> None:
    host.clear_commands()
    parent, _zfs = host.sh("echo $$; zfs list -H -o name zroot > /dev/null; zfs list -H -o name zroot").stdout.split()
    calls = [call for call in host.commands() if call.argv[0] == "zfs"]
    assert [(call.ppid, call.exit) for call in calls] == [(int(parent), 0)] * 2


def test_a_program_of_this_machine_takes_the_place_of_the_call(host: StandinHost) -> None:
    script = 'cd /etc; umask 027; echo one two | awk \'{print $2, ENVIRON["GIVEN"]; system("umask")}\''
    said = host.sh(f"export GIVEN=it; {script}; sort /nonexistent; echo $?").stdout.split()
    assert said == ["two", "it", "0027", "2"]
    sleeping = host.spawn(["sleep", "1000"])
    assert until(lambda: "sleep 1000\n" in host.sh("ps -axww -o command").stdout and len(forks(host)) <= 1)
    host.run(["pkill", "-TERM", "-x", "sleep"])
    assert sleeping.wait() != 0


@pytest.mark.parametrize("words", ["sort /etc/rc.conf", "zfs list -H -o name", "ps -axo comm"])
def test_faults_happen_to_calls_with_forks(host: StandinHost, words: str) -> None:
    whole = host.sh(words).stdout
    for mode, status in (("fail", 7), ("half", 7)):
        host.set_faults([{"match": [words.split()[0]], "mode": mode, "exit": status, "stderr": "it failed"}])
        done = host.sh(words)
        assert (done.returncode, done.stderr) == (status, "it failed")
        assert done.stdout == "" if mode == "fail" else 0 < len(done.stdout) < len(whole)
        assert len(host.fired_faults()) == 1
    host.set_faults([{"match": [words.split()[0]], "mode": "hang"}])
    hanging = host.spawn(words.split())
    pid = until(host.fired_faults)[0]["pid"]
    host.set_faults([])
    assert host.sh(f"ps -o args= -p {pid}").stdout == words + "\n"
    host.sh(f"kill -9 {pid}", check=True)
    assert hanging.wait() != 0
    assert until(lambda: len(forks(host)) <= 1)


def test_a_user_who_may_not_reach_it_runs_the_command_himself(host: StandinHost) -> None:
    done = host.run(["su", "-m", "nobody", "-c", "sysctl -n kern.ostype; zfs list -H -o name zroot"])
    assert done.stdout.split() == ["FreeBSD", "zroot"], done.stderr
