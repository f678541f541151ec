#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The first process on the root file system of the guest that tests/kernel/qemu boots; /run/guest says what to do.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
guest=/run/guest

halt() {
	sync
	echo o >/proc/sysrq-trigger
	sleep 60
}

fail() {
	echo "tests/kernel/qemu-start.sh: $*"
	[ -z "${out-}" ] || echo "$*" >"$out/status"
	halt
}

exec </dev/null >/dev/console 2>&1
stty -F /dev/console -opost
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm "$guest/host"
mount -t devpts devpts /dev/pts
ln -sf /proc/self/fd /dev/fd
IFS= read -r -d '' folder <"$guest/out"
IFS= read -r -d '' cwd <"$guest/cwd"
IFS= read -r -d '' modules <"$guest/modules"
mapfile -d '' command <"$guest/command"
mapfile -d '' see <"$guest/see"

# What lies under these on the host is seen through a second mount only.
options=trans=virtio,version=9p2000.L,msize=262144
mount --bind / "$guest/host"
for place in /tmp /var/tmp /dev/shm; do
	mount -t tmpfs -o mode=1777,nosuid tmpfs "$place"
done
for each in "${see[@]}"; do
	mkdir -p -- "$each" && mount --bind "$guest/host$each" "$each" || fail "cannot mount $each"
done
mkdir -p -- "$folder" 2>/dev/null
mount -t 9p -o "$options" out "$folder" || fail "cannot mount $folder"
out=$folder

mkdir -p "$guest/lib/modules"
ln -s "$modules" "$guest/lib/modules/"
printf '#!/bin/sh\nexec modprobe -d %s "$@"\n' "$guest" >"$guest/modprobe"
chmod 755 "$guest/modprobe"
echo "$guest/modprobe" >/proc/sys/kernel/modprobe
for module in tls aesni_intel gcm ccm ctr chacha20poly1305 ipv6; do
	modprobe -q -d "$guest" "$module" || [ "$module" != tls ] || fail "modprobe tls failed"
done
ip link set lo up || fail "ip link set lo up failed"
echo localhost >/proc/sys/kernel/hostname
ulimit -n 20000
cd -- "$cwd" || fail "no folder $cwd in the guest"
echo "tests/kernel/qemu-start.sh: Linux $(uname -r), $(nproc) processors, kernel TLS loaded"
setsid env -i PATH="$PATH" HOME=/tmp LANG=C.UTF-8 TERM=dumb PYTHONDONTWRITEBYTECODE=1 "${command[@]}"
echo $? >"$out/status"
halt
