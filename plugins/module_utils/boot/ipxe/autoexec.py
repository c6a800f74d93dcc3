# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""autoexec.ipxe, the script that iPXE runs when it was started from a disk: the user's, or ours."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

FIRST_LINE = "#!ipxe"
RETRY, LOCAL, SHELL = "retry", "local", "shell"
CHOICES = (RETRY, LOCAL, SHELL)
#: A boot script is small; more than this is something else.
MOST = 1 << 20

_OWN = """\
#!ipxe
# Made by the Ansible collection apiary.bhyve: DHCP, then the guest's own script by TFTP.
set attempt:int32 0

:configure
inc attempt
echo Apiary: DHCP, attempt ${{attempt}} of {attempts}
dhcp && goto configured ||
iseq ${{attempt}} {attempts} && goto unconfigured ||
sleep 2
goto configure

:configured
isset ${{next-server}} || set next-server ${{dhcp-server}}
isset ${{hostname}} || goto nameless
set script tftp://${{next-server}}/chainload/${{hostname}}.ipxe
echo Apiary: boot script ${{script}}
# A script that ends without an error has nothing to boot: it leaves that to the next disk.
chain ${{script}} && goto local ||
set trouble the boot script ${{script}} is missing, or failed
goto prompt

:unconfigured
set trouble no answer to DHCP
goto prompt

:nameless
set trouble the DHCP server gives this guest no host name
goto prompt

:prompt
echo
echo Apiary: ${{trouble}}
menu Apiary: ${{trouble}}
item retry Try again
item local Boot from the next disk
item shell Shell of iPXE
choose --default {fallback}{timeout} choice && goto ${{choice}} || goto retry

:retry
set attempt:int32 0
goto configure

:shell
echo Apiary: exit leads back to the menu
shell ||
goto prompt

:local
# The firmware goes on with what comes next in its boot order only after a failure.
exit 1
"""


@dataclass(frozen=True)
class Own:
    """How our script behaves: how often it asks for an address in a row, and what becomes of the menu afterwards.

    ``timeout``: seconds until the menu takes ``fallback`` by itself, 0 for never.
    """

    attempts: int = 5
    timeout: int = 30
    fallback: str = RETRY


def own_script(own: Own) -> str:
    """The text of our autoexec.ipxe."""
    timeout = f" --timeout {own.timeout * 1000}" if own.timeout else ""
    return _OWN.format(attempts=own.attempts, fallback=own.fallback, timeout=timeout)


def checked_script(text: str, option: str) -> str:
    """The user's script with a line end at its end. BadInput for what iPXE does not take for a script."""
    if "\0" in text or len(text) > MOST:
        raise BadInput(f"{option}: it is no text, or longer than {MOST >> 20} MiB, and so no script of iPXE")
    text = text if text.endswith("\n") else text + "\n"
    first = text.splitlines()[0]
    if not text.startswith(FIRST_LINE) or not text[len(FIRST_LINE)].isspace():
        raise BadInput(f"{option}: its first line is {first[:60]!r}; a script of iPXE begins with {FIRST_LINE}")
    return text
