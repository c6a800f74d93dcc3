# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one door to the machine: commands, files and locks.

Everything the collection does to a host goes through a :class:`Host`, so that what a module started can be counted and
shown, and so that every error names what it is about.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import signal
import socket
import stat as stat_module
import subprocess
import tempfile
import time
from dataclasses import dataclass
from typing import IO, Callable, Container, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import (
    ApiaryError,
    CommandError,
    FileError,
    UnknownState,
)
from ansible_collections.apiary.bhyve.plugins.module_utils.waiting import attempts

#: What commands see, whoever called us: English texts, and nothing that changes their answers (TZ, PATH, ZFS_COLOR …).
ENVIRONMENT: Dict[str, str] = {
    "HOME": "/root",
    "LC_ALL": "C",
    "PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin",
}

_LOCK_POLL = 0.1


@dataclass(frozen=True)
class Result:
    """What a command answered."""

    argv: Tuple[str, ...]
    rc: int
    stdout: str
    stderr: str


class Host:
    """The machine that a module runs on."""

    def __init__(self, environment: Optional[Mapping[str, str]] = None) -> None:
        self.commands: List[Tuple[str, ...]] = []
        self._environment: Dict[str, str] = dict(ENVIRONMENT if environment is None else environment)

    # commands

    def run(
        self,
        argv: Sequence[str],
        *,
        what: str,
        accept: Container[int] = (0,),
        stdin: Optional[str] = None,
        timeout: Optional[float] = None,
        hint: str = "",
        env: Optional[Mapping[str, str]] = None,
    ) -> Result:
        """Run a command and return its answer.

        ``what`` says for the error message what was being done ("cannot list the pools"), ``accept`` which exit
        statuses are an answer and no failure, ``timeout`` after how many seconds the command and its children are
        killed, ``env`` what it has in its environment beside that of all commands. Raises CommandError.
        """
        command = tuple(argv)
        self.commands.append(command)
        try:
            # AnsibleModule.run_command knows no timeout, and this part of the house knows no AnsibleModule.
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function,useless-suppression
                command,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self._environment, **(env or {})},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise CommandError(what, command, 127, stderr=error.strerror or str(error), hint=hint) from error
        try:
            out, err = process.communicate(None if stdin is None else _encode(stdin), timeout=timeout)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            said = f"{_decode(err).strip()} (killed: it had not ended after {timeout:g} s)".strip()
            raise CommandError(what, command, 124, _decode(out), said, hint) from error
        result = Result(command, process.returncode, _decode(out), _decode(err))
        if result.rc not in accept:
            raise CommandError(what, command, result.rc, result.stdout, result.stderr, hint)
        return result

    def start(
        self,
        argv: Sequence[str],
        *,
        what: str,
        stdin: Optional[Union[int, IO[bytes]]] = None,
        stderr: IO[bytes],
        hint: str = "",
    ) -> subprocess.Popen[bytes]:
        """Start a command and hand it out while it runs, its output in a pipe; whoever calls sees to its end.

        ``stdin`` is what it reads from (subprocess.PIPE: whoever calls writes to it). CommandError when it cannot be
        started.
        """
        command = tuple(argv)
        self.commands.append(command)
        try:
            return subprocess.Popen(  # pylint: disable=ansible-bad-function,useless-suppression
                command,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=self._environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise CommandError(what, command, 127, stderr=error.strerror or str(error), hint=hint) from error

    def signal(self, pid: int, number: int) -> bool:
        """Send a signal to a process (0: only look); whether it is there. ApiaryError when that is not allowed."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        except OSError as error:
            raise ApiaryError(f"cannot send signal {number} to process {pid}: {error.strerror or error}") from error
        return True

    # sockets

    def ask(
        self, path: str, request: str, *, what: str, timeout: float, complete: Callable[[str], bool], hint: str = ""
    ) -> str:
        """Send a request to who listens at a unix socket, and return the answer.

        That is what comes until the other end closes or ``complete`` says that it is whole. ApiaryError (``what``, as
        in :meth:`run`) when nobody listens, or nothing whole has come after ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
                wire.settimeout(timeout)
                wire.connect(path)
                wire.sendall(_encode(request))
                while not complete(_decode(answer)):
                    wire.settimeout(max(deadline - time.monotonic(), 0.001))
                    part = wire.recv(1 << 16)
                    if not part:
                        break
                    answer += part
        except OSError as error:
            reason = "no answer in time" if isinstance(error, socket.timeout) else error.strerror or str(error)
            message = f"{what}: {path}: {reason}"
            raise ApiaryError(f"{message}. {hint}" if hint else message) from error
        return _decode(answer)

    # reading

    def read_bytes(self, path: str, size: int = -1) -> Optional[bytes]:
        """The first ``size`` bytes of a file (all of them by default), None if it does not exist; else UnknownState."""
        try:
            with open(path, "rb") as file:
                return file.read(size)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def read(self, path: str) -> Optional[str]:
        """A file's text, None if it does not exist; anything else that keeps us from reading it is UnknownState."""
        content = self.read_bytes(path)
        return None if content is None else _decode(content)

    def listdir(self, path: str) -> Optional[List[str]]:
        """The sorted names in a directory, None if it does not exist; else UnknownState."""
        try:
            return sorted(os.listdir(path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def lstat(self, path: str) -> Optional[os.stat_result]:
        """What a path itself is (a symbolic link is not followed), None if it does not exist; else UnknownState."""
        return self._stat(path, follow=False)

    def stat(self, path: str) -> Optional[os.stat_result]:
        """What a path leads to (symbolic links are followed), None if it leads nowhere; else UnknownState."""
        return self._stat(path, follow=True)

    def _stat(self, path: str, follow: bool) -> Optional[os.stat_result]:
        try:
            return os.stat(path, follow_symlinks=follow)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def readlink(self, path: str) -> Optional[str]:
        """Where a symbolic link points, None if there is nothing; something that is no link is UnknownState."""
        try:
            return os.readlink(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.EINVAL:
                raise UnknownState(f"cannot read {path}: it should be a symbolic link and is not one") from error
            raise _unreadable(path, error) from error

    # writing

    def write(self, path: str, content: str, *, mode: int, uid: int = 0, gid: int = 0) -> None:
        """Replace a file as a whole: readers see the old or the new one, also after a power failure."""
        directory = os.path.dirname(path) or "."
        with _reported("write", path):
            descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=directory)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    _own(descriptor, uid, gid)
                    os.fchmod(descriptor, mode)
                    file.write(_encode(content))
                    file.flush()
                    os.fsync(descriptor)
                os.rename(temporary, path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise
            _sync_directory(directory)

    def symlink(self, target: str, path: str) -> None:
        """Make ``path`` a symbolic link to ``target``, in place of what it was, at once."""
        directory = os.path.dirname(path) or "."
        temporary = os.path.join(directory, f".{os.path.basename(path)}.new")
        with _reported("link", path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            os.symlink(target, temporary)
            os.rename(temporary, path)
            _sync_directory(directory)

    def mkdir(self, path: str, mode: int, parents: bool = False) -> None:
        """Make a directory with exactly this mode (parents with 0755); one that exists is left as it is."""
        with _reported("make directory", path):
            if parents:
                os.makedirs(os.path.dirname(path) or ".", mode=0o755, exist_ok=True)
            try:
                os.mkdir(path, mode)
            except FileExistsError:
                if not os.path.isdir(path):
                    raise
                return
            os.chmod(path, mode)
            _sync_directory(os.path.dirname(path) or ".")

    def chmod(self, path: str, mode: int) -> None:
        """Set a file's permission bits."""
        with _reported("set the mode of", path):
            os.chmod(path, mode)

    def unlink(self, path: str, sync: bool = False) -> None:
        """Remove a file or symbolic link; a missing one is fine. With ``sync`` no power failure brings it back."""
        with _reported("remove", path), contextlib.suppress(FileNotFoundError):
            os.unlink(path)
            if sync:
                _sync_directory(os.path.dirname(path) or ".")

    def rename(self, source: str, target: str) -> None:
        """Give a file or directory another name in its file system, at once and for good; a file is replaced."""
        with _reported(f"rename to {target}", source):
            os.rename(source, target)
            for directory in sorted({os.path.dirname(source) or ".", os.path.dirname(target) or "."}):
                _sync_directory(directory)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory; a missing one is fine, one with something in it is an error."""
        with _reported("remove directory", path), contextlib.suppress(FileNotFoundError):
            os.rmdir(path)

    def rmtree(self, path: str) -> None:
        """Remove a directory and all that is in it; a missing one is fine, symbolic links are not followed."""
        with _reported("remove", path), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)

    def remove(self, path: str) -> None:
        """Remove whatever is at ``path``: a file, a link, a directory and all that is in it; missing is fine."""
        status = self.lstat(path)
        if status is not None and stat_module.S_ISDIR(status.st_mode):
            self.rmtree(path)
        else:
            self.unlink(path)

    # locks

    @contextlib.contextmanager
    def lock(self, path: str, timeout: float) -> Iterator[None]:
        """Hold an exclusive flock(2) on ``path``; the kernel releases it however we end.

        ApiaryError when another process still has it after ``timeout`` seconds.
        """
        self.mkdir(os.path.dirname(path), 0o755, parents=True)
        with _reported("open the lock", path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _wait_for_lock(descriptor, path, timeout)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
            yield
        finally:
            os.close(descriptor)


def is_block_or_character_device(status: os.stat_result) -> bool:
    """Whether a path is a device node (FreeBSD's disks are character devices)."""
    return stat_module.S_ISCHR(status.st_mode) or stat_module.S_ISBLK(status.st_mode)


def _wait_for_lock(descriptor: int, path: str, timeout: float) -> None:
    for _attempt in attempts(timeout, _LOCK_POLL):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EINTR):
                raise FileError("lock", path, error) from error
    holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
    raise ApiaryError(
        f"cannot get the lock {path} within {timeout:g} s: another task is at work on this host "
        f"(process {holder}); run this one again when it has ended"
    )


@contextlib.contextmanager
def _reported(what: str, path: str) -> Iterator[None]:
    """Turn the system's errors into ours, which name what was done and to which path."""
    try:
        yield
    except OSError as error:
        raise FileError(what, path, error) from error


def _unreadable(path: str, error: OSError) -> UnknownState:
    return UnknownState(f"cannot read {path}: {error.strerror or error}")


def _own(descriptor: int, uid: int, gid: int) -> None:
    # A new file on FreeBSD gets its directory's group, so root alone does not make it root:wheel.
    status = os.fstat(descriptor)
    if (status.st_uid, status.st_gid) != (uid, gid):
        os.fchown(descriptor, uid, gid)


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decode(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
