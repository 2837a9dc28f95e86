# SPDX-License-Identifier: LGPL-2.1-or-later
#
# share_add DIR: adds a directory to the array "shares" of the options of `box` and `vm`.
#
# What is shared is the host's own, and a machine that boots cleans up after its last boot: directories that
# systemd empties or that a machine must have its own of are refused, and so is everything that contains one.

share_add() {
        local path
        path=$(realpath -e "$1") || exit 2
        case $path in
        / | /bin | /boot | /dev | /etc | /home | /lib* | /media | /mnt | /opt | /proc | /root | /run | /sbin | /srv | \
                /sys | /tmp | /usr | /var | /var/cache | /var/lib | /var/log | /var/run | /var/tmp | \
                /dev/* | /etc/* | /proc/* | /run/* | /sys/* | /usr/*)
                echo "${0##*/}: $path cannot be shared: every machine needs its own" >&2
                exit 2 ;;
        esac
        shares+=("$path")
}
