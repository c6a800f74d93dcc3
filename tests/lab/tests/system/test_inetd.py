# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""inetd(8) and tftpd(8) beyond what inetd-tftp.txt shows."""

from __future__ import annotations

from typing import Iterator

import pytest
from standin.host import StandinHost

TFTP = "tftp\tdgram\t{}\twait\troot\t/usr/libexec/tftpd\ttftpd -l -s /tftpboot\n"


@pytest.fixture
def server(host: StandinHost) -> Iterator[StandinHost]:
    """A host with a file to be fetched."""
    host.write("/tftpboot/file", "hello\n")
    yield host
    host.sh("service inetd onestop; rm -rf /tftpboot; sysrc -x inetd_flags")


def fetched(host: StandinHost, address: str) -> str:
    """What a client that waits only a second gets."""
    done = host.sh(f"cd /tmp; rm -f file; printf 'rexmt 1\\nget file\\n' | timeout 2 tftp {address}; cat file")
    return done.stdout.splitlines()[-1] if done.stdout else ""


def start(host: StandinHost, conf: str) -> None:
    """Start inetd anew, and wait until it has read its file."""
    host.write("/etc/inetd.conf", conf)
    host.sh("service inetd onestop; service inetd onestart", check=True)
    host.sh("for i in 1 2 3 4 5 6 7 8 9 10; do sockstat -lq -p 69 | grep -q inetd && break; sleep 0.1; done")


def test_a_line_for_each_family(server: StandinHost) -> None:
    start(server, TFTP.format("udp6"))
    assert fetched(server, "::1") == "hello"
    assert fetched(server, "127.0.0.1") != "hello"
    start(server, TFTP.format("udp46"))
    assert fetched(server, "::1") == fetched(server, "127.0.0.1") == "hello"


def test_bound_to_one_address_the_other_family_is_left_out(server: StandinHost) -> None:
    server.sh("sysrc inetd_flags='-wW -C 60 -a 127.0.0.1'", check=True)
    start(server, TFTP.format("udp") + TFTP.format("udp6"))
    assert fetched(server, "127.0.0.1") == "hello"
    assert server.sh("sockstat -46lq -p 69 | awk '{print $5, $6}'").stdout == "udp4 127.0.0.1:69\n"


def test_internal_services_are_not_built(server: StandinHost) -> None:
    server.write("/etc/inetd.conf", "daytime\tstream\ttcp\tnowait\troot\tinternal\n")
    done = server.run(["inetd"])
    assert (
        done.returncode == 99 and "STANDIN: inetd: daytime stream tcp nowait root internal is not built" in done.stderr
    )
