# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab from the command line: ``PYTHONPATH=tests/lab python3 -m standin COMMAND …`` (as root)."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from typing import List, Optional

from .host import LabError, StandinHost, default_directory, hosts
from .settings import Settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="standin", description="stand-in FreeBSD hosts")
    parser.add_argument("--lab", default=os.path.dirname(default_directory("x")), help="the directory of the hosts")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="make a host if it is new, and boot it if it is off")
    up.add_argument("name")
    up.add_argument("--release", default="14.3-RELEASE")
    up.add_argument("--machine", default="amd64")
    up.add_argument("--cpus", type=int, default=4)
    up.add_argument("--memory", type=int, default=16, help="GiB")
    up.add_argument("--cpu", choices=("intel", "amd", "none"), default="intel")
    up.add_argument("--no-zfs", action="store_true")
    up.add_argument("--uplink", action="append", default=[], metavar="IF=SWITCH", help="em0=lan")
    for name, text in (
        ("boot", "power on"),
        ("down", "orderly shutdown"),
        ("cut", "power cut"),
        ("destroy", "power cut, and its disk goes"),
        ("console", "what /etc/rc printed"),
        ("commands", "the log of calls"),
    ):
        commands.add_parser(name, help=text).add_argument("name")
    execute = commands.add_parser("exec", help="run a command in a host; without one, a shell")
    execute.add_argument("name")
    execute.add_argument("argv", nargs=argparse.REMAINDER)
    commands.add_parser("list", help="the hosts and whether they are up")
    commands.add_parser("clean", help="destroy every host of the lab, and its cache")
    return parser


def _settings(args: argparse.Namespace) -> Settings:
    return Settings(
        hostname=args.name,
        release=args.release,
        machine=args.machine,
        cpus=args.cpus,
        memory=args.memory << 30,
        cpu=args.cpu,
        zfs=not args.no_zfs,
        uplinks=dict(word.split("=", 1) for word in args.uplink),
    )


def _clean(lab: str) -> int:
    for host in hosts(lab):
        host.destroy()
        print(f"{host.name}: destroyed")
    for name in os.listdir(lab) if os.path.isdir(lab) else []:
        shutil.rmtree(os.path.join(lab, name), ignore_errors=True)
    return 0


def run(args: argparse.Namespace) -> int:
    """Do what the command line says; the exit status."""
    if args.command == "list":
        for host in hosts(args.lab):
            print(f"{host.name}\t{'up' if host.is_up() else 'off'}\t{host.directory}")
        return 0
    if args.command == "clean":
        return _clean(args.lab)
    host = StandinHost(args.name, os.path.join(args.lab, args.name), _settings(args) if args.command == "up" else None)
    if args.command == "up":
        host.up()
        return 0
    if not host.exists():
        raise LabError(f"there is no stand-in host {args.name} in {args.lab}")
    if args.command == "exec":
        return subprocess.run(host.enter(args.argv or ["/bin/sh"]), check=False).returncode
    if args.command == "console":
        sys.stdout.write(host.console())
    elif args.command == "commands":
        for call in host.commands():
            print("-" if call.exit is None else call.exit, *call.argv)
    elif args.command == "boot":
        host.boot()
    elif args.command == "down":
        host.down()
    elif args.command == "cut":
        host.power_cut()
    else:
        host.destroy()
    return 0


def main(argv: Optional[List[str]] = None) -> int:
    """Entry point; a lab error is one line."""
    try:
        return run(_parser().parse_args(argv))
    except LabError as error:
        print(f"standin: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
