/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
	FAULTS_TOLD = 5
};

static const char *const fault_names[FAULTS] = {
	[FAULT_CONNECT] = "connect",
	[FAULT_HANDSHAKE] = "handshake",
	[FAULT_TIMEOUT] = "timeout",
	[FAULT_CLOSED] = "closed",
	[FAULT_MALFORMED] = "malformed",
	[FAULT_WRONG_STATUS] = "wrong_status",
	[FAULT_WRONG_ANSWER] = "wrong_answer",
};

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

void tally_start(struct tally *t, const char *unit)
{
	t->unit = unit;
	t->started = t->ended = t->last = now_ns();
	t->silence = 0;
}

static void end_silence(struct tally *t, uint64_t now)
{
	if (now - t->last > t->silence)
		t->silence = now - t->last;
	t->last = now;
}

void tally_stop(struct tally *t)
{
	t->ended = now_ns();
	end_silence(t, t->ended);
}

uint64_t tally_errors(const struct tally *t)
{
	uint64_t sum = 0;

	for (int i = 0; i < FAULTS; i++)
		sum += t->faults[i];
	return sum;
}

void tally_fault(struct tally *t, enum fault fault, const char *reason)
{
	if (tally_errors(t) < FAULTS_TOLD)
		fprintf(stderr, "load: %s: %s\n", fault_names[fault], reason);
	t->faults[fault]++;
	series_failed(&t->series, now_ns() - t->started);
}

void tally_done(struct tally *t, uint64_t since, uint64_t now)
{
	t->done++;
	series_done(&t->series, now - t->started);
	/* What comes after the end is too late to end a silence. */
	if (t->ended == t->started)
		end_silence(t, now);
	histogram_add(&t->latency, (now - since) / 1000);
}

void tally_session(struct tally *t, const SSL *ssl)
{
	if (!ssl || t->version[0])
		return;
	snprintf(t->version, sizeof(t->version), "%s", SSL_get_version(ssl));
	snprintf(t->suite, sizeof(t->suite), "%s", SSL_get_cipher_name(ssl));
}

void report_progress(const struct tally *t, uint64_t before, double step)
{
	fprintf(stderr, "  %" PRIu64 " %s, %.0f/s, %" PRIu64 " errors", t->done, t->unit,
		(double)(t->done - before) / step, tally_errors(t));
}

static double cpu_seconds(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

void report_open(const struct options *o, const struct tally *session)
{
	printf("{\"mode\": \"%s\", \"to\": \"%s\", \"transport\": \"%s\"", o->mode_name, o->to_text,
		o->tls ? "tls" : "tcp");
	if (session->version[0])
		printf(", \"tls_version\": \"%s\", \"tls_suite\": \"%s\"", session->version, session->suite);
	if (o->connections)
		printf(", \"connections\": %d", o->connections);
	if (o->connections && o->mode != MODE_IDLE)
		printf(", \"body\": %d, \"intended_rate\": %d", o->body, o->rate);
	if (o->parallel)
		printf(", \"parallel\": %d, \"plain_close\": %s", o->parallel,
			o->plain_close ? "true" : "false");
}

void report_latency(const char *name, const struct histogram *h)
{
	printf(", \"%s\": {\"p50\": %" PRIu64 ", \"p90\": %" PRIu64 ", \"p99\": %" PRIu64
	       ", \"p999\": %" PRIu64 ", \"max\": %" PRIu64 "}",
		name, histogram_quantile(h, 0.5), histogram_quantile(h, 0.9), histogram_quantile(h, 0.99),
		histogram_quantile(h, 0.999), h->max);
}

void report_number(const char *name, uint64_t number)
{
	printf(", \"%s\": %" PRIu64, name, number);
}

static void print_faults(const struct tally *t)
{
	printf(", \"errors\": %" PRIu64 ", \"faults\": {", tally_errors(t));
	for (int i = 0; i < FAULTS; i++)
		printf("%s\"%s\": %" PRIu64, i ? ", " : "", fault_names[i], t->faults[i]);
	printf("}");
}

void report_tally(const char *name, const struct tally *t)
{
	double seconds = (double)(t->ended - t->started) / 1e9;

	if (name)
		printf(", \"%s\": {", name);
	printf("%s\"%s\": %" PRIu64 ", \"seconds\": %.3f, \"rate\": %.1f", name ? "" : ", ", t->unit, t->done,
		seconds, seconds > 0 ? (double)t->done / seconds : 0.0);
	print_faults(t);
	report_latency("latency_us", &t->latency);
	report_number("longest_silence_ms", t->silence / UINT64_C(1000000));
	series_print(&t->series, t->ended - t->started);
	if (strcmp(t->unit, "handshakes") == 0)
		report_number("resumed", t->resumed);
	if (name)
		printf("}");
}

bool report_close(void)
{
	printf(", \"load_cpu_seconds\": %.3f}\n", cpu_seconds());
	return fflush(stdout) == 0;
}
