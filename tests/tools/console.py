# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's serial console, shown. Usage: console.py talk HOST_DIRECTORY DEVICE | watch HOST_DIRECTORY DEVICE TEXT

``talk`` logs in, ``watch`` waits for the guest and listens until it says the text.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from typing import IO

from polls import until
from standin.host import StandinHost

# A line that echoes nothing: a plain cat of the B side would send the guest's output back into the guest.
ATTACH = 'exec 3<> "$0"; stty raw -echo <&3; cat <&3 & exec cat >&3'


# What steers a terminal, and the blank lines that a firmware leaves behind.
CONTROL = re.compile(r"\x1b\[[0-9;=?]*[A-Za-z]|\r")
BEGUN = re.compile(r"\x1b(\[[0-9;=?]*)?$")
BLANK = re.compile(r"\n\s*\n+")
# After so many seconds of silence a prompt that came before us is asked for anew.
QUIET = 4.0
# Seconds until a guest has to be up, on a busy machine.
PATIENCE = 240.0
# And until a playbook that prepares its host has started it.
START = 600.0


class Console:
    """A serial console: what it said so far, and a way to type."""

    def __init__(self, host: StandinHost, device: str) -> None:
        self._process = host.spawn(
            ["/bin/sh", "-c", ATTACH, device], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self.said = b""
        self._begun = ""

    def type(self, text: str) -> None:
        """Type, as a keyboard would."""
        self._pipe(self._process.stdin).write(text.encode())

    def read(self, seconds: float) -> None:
        """Take what comes within a time, and show it."""
        out = self._pipe(self._process.stdout)
        if select.select([out], [], [], seconds)[0]:
            chunk = os.read(out.fileno(), 4096)
            self.said += chunk
            text = self._begun + chunk.decode("utf-8", "replace")
            shown = BEGUN.sub("", text)
            self._begun = text[len(shown) :]
            sys.stdout.write(BLANK.sub("\n", CONTROL.sub("", shown)))
            sys.stdout.flush()

    def wait(self, text: str, seconds: float, nudge: bool = False) -> None:
        """Wait for a text; with `nudge`, press return when nothing comes."""
        deadline = time.monotonic() + seconds
        start = len(self.said)
        while text.encode() not in self.said[start:]:
            if time.monotonic() > deadline:
                sys.exit(f"the console did not say {text!r} within {seconds:g} seconds")
            before = len(self.said)
            self.read(QUIET)
            if nudge and len(self.said) == before:
                self.type("\n")

    def close(self) -> None:
        """Let go of the line."""
        self._process.terminate()
        self._process.wait()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


def talk(host: StandinHost, device: str) -> None:
    """Log in as root, ask who is there, reach the outside, log out."""
    console = Console(host, device)
    console.wait("login:", PATIENCE, nudge=True)
    console.type("root\n")
    console.wait("# ", 20)
    console.type("uname -sr; grep MemTotal /proc/meminfo; ip addr show dev eth0\n")
    console.wait("# ", 20)
    # The machine outside answers to the host's address; it knows no other.
    console.type("ping -c 2 192.0.2.1\n")
    console.wait(" 0% packet loss", 30)
    console.wait("# ", 20)
    console.type("exit\n")
    console.wait("login:", 20)
    console.close()
    print()


def watch(host: StandinHost, device: str, text: str) -> None:
    """What a guest says from its first word on, up to a text."""
    if not until(lambda: host.exists_in(device), START, pause=0.2):
        sys.exit(f"the guest with {device} did not start")
    console = Console(host, device)
    console.wait(text, PATIENCE)
    console.close()
    print()


def main() -> None:
    """The command line."""
    command, directory, device = sys.argv[1:4]
    host = StandinHost(os.path.basename(directory), directory)
    if command == "watch":
        watch(host, device, sys.argv[4])
    else:
        talk(host, device)


if __name__ == "__main__":
    main()
