# SPDX-License-Identifier: GPL-2.0-or-later
"""bench/report with the results of two short runs: what was measured is there, what was not is not."""
import copy
import json
import pathlib
import re
import subprocess
import xml.etree.ElementTree as xml

import pytest

HERE = pathlib.Path(__file__).resolve().parent
REPORT = HERE.parent.parent / "bench" / "report"
NATIVE, SIPP, FLOOD = (HERE / "sample" / f"{name}.json" for name in ("native", "sipp", "flood"))
RELEASE = json.loads(NATIVE.read_text())["machine"]["kamailio"].split()[1]
# The section of compare, its plot, and how its part of the page begins.
SECTIONS = {"homes": ("throughput", "What does a message cost a busy"), "storm": (f"survival-{RELEASE}", "Who survives"),
            "rates": (f"rates-{RELEASE}", "What does a message cost at"), "stalled": (f"stalled-{RELEASE}", "Who waits"),
            "latency": (f"latency-{RELEASE}", "How long"), "memory": (f"memory-{RELEASE}", "What does an idle"),
            "restart": (f"restart-{RELEASE}", "What does a restart")}
PLOTS = {plot for plot, _ in SECTIONS.values()}


def report(folder, *files):
    """Its exit status, what it said, the page and the plots by name."""
    done = subprocess.run([REPORT, "--out", folder, *files], capture_output=True, text=True, timeout=120, check=False)
    page = folder / "benchmarks.md"
    plots = {path.stem: path.read_bytes() for path in (folder / "plots").glob("*.svg")}
    return done.returncode, done.stderr, page.read_text() if page.exists() else None, plots


@pytest.fixture
def native():
    """A result to change."""
    return json.loads(NATIVE.read_text())


@pytest.fixture
def write(tmp_path):
    """write(content) gives the path of a file that holds it."""
    def make(content):
        path = tmp_path / "result.json"
        path.write_text(json.dumps(content))
        return path
    return make


def part(page, beginning):
    """The text of one part of the page, None if it is not there."""
    return next((text for text in re.split(r"^## ", page, flags=re.M) if text.startswith(beginning)), None)


def test_everything(tmp_path):
    """All parts, all plots, and nothing that is no figure."""
    code, said, page, plots = report(tmp_path, NATIVE, SIPP, FLOOD)
    assert (code, said) == (0, "")
    assert set(plots) == PLOTS == set(re.findall(r"\(plots/(.+)\.svg\)", page))
    for _, beginning in SECTIONS.values():
        assert part(page, beginning), beginning
    for svg in plots.values():
        assert xml.fromstring(svg).tag.endswith("svg")
    assert not re.search(r"\b(nan|None|inf)\b", page)
    for source in (NATIVE, SIPP, FLOOD):
        assert f"`{json.loads(source.read_text())['command']}`" in page


def test_figures(native, tmp_path):
    """The page says what the file says."""
    page = report(tmp_path, NATIVE)[2]
    ratio = native["sections"]["homes"]["ratios"]["ours user 1.3 / tcp"]["rate"]["median"]
    assert f"| ours, records in user space, TLS 1.3 / plain TCP | {ratio:.2f} |" in part(page, "How many messages/s")
    run = native["sections"]["stalled"]["settings"][1]["rounds"][0]["tcp"]
    silence = run["disturbed"]["longest_silence_ms"] / 1000
    assert f"| tcp_async=no | plain TCP | {silence:.2f} |" in part(page, SECTIONS["stalled"][1])


def test_readme(native, write, tmp_path):
    """The README beside the folder has ours beside the stock module, where that is better, and plots; all else stays."""
    readme = tmp_path / "README.md"
    begin, end = "<!-- bench/report begins -->\n", "<!-- bench/report ends -->\n"
    readme.write_text(f"before\n{begin}old figures\n{end}after\n")
    native["sections"]["homes"]["rounds"][0]["ours user 1.3"]["cpu_us_per_message"] = 20.0
    native["sections"]["homes"]["rounds"][0]["stock"]["cpu_us_per_message"] = 10.0
    report(tmp_path / "docs", write(native), FLOOD)
    text = readme.read_text()
    assert text.startswith(f"before\n{begin}") and text.endswith(f"{end}after\n") and "old figures" not in text
    assert f"| ours as a multiple of the stock module's | {RELEASE} |\n" in text and f"| ours, stock module | {RELEASE} |\n" in text
    assert "| CPU per message, busy server | 2.00 |\n" in text
    assert text.index("The stock module is better at:") < text.index(f"On {RELEASE} a message on a busy server takes 2.00 times")
    assert "TLS 1.3: CPU per message, of the stock module's | 2.00 times |" in text
    assert "| slowest handshake of others beside " in text
    assert all((tmp_path / plot).exists() for plot in re.findall(r"\((docs/plots/.+)\)", text))
    assert f"(docs/plots/survival-{RELEASE}.svg)" in text


def test_rivals(native, tmp_path):
    """What they cost, and where ours costs more."""
    page = report(tmp_path, NATIVE)[2]
    cost = {name: run["cpu_us"] for name, run in native["sections"]["rivals"]["handshakes"][1]["rounds"][0].items()}
    ratio = f"{cost['ours'] / cost['nginx alone']:.2f}"
    row = f"| full handshake, ECDSA 1.2 | {RELEASE} | {cost['ours']:.0f} | {ratio} |"
    assert row in part(page, "What does a handshake")
    assert f"| a full handshake, ECDSA 1.2: CPU, of that of nginx alone | {ratio} times |" in part(page, "What is worse")


def test_restart(native, tmp_path):
    """What the crowd met, also with a server that died."""
    page = part(report(tmp_path, NATIVE)[2], SECTIONS["restart"][1])
    runs, = native["sections"]["restart"]["rounds"]
    assert "| connected again | ours, keeper | 0 |" in page
    assert runs["stock"]["death"] and "| connected again | stock module | died (SIGABRT) |" in page


def test_crowd(native, write, tmp_path):
    """What very many connections took, and what went wrong with them."""
    runs = native["sections"]["crowd"]["runs"]
    runs["ours"]["asked"]["tls.list"] = 7.25
    assert "got no answer" not in part(report(tmp_path, NATIVE)[2], "What do very many")
    runs["ours"]["kept"]["errors"] = 3
    runs["tcp"] = {"death": {"signal": 9, "of": "the main process", "after_seconds": 3}}
    page = part(report(tmp_path, write(native))[2], "What do very many")
    ours = runs["ours"]
    assert f"after a restart {ours['answered']:,} of them were back" in " ".join(page.split())
    assert "| all pages of tls.list, s | 7.25 |" in page
    assert f"| answers then, p99 ms | {ours['kept']['latency_us']['p99'] / 1000:.1f} |" in page
    assert "| server |  | died (SIGKILL) |" in page
    assert "| without an answer then | 3 |" in page and "Why some got no answer" in page


def test_two_crowds(native, write, tmp_path):
    """Each size has its columns, its machine and its sentence."""
    small = json.loads(json.dumps(native))
    small["sections"] = {"crowd": small["sections"]["crowd"]}
    small["sections"]["crowd"]["connections"] = 7
    page = part(report(tmp_path, write(small), NATIVE)[2], "What do very many")
    head = next(line for line in page.split("\n") if line.startswith("|"))
    assert f"| ours, 7 ({RELEASE}) |" in head and f"| ours, {native['sections']['crowd']['connections']:,} ({RELEASE}) |" in head
    words = " ".join(page.split())
    assert "Each of 7 connections takes" in words


def test_engines(native, tmp_path):
    """What two do, as a share of what one does."""
    page = part(report(tmp_path, NATIVE)[2], "What does a second engine")
    for kind in native["sections"]["engines"]["kinds"]:
        one, two = (kind["rounds"][0][f"ours, {name}"] for name in ("1 engine", "2 engines"))
        assert f"| {kind['kind']} | handshakes/s, ours, 2 engines | {two['rate']:.0f} |" in page
        assert f"| {kind['kind']} | 2 engines / 1 engine | {two['rate'] / one['rate']:.2f} |" in page


def test_same_each_time(tmp_path):
    """The same data make the same files."""
    assert report(tmp_path / "one", NATIVE, SIPP, FLOOD)[2:] == report(tmp_path / "two", NATIVE, SIPP, FLOOD)[2:]


@pytest.mark.parametrize("section", SECTIONS)
def test_section_missing(native, write, tmp_path, section):
    """What was not measured is not there, and a plot of an earlier report goes."""
    plot, beginning = SECTIONS[section]
    stale = tmp_path / "plots" / f"{plot}.svg"
    stale.parent.mkdir()
    stale.write_text("of an earlier report")
    for name in {section, "throughput"} if section == "homes" else {section}:
        del native["sections"][name]
    code, said, page, plots = report(tmp_path, write(native))
    assert (code, said) == (0, "")
    assert set(plots) == PLOTS - {plot}
    assert part(page, beginning) is None


def test_no_calls(tmp_path):
    """Without SIPp's result."""
    assert part(report(tmp_path, NATIVE)[2], "What do SIPp") is None


def test_no_crowds(tmp_path):
    """Without that of crowds."""
    assert part(report(tmp_path, NATIVE)[2], "Who gets in") is None


def test_without_compare(tmp_path):
    """Without compare's."""
    code, _, page, plots = report(tmp_path, SIPP)
    assert code == 0 and not plots
    for _, beginning in SECTIONS.values():
        assert part(page, beginning) is None


def without_series(native):
    for runs in native["sections"]["storm"]["kinds"][0]["rounds"]:
        del runs["ours"]["series"]


def without_rounds(native):
    native["sections"]["homes"]["rounds"] = []


def without_silence(native):
    for runs in native["sections"]["stalled"]["settings"][0]["rounds"]:
        del runs["tcp"]["disturbed"]["longest_silence_ms"]


def without_rate(native):
    del native["sections"]["rates"]["rates"][0]["rate"]


def without_memory(native):
    native["sections"]["memory"]["crowds"] = [{"wanted": 20}]


def without_cost(native):
    del native["sections"]["rivals"]["handshakes"][0]["rounds"][0]["ours"]["cpu_us"]


def without_keeping(native):
    del native["sections"]["crowd"]["runs"]["ours"]["keeping"]


@pytest.mark.parametrize("damage, section", [(without_series, "storm"), (without_rounds, "homes"),
                                             (without_silence, "stalled"), (without_memory, "memory"),
                                             (without_rate, "rates"), (without_cost, "rivals"),
                                             (without_keeping, "crowd")])
def test_data_missing(native, write, tmp_path, damage, section):
    """A section that lacks data makes no page at all."""
    damage(native)
    code, said, page, plots = report(tmp_path, write(native))
    assert (code, page, plots) == (2, None, {})
    assert said.startswith(f"report: The section {section} ") and said.count("\n") == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"machine": 1}', "no JSON"])
def test_other_file(tmp_path, text):
    """One sentence that names the file."""
    path = tmp_path / "other"
    path.write_text(text)
    code, said, page, _ = report(tmp_path, path)
    assert (code, page) == (2, None)
    assert said.startswith(f"report: {path} is no result") and said.count("\n") == 1


def test_no_file(tmp_path):
    """The same."""
    code, said, *_ = report(tmp_path, tmp_path / "none")
    assert code == 2 and said == f"report: {tmp_path / 'none'}: No such file or directory.\n"


def test_death(native, write, tmp_path):
    """A server that died has no figures, and its end is told."""
    death = {"signal": 11, "of": "a child process", "after_seconds": 0.3}
    kind = native["sections"]["storm"]["kinds"][0]
    run = kind["rounds"][0]["stock"]
    run.update(death=death, survived=False, cpu_us_per_handshake=None)
    run["series"].update(done=[7, 8, 2], failed=[0, 0, 20])
    for setting in native["sections"]["stalled"]["settings"]:
        setting["rounds"][0]["stock"]["death"] = death
    for crowd in native["sections"]["memory"]["crowds"]:
        crowd["runs"]["stock"] = {"death": death, "fallen": [death], "connections": crowd["wanted"]}
    native["sections"]["latency"]["rounds"][0]["stock"]["death"] = death
    code, said, page, plots = report(tmp_path, write(native))
    assert (code, said, set(plots)) == (0, "", PLOTS)
    for section in ("storm", "stalled", "memory", "latency"):
        assert "| stock module | died (SIGSEGV) |" in part(page, SECTIONS[section][1]), section
    answer = " ".join(part(page, SECTIONS["storm"][1]).split())
    runs = sum(len(kind["rounds"]) for kind in native["sections"]["storm"]["kinds"])
    assert f"ours survived all runs; the stock module died in 1 of {runs} runs ({RELEASE})" in answer


def test_some_died(native, write, tmp_path):
    """A figure of those that lived says how many did not."""
    kind = native["sections"]["storm"]["kinds"][0]
    kind["rounds"] = [json.loads(json.dumps(kind["rounds"][0])) for _ in range(3)]
    kind["rounds"][1]["stock"].update(death={"signal": 11, "of": "a child process", "after_seconds": 0.3}, survived=False)
    page = part(report(tmp_path, write(native))[2], SECTIONS["storm"][1])
    assert re.search(r"\| stock module \| [\d.]+; died in 1 of 3 \|", page)


def test_all_died(native, write, tmp_path):
    """No figure of a subject at all."""
    for runs in native["sections"]["homes"]["rounds"]:
        runs["stock"]["death"] = {"signal": 11, "of": "a child process", "after_seconds": 0.3}
    code, _, page, plots = report(tmp_path, write(native))
    assert code == 0 and "throughput" in plots
    assert "| stock module / plain TCP | died (SIGSEGV) |" in part(page, SECTIONS["homes"][1])


def test_two_kernels(native, write, tmp_path):
    """Another kernel is another column, and has its own plots."""
    guest = copy.deepcopy(native)
    guest["machine"].update(ktls=True, kernel="Linux 6.1.1 x86_64")
    code, _, page, plots = report(tmp_path, NATIVE, write(guest))
    assert code == 0
    assert set(plots) == PLOTS | {f"{name}-kernel-tls" for name in PLOTS - {"throughput"}}
    assert f"| clients | server | {RELEASE} | {RELEASE}, kernel TLS |" in part(page, SECTIONS["storm"][1])


def test_empty_cell(native, write, tmp_path):
    """What was measured in one kernel only has no figure in the other's column, and no row where there is none."""
    guest = copy.deepcopy(native)
    guest["machine"].update(ktls=True, kernel="Linux 6.1.1 x86_64")
    for runs in guest["sections"]["homes"]["rounds"]:
        runs["ours kernel 1.3"] = runs.pop("ours user 1.3")
    guest["sections"]["homes"]["subjects"]["ours kernel 1.3"] = guest["sections"]["homes"]["subjects"]["ours user 1.3"]
    page = part(report(tmp_path, NATIVE, write(guest))[2], SECTIONS["homes"][1])
    rows = {row.split(" | ")[0]: row.split(" | ")[1:] for row in page.splitlines() if row.startswith("| ours, records")}
    assert rows["| ours, records in the kernel, TLS 1.3 / plain TCP"][0] == ""
    assert rows["| ours, records in user space, TLS 1.3 / plain TCP"][1] == " |"


def test_weak_results(native, write, tmp_path):
    """What speaks against us is told."""
    for runs in native["sections"]["homes"]["rounds"]:
        runs["ours user 1.3"]["rate"] = runs["tcp"]["rate"] / 2
    for runs in native["sections"]["rates"]["rates"][0]["rounds"]:
        runs["ours"]["cpu_us_per_message"] = 2 * runs["tcp"]["cpu_us_per_message"]
    page = report(tmp_path, write(native))[2]
    rate = native["sections"]["rates"]["rates"][0]["rate"]
    worse = part(page, "What is worse")
    assert page.index("## What is worse") < page.index("## In short")
    assert re.search(r"Worse than plain TCP:\n\n\| ours / the other \|", worse)
    assert f"| ours: CPU per message at {rate:,}/s, of that of plain TCP | 2.00 times |" in worse
    assert "| ours, records in user space, TLS 1.3: messages/s, of plain TCP's | 0.50 times |" in worse
