# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The Debian packages that ptest needs, in one place; sourced by packaging/quickstart and tests/run.
# The functions print names for the release in $1: 12, 13, …

dependencies_to_build() {
        cat <<-END
		gcc
		libc6-dev
		libinih-dev
		libjansson-dev
		libnng-dev
		libsystemd-dev
		libxml2-dev
		libzstd-dev
		meson
		ninja-build
		pkg-config
		scdoc
		systemd
		uthash-dev
	END
        # The C library of msgpack was given a package name of its own; and systemd.pc left "systemd".
        if [ "$1" -ge 13 ]; then
                echo libmsgpack-c-dev
                echo systemd-dev
        else
                echo libmsgpack-dev
        fi
}

# What a tree must have to be booted, built in and tested in.
dependencies_to_test_in_tree() {
        cat <<-END
		check
		dbus
		dbus-user-session
		gnome-desktop-testing
		libglib2.0-tests
		libpam-systemd
		libxml2-utils
		perl
		procps
		python3
		systemd-journal-remote
		systemd-sysv
		zstd
	END
}

# What only the machine needs that runs the tests.
dependencies_to_test() {
        cat <<-END
		chromium-headless-shell
		clang-format
		jq
		kmod
		libasan8
		libcriterion-dev
		libubsan1
		mmdebstrap
		python3-html5lib
		subunit
		user-mode-linux
		valgrind
	END
        # What ptest comes from, for tests/ancestor. Debian 12 is the last release that has it.
        if [ "$1" -lt 13 ]; then
                echo python3-nose
        fi
}

# Other runners, which are only compared with.
dependencies_to_compare() {
        cat <<-END
		cmake
		gnome-desktop-testing
		kyua
		meson
		parallel
		perl
	END
}

# Those of its arguments that are not installed.
dependencies_find_missing() {
        for package in "$@"; do
                case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) in
                ii*) ;;
                *) echo "$package" ;;
                esac
        done
}
