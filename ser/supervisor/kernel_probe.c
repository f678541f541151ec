/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ser/supervisor/kernel_probe.h"

#include "ser/shared/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/capability.h>

void kernel_list_suites(const struct ktls_kernel_caps *caps, uint16_t version, char text[KERNEL_SUITES_TEXT])
{
	size_t len = 0;

	snprintf(text, KERNEL_SUITES_TEXT, "none");
	for (int i = 0; i < KTLS_AEADS; i++)
		if (!ktls_kernel_supports(caps, version, i) && len < KERNEL_SUITES_TEXT)
			len += (size_t)snprintf(text + len, KERNEL_SUITES_TEXT - len, "%s%s", len ? ", " : "",
				ktls_aead_info(i)->name);
}

static int may_load_modules(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;

	if (caps)
		cap_get_flag(caps, CAP_NET_ADMIN, CAP_EFFECTIVE, &value);
	cap_free(caps);
	return value == CAP_SET;
}

static void log_no_ktls(int error)
{
	if (error == -ENOENT && !may_load_modules())
		ser_log(LOG_LEVEL_NOTICE, "records stay in user space: the kernel's tls module is not loaded "
					  "and this process may not load it "
					  "(no CAP_NET_ADMIN); run 'modprobe tls' before the start, or name "
					  "it in /etc/modules-load.d");
	else if (error == -ENOENT)
		ser_log(LOG_LEVEL_NOTICE,
			"records stay in user space: this kernel has no kernel TLS (CONFIG_TLS)");
	else
		ser_log(LOG_LEVEL_NOTICE, "records stay in user space: the kernel refuses kernel TLS: %s",
			ktls_kernel_refusal(error));
}

int kernel_is_wanted(const struct cfg_config *config)
{
	for (unsigned i = 0; i < config->count; i++)
		if (config->domains[i]->ktls)
			return 1;
	return 0;
}

static int all_require_rekey(const struct cfg_config *config)
{
	for (unsigned i = 0; i < config->count; i++)
		if (config->domains[i]->ktls && !config->domains[i]->ktls_rekey_required)
			return 0;
	return 1;
}

void kernel_probe_and_log(const struct cfg_config *config, struct ktls_kernel_caps *caps)
{
	char tls12[KERNEL_SUITES_TEXT], tls13[KERNEL_SUITES_TEXT];
	int keep_13;

	ktls_kernel_probe(caps);
	if (!kernel_is_wanted(config)) {
		ser_log(LOG_LEVEL_NOTICE, "records stay in user space: the parameter ktls is 0");
		return;
	}
	if (caps->ulp) {
		log_no_ktls(caps->ulp);
		return;
	}
	keep_13 = caps->rekey && all_require_rekey(config);
	kernel_list_suites(caps, TLS1_2_VERSION, tls12);
	kernel_list_suites(caps, TLS1_3_VERSION, tls13);
	ser_log(LOG_LEVEL_NOTICE,
		"records go to the kernel for TLS 1.2 (%s) and TLS 1.3 (%s), else stay in user space; %s",
		tls12, keep_13 ? "none: ktls_rekey_required" : tls13,
		caps->rekey ? "a peer's KeyUpdate ends a TLS 1.3 connection in this kernel"
			    : "this kernel follows KeyUpdates");
}
