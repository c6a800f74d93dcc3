# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VALE switches: limits and names beyond what was recorded, and frames that really pass between their ports."""

from __future__ import annotations

from networklab import Kernel
from polls import until
from standin.host import StandinHost

#: Opens ports and asks from the first who has an address (ARP); prints how many frames each of the others has seen, and
#: whether there was an answer.
_ASK = r"""
import os, select, socket, sys, time
sys.path.insert(0, "/.standin/lib")
from standin.ifnet import vale
address, names = sys.argv[1], sys.argv[2:]
ports = [vale.open_port(name, os.getpid()) for name in names]
mine = bytes.fromhex("5a0000000001")
question = b"\xff" * 6 + mine + bytes.fromhex("08060001080006040001") + mine + bytes(10)
question = (question + socket.inet_aton(address)).ljust(60, b"\0")
seen, answered, end = [False] * len(ports), False, time.monotonic() + 1.0
while time.monotonic() < end and not answered:
    os.write(ports[0], question)
    for port in select.select(ports, [], [], 0.05)[0]:
        frame = os.read(port, 2000)
        seen[ports.index(port)] |= frame == question
        answered |= frame[20:22] == bytes([0, 2]) and frame[28:32] == socket.inet_aton(address)
print(*("passed" if one else "nothing" for one in seen[1:]), "answer" if answered else "silence")
"""
_HOLD = """
import os, sys
from standin.ifnet import vale
vale.open_port(sys.argv[1], os.getpid())
print("open", flush=True)
sys.stdin.readline()
"""
_FILL = """
import os
from standin.ifnet import vale
for number in range(255):
    vale.open_port(f"vale0:{number}", os.getpid())
"""


def ask(host: StandinHost, address: str, *ports: str) -> str:
    """What comes of asking for an address on the first port."""
    return host.run(["/.linux/usr/bin/python3", "-IS", "-c", _ASK, address, *ports], check=True).stdout.strip()


def test_frames_pass_between_the_ports_of_one_switch_only(host: StandinHost) -> None:
    assert ask(host, "10.77.0.9", "vale0:1000", "vale0:1001", "vale1:1000") == "passed nothing silence"
    # The ports went with their process, and the switches with them.
    assert host.run(["valectl"]).stdout == ""


def test_the_other_end_of_an_attached_epair_is_the_hosts(host: StandinHost) -> None:
    host.sh("ifconfig epair7 create; ifconfig epair7a up; ifconfig epair7b inet 10.77.0.1/24", check=True)
    host.sh("valectl -a vale0:epair7a", check=True)
    assert ask(host, "10.77.0.1", "vale0:1000") == "answer"
    host.sh("ifconfig epair7a down", check=True)
    assert ask(host, "10.77.0.1", "vale0:1000") == "silence"
    host.sh("valectl -d vale0:epair7a; ifconfig epair7a destroy", check=True)


def test_the_hosts_stack_hears_of_an_attached_interface_only_if_it_is_attached_as_well(host: StandinHost) -> None:
    host.sh("ifconfig epair8 create; ifconfig epair8a inet 10.78.0.1/24", check=True)
    host.sh("valectl -a vale0:epair8a", check=True)
    assert ask(host, "10.78.0.1", "vale0:1000") == "silence"
    host.sh("valectl -d vale0:epair8a; valectl -h vale0:epair8a", check=True)
    assert ask(host, "10.78.0.1", "vale0:1000") == "answer"
    assert "inet 10.78.0.1" in host.run(["ifconfig", "epair8a"]).stdout
    host.sh("valectl -d vale0:epair8a", check=True)
    # Nobody has lost anything: the address is on the card again.
    assert "10.78.0.1" in host.sh("/.linux/usr/bin/ip -o -4 addr show dev epair8a").stdout
    host.sh("ifconfig epair8a destroy", check=True)


def test_a_destroyed_interface_stays_in_the_way_until_it_is_detached(host: StandinHost) -> None:
    host.sh("ifconfig epair9 create; valectl -h vale0:epair9a; ifconfig epair9a destroy", check=True)
    assert "vale0:epair9a bridge_idx 0" in host.run(["valectl"]).stdout
    host.sh("valectl -d vale0:epair9a", check=True)
    assert host.run(["valectl"]).stdout == ""


def test_a_port_goes_with_its_process(kernel: Kernel) -> None:
    process = kernel.python(_HOLD, "vale3:web1")
    assert process.stdout is not None and process.stdout.readline() == "open\n"
    assert kernel.run("valectl").stdout == "vale3:web1 bridge_idx 0 port_idx 0\n"
    busy = kernel.run("valectl", "-d", "vale3:web1")
    assert (busy.returncode, busy.stderr) == (1, "failed to detach vale3:web1: Device busy\n")
    process.kill()
    process.communicate(timeout=10)
    assert until(lambda: kernel.run("valectl").stdout == ""), "the port is still there"


def test_a_switch_has_254_ports(kernel: Kernel) -> None:
    process = kernel.python(_FILL)
    _out, said = process.communicate(timeout=60)
    assert process.returncode == 1 and said.strip().endswith("Refused: Device busy")
