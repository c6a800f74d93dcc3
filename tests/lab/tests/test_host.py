# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in host from outside: it comes up, shows nothing of Debian, loses its power, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path
from typing import Iterator, List

import pytest
from standin import base, switch
from standin.host import LabError, StandinHost, hosts
from standin.settings import Settings

DEBIANS = (
    *("apt", "apt-get", "dpkg", "systemctl", "journalctl", "ip", "ss", "nproc", "lsblk", "gawk", "busybox"),
    *("python", "tac", "shuf", "flock", "strace"),
)

LISTEN = """
import socket
server = socket.create_server(("10.9.8.2", 7))
print("up", flush=True)
server.accept()[0].send(b"hi")
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a stand-in host needs root")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def running(lab: Path) -> Iterator[StandinHost]:
    with StandinHost("hive1", str(lab / "hive1")) as host:
        yield host


@pytest.fixture
def host(running: StandinHost) -> Iterator[StandinHost]:
    running.up()
    running.set_faults([])
    running.clear_commands()
    yield running
    running.set_faults([])


@pytest.fixture
def bare(lab: Path) -> Iterator[StandinHost]:
    """A host without /etc/rc run, for what has to be switched on and off."""
    new = StandinHost("bare", str(lab / "bare"))
    try:
        yield new.up(rc=False)
    finally:
        new.destroy()


def processes_below(directory: Path) -> List[str]:
    """Command lines of processes whose root or executable's mount is the host in ``directory``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                mounts = (entry / "mounts").read_text()
                command = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if f"{directory}/" in mounts:
                found.append(command)
    return found


def test_a_command_gets_input_and_gives_output_and_status(host: StandinHost) -> None:
    done = host.run(["sh", "-c", "cat; echo wrong >&2; exit 3"], stdin="in\n")
    assert (done.stdout, done.stderr, done.returncode) == ("in\n", "wrong\n", 3)


@pytest.mark.parametrize("name", DEBIANS)
def test_nothing_of_debian_is_on_the_path(host: StandinHost, name: str) -> None:
    assert host.run(["sh", "-c", f"command -v {name}"]).returncode == 127 or not host.sh(f"command -v {name}").stdout


@pytest.mark.parametrize("path", ["/proc/1", "/sys/class", "/run", "/etc/debian_version", "/etc/os-release", "/srv"])
def test_nothing_of_debian_is_where_programs_look_for_it(host: StandinHost, path: str) -> None:
    assert not host.exists_in(path)


def test_it_says_that_it_is_freebsd(host: StandinHost) -> None:
    told = host.sh("uname -srm; uname -K; sysctl -n kern.osreldate").stdout
    assert told == "FreeBSD 14.3-RELEASE amd64\n1403000\n1403000\n"
    code = "import os, platform, sys; print(os.uname().sysname, platform.system(), platform.release(), sys.platform)"
    assert host.run(["/usr/local/bin/python3.11", "-c", code]).stdout == "FreeBSD FreeBSD 14.3-RELEASE freebsd14\n"


def test_what_ansible_sends_is_compiled_once_and_knows_where_it_lies(host: StandinHost) -> None:
    mark = uuid.uuid4().hex  # hosts of other tests keep theirs there at the same time
    make = (
        "import sys, zipfile; name, text = sys.argv[1:];"
        " zipfile.ZipFile(f'/tmp/{name}.zip', 'w').writestr('sent.py', f'import sys\\nraise OSError({text!r})')"
    )
    use = "import sys; sys.path.insert(0, '/tmp/' + sys.argv[1] + '.zip'); import sent"
    kept = Path(base.cache_of(str(Path(host.directory).parent))) / "bytecode"
    sent = [("a", f"first {mark}"), ("b", f"first {mark}"), ("c", f"second {mark}")]
    counts, said = [], []
    for name, text in sent:
        host.run(["/usr/local/bin/python3.11", "-c", make, name, text], check=True)
        done = host.run(["/usr/local/bin/python3.11", "-c", use, name])
        said.append([line.strip() for line in done.stderr.splitlines() if "sent.py" in line or "OSError:" in line])
        counts.append(len([path for path in kept.glob("?" * 16) if mark.encode() in path.read_bytes()]))
    assert counts == [1, 1, 2]
    assert said == [[f'File "/tmp/{name}.zip/sent.py", line 2, in <module>', f"OSError: {text}"] for name, text in sent]


def test_another_release_and_machine(lab: Path) -> None:
    with StandinHost("old", str(lab / "old"), Settings("old", release="15.0-RELEASE", machine="arm64")) as host:
        assert host.sh("uname -rmp; uname -U").stdout == "15.0-RELEASE arm64 aarch64\n1500000\n"


def test_files_are_written_and_read_with_their_mode(host: StandinHost) -> None:
    host.write("/var/db/deep/er/file", "content\n", mode=0o600)
    assert host.read("/var/db/deep/er/file") == "content\n"
    assert host.sh("stat -f '%Lp %Su %Sg' /var/db/deep/er/file").stdout == "600 root wheel\n"
    with pytest.raises(FileNotFoundError):
        host.read("/var/db/nosuch")


def test_the_log_has_every_command_with_its_status(host: StandinHost) -> None:
    host.sh("uname -r; rm /nosuch; cat /etc/hostid")
    assert [(call.argv, call.exit) for call in host.commands()] == [
        (("uname", "-r"), 0),
        (("rm", "/nosuch"), 1),
        (("cat", "/etc/hostid"), 0),
    ]
    host.clear_commands()
    assert host.commands() == []


def test_looking_from_outside_is_not_in_the_log(host: StandinHost) -> None:
    host.read("/etc/rc.conf")
    host.write("/tmp/x", "y")
    assert host.commands() == []


def test_a_process_sees_only_its_own_host(host: StandinHost, bare: StandinHost) -> None:
    host.write("/tmp/only-here", "")
    assert not bare.exists_in("/tmp/only-here")
    assert host.run(["hostname"]).stdout == "hive1\n"
    assert bare.run(["hostname"]).stdout == "bare\n"
    sleeper = bare.spawn(["sleep", "100"])
    try:
        assert "sleep 100" not in host.sh("ps -axo command").stdout
    finally:
        sleeper.kill()


def test_hosts_on_one_switch_reach_each_other(lab: Path) -> None:
    with (
        StandinHost("n1", str(lab / "n1"), Settings("n1", uplinks={"em0": "wire"})) as one,
        StandinHost("n2", str(lab / "n2"), Settings("n2", uplinks={"em0": "wire"})) as two,
    ):
        for number, host in enumerate((one, two), 1):
            for words in (["addr", "add", f"10.9.8.{number}/24", "dev", "em0"], ["link", "set", "em0", "up"]):
                host.run(["/.linux/usr/bin/ip", *words], check=True)
        server = two.spawn(["/usr/local/bin/python3.11", "-c", LISTEN], stdout=subprocess.PIPE)
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n"
        ask = "import socket; print(socket.create_connection(('10.9.8.2', 7), 5).recv(2))"
        assert one.run(["/usr/local/bin/python3.11", "-c", ask]).stdout == "b'hi'\n"
        server.wait(10)
    spaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert switch.namespace(str(lab), "wire") not in spaces


def test_a_power_cut_keeps_the_disk_and_empties_the_kernel(bare: StandinHost) -> None:
    bare.write("/usr/local/kept", "kept")
    bare.sh("echo volatile > /.standin/kernel/x; echo lasting > /.standin/disk/x; : > /dev/node")
    sleeper = bare.spawn(["sleep", "1000"])
    bare.power_cut()
    assert sleeper.wait(10) != 0
    assert not bare.is_up()
    with pytest.raises(LabError, match="not up"):
        bare.run(["true"])
    bare.boot(rc=False)
    assert bare.read("/usr/local/kept") == "kept"
    assert bare.sh("cat /.standin/disk/x; ls /dev/node /.standin/kernel/x").stdout == "lasting\n"


def test_boot_runs_etc_rc_and_shutdown_runs_rc_shutdown(bare: StandinHost) -> None:
    bare.write("/etc/rc", 'echo "rc $1" >> /var/log/order\n')
    bare.write("/etc/rc.shutdown", 'echo "down $1" >> /var/log/order\n')
    bare.power_cut()
    bare.boot()
    bare.down()
    assert not bare.is_up()
    bare.boot()
    assert bare.read("/var/log/order") == "rc autoboot\ndown power\nrc autoboot\n"


def test_shutdown_waits_for_what_rc_shutdown_does_but_not_for_ever(bare: StandinHost) -> None:
    bare.write("/etc/rc.shutdown", "echo begun > /var/log/order; sleep 1000\n")
    bare.write("/etc/rc", "sysctl kern.init_shutdown_timeout=1\n")
    bare.power_cut()
    bare.boot()
    bare.down(timeout=30)
    assert "timeout expired for /etc/rc.shutdown" in bare.console()


def test_orphans_are_reaped(bare: StandinHost) -> None:
    bare.sh("(true & true & true &) ; true")
    bare.sh("for i in 1 2 3 4 5 6 7 8 9 10; do ps -axo stat | grep -q Z || exit 0; sleep 0.1; done; exit 1", check=True)


def test_destroy_leaves_no_process_mount_or_file(lab: Path) -> None:
    host = StandinHost("gone", str(lab / "gone")).up()
    sleeper = host.spawn(["sleep", "1000"])
    host.destroy()
    sleeper.wait(10)
    assert processes_below(lab / "gone") == []
    assert str(lab / "gone") not in Path("/proc/mounts").read_text()
    assert not (lab / "gone").exists()
    assert "gone" not in [other.name for other in hosts(str(lab))]
    host.destroy()


def test_the_library_cannot_be_changed_from_inside(host: StandinHost) -> None:
    assert host.sh("echo > /.standin/lib/standin/paths.py").returncode != 0
    assert host.sh("echo > /.linux/etc/passwd").returncode != 0


# faults


def test_the_kth_call_fails_and_only_that(host: StandinHost) -> None:
    host.set_faults([{"match": ["uname"], "kth": 2, "mode": "fail", "exit": 7, "stderr": "uname: broken\n"}])
    done = host.sh("uname; echo $?; uname; echo $?; uname; echo $?; hostname")
    assert done.stdout == "FreeBSD\n0\n7\nFreeBSD\n0\nhive1\n"
    assert done.stderr == "uname: broken\n"
    assert [(fault["argv"], fault["mode"]) for fault in host.fired_faults()] == [(["uname"], "fail")]


def test_a_rule_for_all_commands_counts_all(host: StandinHost) -> None:
    host.set_faults([{"match": ["*"], "kth": 3, "mode": "fail", "exit": 1}])
    assert host.sh("uname; hostname; whoami || echo failed; whoami").stdout == "FreeBSD\nhive1\nfailed\nroot\n"


def test_half_does_the_work_but_hands_out_half_and_fails(host: StandinHost) -> None:
    host.set_faults([{"match": ["tee"], "kth": 1, "mode": "half", "exit": 1}])
    done = host.sh("echo 1234567 | tee /tmp/whole")
    assert (done.stdout, done.returncode) == ("1234", 1)
    assert host.read("/tmp/whole") == "1234567\n"


def test_a_fault_that_was_not_reached_is_not_fired(host: StandinHost) -> None:
    host.set_faults([{"match": ["uname"], "kth": 2, "mode": "fail"}])
    host.sh("uname")
    assert host.fired_faults() == []


def test_hang_waits_until_it_is_killed(host: StandinHost) -> None:
    host.set_faults([{"match": ["uname"], "kth": 1, "mode": "hang"}])
    assert host.sh("timeout 0.5 uname").returncode == 124
    assert len(host.fired_faults()) == 1


def test_the_power_goes_in_the_middle_of_a_command(bare: StandinHost) -> None:
    bare.set_faults([{"match": ["mkdir"], "kth": 2, "mode": "cut"}])
    bare.sh("mkdir /var/one; mkdir /var/two; mkdir /var/three")
    bare.wait_off(20)
    assert [fault["argv"] for fault in bare.fired_faults()] == [["mkdir", "/var/two"]]
    bare.boot(rc=False)
    assert bare.exists_in("/var/one")
    assert not bare.exists_in("/var/two")
    assert not bare.exists_in("/var/three")


def test_poweroff_from_inside_is_orderly(bare: StandinHost) -> None:
    bare.write("/etc/rc.shutdown", "echo orderly > /var/log/order\n")
    assert bare.sh("shutdown -p now").stdout == "Shutdown NOW!\n"
    bare.wait_off(30)
    bare.boot(rc=False)
    assert bare.read("/var/log/order") == "orderly\n"
