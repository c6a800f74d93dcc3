# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""inetd-tftp.txt: sshd runs, a file lies in /tftpboot."""

from __future__ import annotations

from standin.host import StandinHost

SETTINGS = {"cpus": 2}
# What the commands before have done, which wait for minutes and are left out.
UNRECORDED = {
    385: r"printf '127.0.0.1:tftp\tdgram\tudp\twait\troot\t/usr/libexec/tftpd\ttftpd\n' > /etc/inetd.conf",
    428: "service inetd onestart",
}


def prepare(host: StandinHost) -> None:
    """The file, and a text of the length of the recorder's."""
    host.sh("mkdir -p /tftpboot; service sshd onestart", check=True)
    host.write("/tftpboot/file", "hello tftp\n")
    host.write("/etc/motd.template", ("x" * 52 + "\n") * 16 + "\n")
