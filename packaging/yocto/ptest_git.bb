# SPDX-License-Identifier: LGPL-2.1-or-later

SUMMARY = "Parallel test runner that supervises its workers"
DESCRIPTION = "Runs test suites in parallel on workers in scopes of systemd; every result is an entry of the journal."
LICENSE = "LGPL-2.1-or-later"
LIC_FILES_CHKSUM = "file://LICENSE;md5=4fbd65380cdd255951079008b364516c"

# Where this project is cloned from is for the layer to say, in a .bbappend: SRC_URI and SRCREV.
SRC_URI ?= ""
S = "${WORKDIR}/git"
PV = "0.1.0+git"

inherit meson pkgconfig systemd useradd features_check

# nng is in meta-networking; inih, jansson, msgpack-c and uthash are in meta-oe.
DEPENDS = "inih jansson libxml2 msgpack-c nng systemd uthash zstd"
REQUIRED_DISTRO_FEATURES = "systemd"

# scdoc is in no common layer. Unit tests cannot run where this is cross-compiled.
EXTRA_OEMESON = "-Dman=disabled -Dtests=disabled"

# Of a template nothing is enabled.
SYSTEMD_SERVICE:${PN} = "ptest@.service"
SYSTEMD_AUTO_ENABLE = "disable"

# Not "ptest": that user is made by ptest-runner. The same as in the installed sysusers.d file, for
# images that are read-only.
USERADD_PACKAGES = "${PN}"
USERADD_PARAM:${PN} = "--system --no-create-home --home-dir /nonexistent --shell /sbin/nologin --user-group ptest-worker"

# "${PN}-ptest" is made by ptest.bbclass for the tests of a recipe; this recipe does not inherit it.
FILES:${PN} += " \
    ${libexecdir}/ptest \
    ${prefix}/lib/ptest \
    ${prefix}/lib/systemd/catalog \
    ${prefix}/lib/sysusers.d \
    ${prefix}/lib/tmpfiles.d \
    ${systemd_system_unitdir} \
    ${datadir}/bash-completion \
    ${datadir}/fish \
    ${datadir}/zsh \
"

# Headers and ptest.pc are in ${PN}-dev by bitbake's defaults; test modules need nothing else.

RDEPENDS:${PN} = "dbus systemd"
# Who builds modules for the target needs no ptest beside the headers.
RDEPENDS:${PN}-dev = ""
