# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2046
# Sourced by the two commands of README: `need PACKAGE...` sees to it that Debian packages are installed.

# Prints those that are not.
missing() {
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
	done
}

need() {
	command -v dpkg-query >/dev/null || return 0 # not Debian: the build says what it lacks
	set -- $(missing "$@")
	[ $# -gt 0 ] || return 0
	sudo=
	if [ "$(id -u)" != 0 ]; then
		sudo='sudo -n'
		$sudo true 2>/dev/null || {
			echo "please install: apt-get install $*" >&2
			return 1
		}
	fi
	echo "installing $*"
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null 2>&1 && return 0
	$sudo apt-get -qq update >/dev/null &&
		$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

BUILD_PACKAGES='gcc libc6-dev meson ninja-build pkg-config python3 xz-utils'
SELFTEST_PACKAGES='make libcap-dev uuid-dev xz-utils'
CHECK_PACKAGES='libcmocka-dev libzydis-dev liburing-dev clang clang-format clang-tidy shellcheck'
ARM64_PACKAGES='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static'
