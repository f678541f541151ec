/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A process that reloads when files of the configuration have changed. */
#ifndef SER_SUPERVISOR_CERTIFICATE_WATCH_H
#define SER_SUPERVISOR_CERTIFICATE_WATCH_H

/*
 * For the main process, after the start of all supervisors: forks a process that checks every few seconds
 * whether files of the configuration in use have changed (certificates, keys, OCSP responses, CA lists,
 * CRLs). It reloads when one has changed and none has changed any more since the last check. It tries each
 * new state of the files once. Returns 0, or -1 with a log line.
 *
 * It polls instead of using inotify(7), to notice symbolic links that change anywhere in a path, and changes
 * on network file systems. It is a process of its own, because a hanging file system must not block
 * supervisors.
 */
int certificate_watch_start(unsigned seconds);

#endif
