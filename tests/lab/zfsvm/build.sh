#!/bin/sh
# Copyright: (c) 2026, Apiary contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# build.sh DIRECTORY: a Debian with OpenZFS, as files that QEMU starts: DIRECTORY/kernel, DIRECTORY/root.ext4, and
# DIRECTORY/versions, a line each of what is in it. The module is compiled on the way, which takes some ten minutes.
# DIRECTORY comes into being when all of it is done; what an interrupted build leaves, the next one removes.
# DEBIAN_MIRROR and DEBIAN_SECURITY_MIRROR are where to take it all from.
# shellcheck disable=SC2016  # mmdebstrap's hooks and dpkg-query have variables of their own
set -eu
[ $# -eq 1 ] || { echo "usage: build.sh DIRECTORY" >&2; exit 64; }
out=$1
[ ! -d "$out" ] || exit 0
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
work=$out.building

rm -rf "$work"
mkdir -p "$work"
# OpenZFS 2.3 is nearer to FreeBSD 14's 2.2 and 15's 2.4 than the 2.1 of Debian 12 itself.
nice mmdebstrap --quiet --variant=minbase --components=main,contrib \
	--include=linux-image-cloud-amd64,linux-headers-cloud-amd64,zfs-dkms,zfsutils-linux,udev,kmod,python3,procps \
	--setup-hook='mkdir -p "$1/etc/apt/preferences.d"' \
	--setup-hook='printf "Package: src:zfs-linux\nPin: release n=bookworm-backports\nPin-Priority: 600\n" > "$1/etc/apt/preferences.d/zfs"' \
	bookworm "$work/tree" \
	"deb $mirror bookworm main contrib" \
	"deb $mirror bookworm-backports main contrib" \
	"deb $security bookworm-security main contrib" > "$work/log" 2>&1 || {
	echo "build.sh: mmdebstrap failed, its last words (all of them: $work/log):" >&2
	tail -n 5 "$work/log" >&2
	exit 1
}
find "$work/tree/lib/modules" -name 'zfs.ko*' | grep -q . || {
	echo "build.sh: the zfs module was not compiled, see $work/log" >&2
	exit 1
}
chroot "$work/tree" dpkg-query -W -f '${Package} ${Version}\n' zfs-dkms linux-image-cloud-amd64 > "$work/versions"
cp "$work"/tree/boot/vmlinuz-* "$work/kernel"
for needless in boot usr/src usr/lib/gcc usr/share/doc usr/share/man usr/share/locale var/lib/dkms var/lib/apt var/cache; do
	rm -rf "${work:?}/tree/$needless"
done
mkfs.ext4 -q -d "$work/tree" "$work/root.ext4" 2G > /dev/null
rm -rf "$work/tree"
mv "$work" "$out"
