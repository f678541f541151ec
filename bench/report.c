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
}

void tally_done(struct tally *t, uint64_t since, uint64_t now)
{
	t->done++;
	histogram_add(&t->latency, (now - since) / 1000);
}

void tally_session(struct tally *t, const SSL *ssl)
{
	if (!ssl || t->version[0])
		return;
	snprintf(t->version, sizeof(t->version), "%s", SSL_get_version(ssl));
	snprintf(t->suite, sizeof(t->suite), "%s", SSL_get_cipher_name(ssl));
}

static const char *unit(enum mode mode)
{
	return mode == MODE_CLOSED ? "messages" : "handshakes";
}

void report_progress(const struct tally *t, enum mode mode, uint64_t before, double step)
{
	fprintf(stderr, "%5.0f s  %" PRIu64 " %s, %.0f/s, %" PRIu64 " errors\n",
		(double)(t->ended - t->started) / 1e9, t->done, unit(mode),
		step > 0 ? (double)(t->done - before) / step : 0.0, tally_errors(t));
}

static double cpu_seconds(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void print_setting(const struct tally *t, const struct options *o)
{
	printf("{\"mode\": \"%s\", \"to\": \"%s\", \"transport\": \"%s\"",
		o->mode == MODE_CLOSED ? "closed" : "storm", o->to_text, o->tls ? "tls" : "tcp");
	if (t->version[0])
		printf(", \"tls_version\": \"%s\", \"tls_suite\": \"%s\"", t->version, t->suite);
	if (o->mode == MODE_CLOSED)
		printf(", \"connections\": %d, \"body\": %d", o->clients, o->body);
	else
		printf(", \"parallel\": %d, \"resume\": %s, \"plain_close\": %s, \"resumed\": %" PRIu64,
			o->clients, o->resume ? "true" : "false", o->plain_close ? "true" : "false",
			t->resumed);
}

static void print_faults(const struct tally *t)
{
	printf(", \"errors\": %" PRIu64 ", \"faults\": {", tally_errors(t));
	for (int i = 0; i < FAULTS; i++)
		printf("%s\"%s\": %" PRIu64, i ? ", " : "", fault_names[i], t->faults[i]);
	printf("}");
}

bool report_json(const struct tally *t, const struct options *o)
{
	const struct histogram *h = &t->latency;
	double seconds = (double)(t->ended - t->started) / 1e9;

	print_setting(t, o);
	printf(", \"%s\": %" PRIu64 ", \"seconds\": %.3f, \"rate\": %.1f", unit(o->mode), t->done, seconds,
		seconds > 0 ? (double)t->done / seconds : 0.0);
	print_faults(t);
	printf(", \"latency_us\": {\"p50\": %" PRIu64 ", \"p90\": %" PRIu64 ", \"p99\": %" PRIu64
	       ", \"max\": %" PRIu64 "}",
		histogram_quantile(h, 0.5), histogram_quantile(h, 0.9), histogram_quantile(h, 0.99), h->max);
	printf(", \"load_cpu_seconds\": %.3f}\n", cpu_seconds());
	return fflush(stdout) == 0;
}
