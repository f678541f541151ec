# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by ./run, ./check and packaging/build: installs what they need with apt, as root or through sudo, and says so.

RUN_PACKAGES="gcc cmake ninja-build pkg-config libssl-dev liburing-dev libcap-dev libseccomp-dev openssl
	python3 kamailio"
TEST_PACKAGES="$RUN_PACKAGES libcmocka-dev python3-pytest python3-pytest-timeout python3-pytest-xdist
	python3-pytest-rerunfailures python3-cryptography kamailio-tls-modules kamailio-websocket-modules
	kamailio-xml-modules kamailio-lua-modules kamailio-python3-modules gnutls-bin user-mode-linux kmod iproute2
	sip-tester stunnel4 haproxy baresip-core sipsak curl groff-base strace tshark apparmor"
BROWSER_PACKAGES="chromium libnss3-tools" # 400 MB: a browser is tested in this system only
FUZZ_PACKAGES="clang libclang-rt-dev"
CHECK_PACKAGES="$TEST_PACKAGES $BROWSER_PACKAGES $FUZZ_PACKAGES git clang-format patchelf python3-matplotlib debootstrap
	podman runc jq"
TOKEN_PACKAGES="pkcs11-provider softhsm2" # Debian 12 has no provider
PACKAGING_PACKAGES="build-essential debhelper cmake ninja-build pkg-config libssl-dev liburing-dev libcap-dev
	libseccomp-dev"

# need_packages NAME...
need_packages() {
	local missing=() name as_root=()
	for name in "$@"; do
		dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		if ! command -v sudo >/dev/null; then
			echo "These packages are missing and neither root nor sudo is at hand: ${missing[*]}" >&2
			return 1
		fi
		as_root=(sudo)
	fi
	echo "Installing packages with apt: ${missing[*]}"
	"${as_root[@]}" apt-get update -qq &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
			"${missing[@]}" >/dev/null
}
