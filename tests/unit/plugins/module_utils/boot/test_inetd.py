# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of inetd.conf(5), and the options that make them."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.inetd import conf
from ansible_collections.apiary.bhyve.plugins.module_utils.boot.inetd.options import Service, task_of
from ansible_collections.apiary.bhyve.plugins.module_utils.errors import BadInput

TFTP = Service("tftp", "udp", program="/usr/libexec/tftpd", arguments=("-l", "-s", "/tftpboot"))
LINE = "tftp\tdgram\tudp\twait\troot\t/usr/libexec/tftpd\ttftpd -l -s /tftpboot\n"
SAMPLES = f"# see inetd.conf(5)\n#{LINE}#tftp\tdgram\tudp6\twait\troot\t/x x\n"
OTHER = "ftp stream tcp nowait root /usr/libexec/ftpd ftpd -l\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", LINE),
        (OTHER[:-1], OTHER + LINE),
        (SAMPLES + OTHER, SAMPLES.replace("#tftp\tdgram\tudp6", LINE + "#tftp\tdgram\tudp6") + OTHER),
        (OTHER + LINE.replace("/tftpboot", "/other") + OTHER, OTHER + LINE + OTHER),
        (LINE.replace("udp", "udp4"), LINE),
        (LINE.replace("\ttftpd ", "\n\ttftpd ") + OTHER, LINE.replace("\ttftpd ", "\n\ttftpd ") + OTHER),
        (LINE + OTHER + LINE, LINE + OTHER),
        (LINE.replace("tftp\t", "tftpx\t"), LINE.replace("tftp\t", "tftpx\t") + LINE),
    ],
)
def test_a_line_is_made_or_changed_and_nothing_else(before: str, after: str) -> None:
    assert conf.edit(before, [TFTP]) == after
    assert conf.edit(after, [TFTP]) == after


def test_what_goes_leaves_its_sample() -> None:
    gone = Service("tftp", "udp", present=False)
    assert conf.edit(SAMPLES + LINE + OTHER, [gone]) == SAMPLES + OTHER
    assert conf.edit(SAMPLES, [gone]) == SAMPLES


@pytest.mark.parametrize("text", ["tftp\tdgram\tudp\n", OTHER + "x\n", "a b c d\n e\n"])
def test_a_short_line_is_an_error_with_its_number(text: str) -> None:
    with pytest.raises(BadInput, match=r"inetd.conf line [12]: .* fields of 6"):
        conf.check(text, "/etc/inetd.conf")


def test_ports_by_name_and_alias() -> None:
    known = conf.ports("tftp 69/udp\n# x 1/udp\nhttp\t80/tcp www www-http # World\n")
    assert known == {"tftp/udp": 69, "http/tcp": 80, "www/tcp": 80, "www-http/tcp": 80}
    assert conf.port_of(TFTP, known) == 69
    with pytest.raises(BadInput, match="services has no tftp/tcp"):
        conf.port_of(Service("tftp", "tcp6"), known)


@pytest.mark.parametrize(
    ("flags", "address", "after"),
    [
        ("-wW -C 60", "10.0.0.1", "-wW -C 60 -a 10.0.0.1"),
        ("-wW -C 60 -a 10.0.0.2", "10.0.0.1", "-wW -C 60 -a 10.0.0.1"),
        ("-wWa10.0.0.2 -C60", "", "-wW -C60"),
        ("-a ::1 -p a", "", "-p a"),
        ("-a ::1", None, "-a ::1"),
        ("", "", ""),
    ],
)
def test_the_address_is_a_flag(flags: str, address: str, after: str) -> None:
    assert conf.with_address(flags, address) == after


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "give one service by name, or many by services"),
        ({"program": "/bin/x"}, "program: of which service"),
        ({"name": "10.0.0.1:tftp", "program": "/x"}, "by the option address"),
        ({"name": "tftp"}, "program: '' is not an absolute path"),
        ({"name": "tftp", "program": "tftpd"}, "is not an absolute path"),
        ({"name": "tftp", "program": "/x", "arguments": ["a b"]}, "arguments: 'a b'"),
        ({"name": "tftp", "program": "/x", "arguments": ["#x"]}, "arguments: '#x'"),
        ({"name": "tftp", "program": "/x", "arguments": ["x"] * 20}, "takes 19"),
        ({"name": "tftp", "program": "/x", "user": "a b"}, "user: 'a b'"),
        ({"name": "tftp", "program": "/x", "address": "lo0"}, "neither an IPv4 nor an IPv6 address"),
        ({"name": "tftp", "program": "/x", "protocol": "udp6", "address": "10.0.0.1"}, "leaves tftp/udp6 out"),
        ({"name": "tftp", "program": "/x", "enabled": False}, "without inetd there are no services"),
        (
            {"services": [{"name": "tftp", "program": "/x"}, {"name": "tftp", "protocol": "udp4", "program": "/x"}]},
            "twice",
        ),
        ({"name": "tftp", "services": []}, "beside it"),
    ],
)
def test_bad_input_names_the_option(params: Dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        task_of({"name": None, "services": None, **params} if params else {"name": ""})
