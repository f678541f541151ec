# SPDX-License-Identifier: GPL-2.0-or-later
"""What a comparison needs on its machine, and what the machine says about itself."""

import os
import pathlib
import platform
import re
import resource
import shutil
import subprocess
import sysconfig

TLS_STAT = pathlib.Path("/proc/net/tls_stat")


class Missing(Exception):
    """Something the comparison needs is not there."""


def multiarch_folder():
    """Debian's library folder of this architecture."""
    name = sysconfig.get_config_var("MULTIARCH")
    folders = [pathlib.Path("/usr/lib") / name] if name else []
    folders += sorted(pathlib.Path("/usr/lib").glob("*-linux-gnu*"))
    for folder in folders:
        if (folder / "kamailio/modules/sl.so").exists():
            return folder / "kamailio/modules"
    raise Missing("Kamailio's module sl.so is missing; install the package kamailio.")


def program(name, package):
    """Where a program is."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))
    if not found:
        raise Missing(f"The program {name} is missing; install the package {package}.")
    return found


def find_server(args):
    """The files a server needs; the first that is missing ends the run."""
    packages = {"kamailio": "kamailio", "kamcmd": "kamailio", "openssl": "openssl"}
    tools = {name: program(name, package) for name, package in packages.items()}
    tools["modules"] = multiarch_folder()
    tools["ours"] = args.module.resolve()
    if "ours" in args.subjects and not tools["ours"].exists():
        raise Missing(f"Our module {args.module} is missing; build it or name it with --module.")
    tools["keeper"] = tools["ours"].parent.parent / "keeper/ser-ktls-keeper"
    tools["stock"] = tools["modules"] / "tls.so"
    if "stock" in args.subjects and not tools["stock"].exists():
        raise Missing("Debian's tls.so is missing; install the package kamailio-tls-modules.")
    return tools


def find_rivals(args):
    """The proxies that are compared, and the balancer; nginx needs a module as well."""
    chosen = set(args.subjects) & {"nginx", "haproxy"} if {"rivals", "facts"} & set(args.only) else set()
    chosen |= {"haproxy"} if "nodes" in args.only else set()
    tools = {name: program(name, name) for name in chosen}
    if "nginx" in tools:
        tools["nginx-stream"] = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
        if not tools["nginx-stream"].exists():
            raise Missing("nginx's stream module is missing; install the package libnginx-mod-stream.")
    return tools


def find_tools(args):
    """The same with the load generator."""
    tools = dict(find_server(args), load=args.load.resolve(), aead=args.load.resolve().parent / "aead.so")
    if not os.access(tools["load"], os.X_OK):
        raise Missing(f"The load generator {args.load} is missing; build the target load or name it with --load.")
    if not tools["aead"].exists():
        raise Missing(f"{tools['aead']} is missing; build it with the generator.")
    return tools


def first_line(command):
    output = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    return output.splitlines()[0].strip() if output else "unknown"


def machine(tools):
    model = re.search(r"^model name\s*:\s*(.+)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model[1] if model else platform.machine(),
        "kernel": " ".join((platform.system(), platform.release(), platform.machine())),
        "ktls": TLS_STAT.exists(),
        "openssl": first_line([tools["openssl"], "version"]),
        **({"kamailio": first_line([tools["kamailio"], "-v"]).replace("version: ", "")} if "kamailio" in tools else {}),
    }


def tls_counters():
    """The kernel's TLS counters; empty without kTLS."""
    if not TLS_STAT.exists():
        return {}
    return {name: int(value) for name, value in (line.split() for line in TLS_STAT.read_text().splitlines())}


def kernel_memory():
    """Bytes of the kernel's own objects that cannot be reclaimed: sockets, buffers, keys."""
    text = pathlib.Path("/proc/meminfo").read_text()
    return int(re.search(r"^SUnreclaim:\s*(\d+) kB", text, re.M)[1]) * 1024


def allow_files(wanted):
    """Raises the limit of open files, which children inherit; returns what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return soft
    for limits in ((wanted, max(wanted, hard)), (hard, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            return limits[0]
        except (OSError, ValueError):
            continue
    return soft
