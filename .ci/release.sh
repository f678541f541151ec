# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by ./run and ./check: which Kamailio is installed, and whether the module knows it.

PATH=$PATH:/usr/sbin # where Kamailio is; Debian has it in root's path only

# kamailio_release: which one it is that prints its version on stdin.
kamailio_release() {
	sed -n 's/^version: kamailio \([^ ]*\).*/\1/p'
}

# is_known RELEASE
is_known() {
	grep -q "^#define FACT_RELEASES .*\"$1\"" ser/host/facts/*.h
}
