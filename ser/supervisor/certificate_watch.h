/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that reloads when files of the configuration have changed. */
#ifndef SER_SUPERVISOR_CERTIFICATE_WATCH_H
#define SER_SUPERVISOR_CERTIFICATE_WATCH_H

/*
 * For the main process, behind the start of all supervisors: forks a process that looks every so many seconds
 * whether files of the configuration in use have changed (certificates, keys, CA lists, CRLs), and reloads
 * when one has and none did since the look before. A new state of the files is tried once. Returns 0, or -1
 * with a log line.
 *
 * Looking, not inotify(7): it sees symbolic links that are switched anywhere in a path, and network file
 * systems. A process of its own: a file system that hangs must not hold up supervisors.
 */
int certificate_watch_start(unsigned seconds);

#endif
