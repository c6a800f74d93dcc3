# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of DHCP for IPv4 that have a name in dhcp-options(5): their numbers, and what their values are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional

#: Kinds of values. ADDRESS is one or several, with commas between them; DATA is a text or hexadecimal bytes, 01:0a:ff.
ADDRESS, TEXT, DOMAINS, NUMBER, FLAG, DATA = "address", "text", "domains", "number", "flag", "data"

_TABLE = """
2 time-offset number
3 routers address
4 time-servers address
5 ien116-name-servers address
6 domain-name-servers address
7 log-servers address
8 cookie-servers address
9 lpr-servers address
10 impress-servers address
11 resource-location-servers address
12 host-name text
13 boot-size number
14 merit-dump text
15 domain-name text
16 swap-server address
17 root-path text
18 extensions-path text
19 ip-forwarding flag
20 non-local-source-routing flag
21 policy-filter address
22 max-dgram-reassembly number
23 default-ip-ttl number
24 path-mtu-aging-timeout number
25 path-mtu-plateau-table number
26 interface-mtu number
27 all-subnets-local flag
28 broadcast-address address
29 perform-mask-discovery flag
30 mask-supplier flag
31 router-discovery flag
32 router-solicitation-address address
33 static-routes address
34 trailer-encapsulation flag
35 arp-cache-timeout number
36 ieee802-3-encapsulation flag
37 default-tcp-ttl number
38 tcp-keepalive-interval number
39 tcp-keepalive-garbage flag
40 nis-domain text
41 nis-servers address
42 ntp-servers address
44 netbios-name-servers address
45 netbios-dd-server address
46 netbios-node-type number
47 netbios-scope text
48 font-servers address
49 x-display-manager address
60 vendor-class-identifier data
61 dhcp-client-identifier data
64 nisplus-domain text
65 nisplus-servers address
66 tftp-server-name text
67 bootfile-name text
68 mobile-ip-home-agent address
69 smtp-server address
70 pop-server address
71 nntp-server address
72 www-server address
73 finger-server address
74 irc-server address
75 streettalk-server address
76 streettalk-directory-assistance-server address
77 user-class text
85 nds-servers address
86 nds-tree-name text
87 nds-context text
98 uap-servers text
100 pcode text
101 tcode text
119 domain-search domains
150 tftp-server-address address
"""
#: Those of the table that dhcpd(8) has no name for, so that it wants them defined.
NOT_ISC = ("tftp-server-address",)


@dataclass(frozen=True)
class Option:
    """A standard option: its number, and the kind of its value."""

    code: int
    kind: str


STANDARD: Dict[str, Option] = {
    name: Option(int(code), kind) for code, name, kind in (line.split() for line in _TABLE.strip().splitlines())
}


def standard_option(name: str) -> Optional[Option]:
    """The standard option of this name; None: it is one of the server's own or of its configuration."""
    return STANDARD.get(name)
