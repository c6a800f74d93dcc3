# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands that are connected by pipes, without a shell: what flows through them need not fit into memory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from typing import IO, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import ApiaryError, CommandError
from ansible_collections.apiary.bhyve.plugins.module_utils.host import Host

#: How much is read from a pipe at once.
CHUNK = 1 << 20
_STDERR_LIMIT = 4096


@dataclass
class _Stage:
    argv: Tuple[str, ...]
    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def said(self) -> str:
        self.errors.seek(0)
        return self.errors.read(_STDERR_LIMIT).decode("utf-8", "surrogateescape").strip()


class _Feeder(threading.Thread):
    """Writes what comes from ``source`` to the first command, while its output is read elsewhere."""

    def __init__(self, source: Iterable[bytes], stages: Sequence[_Stage]) -> None:
        super().__init__(daemon=True)
        self.error: Optional[Exception] = None
        self._source = source
        self._stages = stages

    def run(self) -> None:
        sink = self._stages[0].process.stdin
        if sink is None:
            raise LookupError("the first command has no pipe to write to")
        try:
            for chunk in self._source:
                sink.write(chunk)
            sink.close()
        except BrokenPipeError:
            # The command has ended before its input did; what it says about that is the error to report.
            pass
        except (ApiaryError, OSError) as error:
            self.error = error
            # None of them may take what has come so far for all there is.
            for stage in self._stages:
                stage.kill()
        finally:
            with contextlib.suppress(BrokenPipeError):
                sink.close()


@contextlib.contextmanager
def pipeline(
    host: Host,
    commands: Sequence[Sequence[str]],
    *,
    what: str,
    source: Optional[Union[int, Iterable[bytes]]] = None,
    hint: str = "",
) -> Iterator[IO[bytes]]:
    """Run commands, each one's output the next one's input, and hand out the last one's output while it comes.

    ``source`` is what the first one reads: nothing, a descriptor, or pieces that are written to it. Read the output to
    its end: then, when the block is left, a failure is raised: that of ``source``, or a CommandError. When the block is
    left by an exception, all are killed.
    """
    stages: List[_Stage] = []
    feeder: Optional[_Feeder] = None
    with contextlib.ExitStack() as stack:
        try:
            first = source if source is None or isinstance(source, int) else subprocess.PIPE
            for argv in commands:
                errors = stack.enter_context(tempfile.TemporaryFile())
                stdin = stages[-1].process.stdout if stages else first
                process = host.start(argv, what=what, stdin=stdin, stderr=errors, hint=hint)
                if stages and stages[-1].process.stdout is not None:
                    stages[-1].process.stdout.close()  # it is the next one's now, which alone may keep it open
                stages.append(_Stage(tuple(argv), process, errors))
            if source is not None and not isinstance(source, int):
                feeder = _Feeder(source, stages)
                feeder.start()
            output = stages[-1].process.stdout
            if output is None:
                raise LookupError("the last command has no pipe to read from")
            yield output
        except BaseException:
            for stage in stages:
                stage.kill()
            raise
        finally:
            for stage in stages:
                if stage.process.stdout is not None:
                    stage.process.stdout.close()
            if feeder is not None:
                feeder.join()
            for stage in stages:
                stage.process.wait()
        if feeder is not None and feeder.error is not None:
            raise feeder.error
        _judge(stages, what, hint)


def run_pipeline(
    host: Host,
    commands: Sequence[Sequence[str]],
    *,
    what: str,
    source: Optional[Union[int, Iterable[bytes]]] = None,
    hint: str = "",
) -> None:
    """The same for commands whose last one says nothing of use on its standard output."""
    with pipeline(host, commands, what=what, source=source, hint=hint) as output:
        while output.read(CHUNK):
            pass


def _judge(stages: Sequence[_Stage], what: str, hint: str) -> None:
    """Raise for the last command that failed: those before it may only have lost their reader."""
    failed = [stage for stage in stages if stage.process.returncode != 0]
    if not failed:
        return
    last, others = failed[-1], failed[:-1]
    said = [last.said()]
    for other in others:
        if other.process.returncode != -signal.SIGPIPE:
            said.append(f"(before it, {other.argv[0]} exited {other.process.returncode}: {other.said()})")
    raise CommandError(what, last.argv, last.process.returncode, stderr=" ".join(said), hint=hint)
