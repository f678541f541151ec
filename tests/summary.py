# SPDX-License-Identifier: GPL-2.0-or-later
"""summary.py GOOD FOLDER [PART...]: adds up the JUnit results in a folder, and GOOD tests that passed without any.

PART: the name of a part of ./check that failed, with or without results. The last line is "N passed, N failed", with
", N skipped" behind it where tests were skipped. Exit status 0 only when something passed and nothing failed."""
import pathlib
import sys
import xml.etree.ElementTree as xml


def count(files):
    """Tests of all files by outcome, the names of those that failed, and those that passed at the second try, with why not
    at the first."""
    passed = failed = skipped = 0
    names, again = [], []
    for file in files:
        try:
            cases = list(xml.parse(file).iter("testcase"))
        except xml.ParseError as error:  # whoever wrote it did not get to the end
            failed += 1
            names.append(f"{file.name}: {error}")
            continue
        for case in cases:
            kinds = {child.tag for child in case}
            name = f"{case.get('classname') or ''} {case.get('name')} ({file.name})".strip()
            if kinds & {"failure", "error"}:
                failed += 1
                names.append(name)
            elif "skipped" in kinds:
                skipped += 1
            else:
                passed += 1
                why = case.find("properties/property[@name='again']")
                if why is not None:
                    again.append(f"{name}: {' '.join(why.get('value').split())}")
    return passed, failed, skipped, names, again


def main():
    good, folder, parts = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
    passed, failed, skipped, names, again = count(sorted(folder.glob("*.xml")))
    passed += good
    for name in parts:
        print("FAILED part:", name)
    for name in names:
        print("FAILED:", name)
    for name in again:
        print("PASSED ONLY WHEN RUN AGAIN:", name)
    # A part that broke without a failed test (a crash, a build, a guest that did not boot) is a failure, too.
    failed = max(failed, len(parts))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(0 if passed and not failed else 1)


if __name__ == "__main__":
    main()
