# SPDX-License-Identifier: GPL-2.0-or-later
"""summary.py BROKEN FILE...: adds up JUnit results. BROKEN counts steps that failed, with or without results.

The last line is "N passed, N failed", with ", N skipped" behind it where tests were skipped. Exit status 0 only when
tests ran and none failed."""
import sys
import xml.etree.ElementTree as xml


def count(files):
    """Tests of all files by outcome, and the names of those that failed."""
    passed = failed = skipped = 0
    names = []
    for file in files:
        for case in xml.parse(file).iter("testcase"):
            kinds = {child.tag for child in case}
            if kinds & {"failure", "error"}:
                failed += 1
                names.append(f"{case.get('classname') or ''} {case.get('name')} ({file.rsplit('/', 1)[-1]})")
            elif "skipped" in kinds:
                skipped += 1
            else:
                passed += 1
    return passed, failed, skipped, names


def main():
    broken, files = int(sys.argv[1]), sys.argv[2:]
    passed, failed, skipped, names = count(files)
    for name in names:
        print("FAILED:", name.strip())
    # A step that broke without a failed test (a crash, a build, a guest that did not boot) is a failure, too.
    if broken and not failed:
        failed = broken
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
