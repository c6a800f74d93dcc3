# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one door to the machine: what callers rely on for commands, files and locks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import (
    ApiaryError,
    CommandError,
    FileError,
    UnknownState,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host


@pytest.fixture
def host() -> Host:
    return Host()


def test_a_command_sees_a_clean_environment(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    names = {line.partition("=")[0] for line in host.run(["env"], what="cannot list").stdout.splitlines()}
    assert "TZ" not in names
    assert {"LC_ALL", "PATH"} <= names


def test_every_command_is_counted_also_one_that_fails(host: Host) -> None:
    host.run(["true"], what="x")
    with pytest.raises(CommandError):
        host.run(["false"], what="x")
    assert host.commands == [("true",), ("false",)]


def test_a_failure_names_what_was_wanted_the_command_its_status_its_words_and_a_hint(host: Host) -> None:
    with pytest.raises(CommandError) as caught:
        host.run(["sh", "-c", "echo no room >&2; exit 3"], what="cannot make it", hint="Make room.")
    assert str(caught.value) == "cannot make it: `sh -c 'echo no room >&2; exit 3'` exited 3: no room. Make room."
    assert (caught.value.rc, caught.value.stderr) == (3, "no room\n")


def test_an_accepted_status_is_an_answer(host: Host) -> None:
    assert host.run(["sh", "-c", "exit 4"], what="x", accept=(0, 4)).rc == 4


def test_arguments_reach_the_command_as_they_are(host: Host) -> None:
    assert host.run(["printf", "%s|", "a b", "$HOME", "*", "~"], what="x").stdout == "a b|$HOME|*|~|"


def test_a_program_that_is_not_there_is_a_failed_command(host: Host) -> None:
    with pytest.raises(CommandError, match="No such file") as caught:
        host.run(["apiary-no-such-program"], what="cannot start it")
    assert caught.value.rc == 127


def test_a_command_that_hangs_is_killed_with_its_children(host: Host) -> None:
    with pytest.raises(CommandError, match="killed") as caught:
        host.run(["sh", "-c", "sleep 600 & echo $!; wait"], what="cannot wait", timeout=0.5)
    child = int(caught.value.stdout)
    with pytest.raises(ProcessLookupError):
        for _unused in range(1000):
            os.kill(child, 0)
            # A killed orphan is a zombie until init has reaped it.
            if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                raise ProcessLookupError


def test_text_goes_in_and_any_bytes_come_out_and_in_again(host: Host) -> None:
    text = host.run(["printf", "\\377\\012"], what="x").stdout
    assert host.run(["od", "-An", "-tx1"], what="x", stdin=text).stdout.split() == ["ff", "0a"]


def test_what_does_not_exist_is_none_and_what_cannot_be_read_is_unknown(host: Host, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert host.read(missing) is None
    assert host.listdir(missing) is None
    assert host.stat(missing) is None
    assert host.readlink(missing) is None
    with pytest.raises(UnknownState, match=str(tmp_path)):
        host.read(str(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(UnknownState, match="not one"):
        host.readlink(str(tmp_path / "file"))


def test_a_written_file_has_the_content_and_the_mode_whatever_the_umask(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "conf"
    old = os.umask(0o077)
    try:
        host.write(str(path), "a\n", mode=0o644, uid=os.getuid(), gid=os.getgid())
    finally:
        os.umask(old)
    host.write(str(path), "b\n", mode=0o600, uid=os.getuid(), gid=os.getgid())
    assert path.read_text() == "b\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["conf"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "conf"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=f"cannot write {path}: No space left on device"):
        host.write(str(path), "new", mode=0o644, uid=os.getuid(), gid=os.getgid())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["conf"]


def test_a_link_is_switched_even_when_an_earlier_attempt_left_its_temporary(host: Host, tmp_path: Path) -> None:
    link = str(tmp_path / "boot")
    host.symlink("boot.1", link)
    os.symlink("junk", tmp_path / ".boot.new")
    host.symlink("boot.2", link)
    assert host.readlink(link) == "boot.2"
    assert os.listdir(tmp_path) == ["boot"]


def test_removing_what_is_not_there_is_fine(host: Host, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    host.unlink(missing)
    host.rmdir(missing)
    host.rmtree(missing)


def test_a_directory_that_exists_is_left_as_it_is_and_a_file_in_its_place_is_an_error(
    host: Host, tmp_path: Path
) -> None:
    directory = tmp_path / "a" / "b"
    host.mkdir(str(directory), 0o700, parents=True)
    host.mkdir(str(directory), 0o755)
    assert directory.stat().st_mode & 0o777 == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="make directory"):
        host.mkdir(str(tmp_path / "file"), 0o755)


def test_a_lock_keeps_another_process_out_and_goes_with_its_holder(host: Host, tmp_path: Path) -> None:
    lock = str(tmp_path / "run" / "host.lock")
    with host.lock(lock, timeout=1):
        pass
    code = f"import fcntl,sys; f=open({lock!r},'r+'); fcntl.flock(f,fcntl.LOCK_EX); print('held',flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(ApiaryError, match="another task is at work on this host"), host.lock(lock, timeout=0):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with host.lock(lock, timeout=0):
        pass
