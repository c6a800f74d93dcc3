#!/bin/sh
# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# build.sh DIRECTORY: makes DIRECTORY a host directory for `bhyveload -h DIRECTORY -e mode=MODE NAME`.
# Needs a C compiler and a linker for x86-64 ELF; CC and LD name others than gcc and ld.
set -eu
[ $# -eq 1 ] || { echo "usage: build.sh DIRECTORY" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
out=$1
cc=${CC:-gcc}
ld=${LD:-ld}
for tool in "$cc" "$ld"; do
	command -v "$tool" >/dev/null || { echo "build.sh: $tool is missing: install gcc and binutils" >&2; exit 69; }
done
mkdir -p "$out/boot/lua" "$out/boot/defaults"
number=0
# the order is that of the enum in tiny.c
for mode in reboot poweroff halt triple idle acpi kbdreset; do
	number=$((number + 1))
	"$cc" -O1 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
		-fno-stack-protector -fno-asynchronous-unwind-tables -DMODE=$number -c "$here/tiny.c" -o "$out/tiny.o"
	"$ld" -z max-page-size=4096 -T "$here/tiny.ld" -o "$out/boot/$mode" "$out/tiny.o" 2>"$out/ld.err" ||
		{ cat "$out/ld.err" >&2; exit 1; }
	rm -f "$out/tiny.o" "$out/ld.err"
done
printf 'loader.perform("load /boot/" .. loader.getenv("mode"))\nloader.perform("boot")\n' >"$out/boot/lua/loader.lua"
