/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How scarce CPU, memory and disks are on the machine, as the kernel tells (PSI): lines such as
 * "cpu some avg10=0.00 avg60=0.00 avg300=0.00 total=0". *ret is NULL where it does not.
 */
int pressure_read(char ***ret);
/* The files are in this directory; for tests. */
int pressure_read_at(const char *directory, char ***ret);
