#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The first process of the guest that tests/kernel/uml boots. UML_WORK is a folder that says what to do.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

mount -t proc proc /proc
mount -t sysfs sysfs /sys
[ -c /dev/null ] || mount -t devtmpfs devtmpfs /dev # the kernel does it unless it was told not to
exec </dev/null >/dev/console 2>&1
stty -F /dev/console -opost

IFS= read -r -d '' out <"$UML_WORK/out"
mapfile -d '' command <"$UML_WORK/command"
IFS= read -r -d '' cwd <"$UML_WORK/cwd"
mapfile -d '' see <"$UML_WORK/see"
IFS= read -r -d '' modules <"$UML_WORK/modules"

halt() {
    sync
    poweroff -f >/dev/null 2>&1
    echo o >/proc/sysrq-trigger
    sleep 60
}

# A folder of the host, at the same place in the guest. mount(8) of util-linux 2.39 names the option.
host_folder() {
    mkdir -p -- "$1"
    mount -t hostfs -o "$2,$1" none "$1" 2>/dev/null || mount -t hostfs -o "$2,hostfs=$1" none "$1"
}

fail() {
    echo "tests/kernel/init.sh: $*"
    echo "$*" >"$out/status"
    halt
}

ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for folder in /tmp /run /var/tmp /dev/shm; do
    mount -t tmpfs -o mode=1777,nosuid tmpfs "$folder"
done
# Sorted: parents come before what lies in them. The writable folder may lie in a read-only one.
mapfile -d '' see < <(printf '%s\0' "${see[@]}" | LC_ALL=C sort -z)
for folder in "${see[@]}"; do
    if [ ! -d "$folder" ] && ! host_folder "$folder" ro; then
        echo "tests/kernel/init.sh: cannot mount $folder"
        halt
    fi
done
if ! host_folder "$out" rw; then
    echo "tests/kernel/init.sh: cannot mount $out"
    halt
fi

# Modules are looked up in a tree of our own: /lib/modules need not exist on the host and cannot be made here.
# The kernel's own requests (a cipher asked for by name, the "tls" upper layer) go the same way.
mkdir -p /run/uml/lib/modules
ln -s "$modules/$(uname -r)" /run/uml/lib/modules/
printf '#!/bin/sh\nexec modprobe -d /run/uml "$@"\n' >/run/uml/modprobe
chmod 755 /run/uml/modprobe
echo /run/uml/modprobe >/proc/sys/kernel/modprobe
modprobe -d /run/uml tls || fail "modprobe tls failed: no module for kernel $(uname -r) in $modules"
[ -r /proc/net/tls_stat ] || fail "kernel $(uname -r) has no /proc/net/tls_stat: built without kernel TLS"
for module in ipv6 gcm ccm ctr ghash-generic chacha_generic poly1305_generic chacha20poly1305; do
    # Other kernels name the last ones differently; then the kernel asks for them itself.
    modprobe -q -d /run/uml "$module"
done

echo localhost >/proc/sys/kernel/hostname
ip link set lo up || fail "ip link set lo up failed"
ulimit -n 4096

cd -- "$cwd" || fail "no folder $cwd in the guest"
echo "tests/kernel/init.sh: Linux $(uname -r), kernel TLS loaded"
# Its own session: a command that signals its process group must not reach this shell.
setsid env -i PATH="$PATH" HOME=/tmp LANG=C.UTF-8 TERM=dumb PYTHONDONTWRITEBYTECODE=1 "${command[@]}"
echo $? >"$out/status"
halt
