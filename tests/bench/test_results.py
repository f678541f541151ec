# SPDX-License-Identifier: GPL-2.0-or-later
"""The file of a comparison that goes on where it was interrupted."""
import json
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from results import Results  # noqa: E402
from tools import Missing  # noqa: E402

MACHINE, SETTINGS = {"cores": 2}, {"rounds": 3, "crowds": (5, 10)}


def begin(path, settings=None, resume=True):
    return Results("bench/compare", MACHINE, settings or SETTINGS, path, resume)


def test_goes_on(tmp_path):
    """Sections that are there are kept, with what was wrong in them."""
    path = tmp_path / "result.json"
    begin(path).add("storm", {"kinds": [1, 2]}, ["bad"])
    again = begin(path)
    assert again.of("storm") == {"kinds": [1, 2]} and again.of("memory") is None
    again.add("memory", {"crowds": []}, [])
    assert set(json.loads(path.read_text())["sections"]) == {"storm", "memory"}
    assert again.troubles() == ["storm: bad"]


def test_begins_anew(tmp_path):
    """Without being asked to, nothing is kept."""
    path = tmp_path / "result.json"
    begin(path).add("storm", {"kinds": []}, [])
    begin(path, resume=False).add("memory", {"crowds": []}, [])
    assert set(json.loads(path.read_text())["sections"]) == {"memory"}


def test_other_settings(tmp_path):
    """Figures of different runs do not mix."""
    path = tmp_path / "result.json"
    begin(path).add("storm", {"kinds": []}, [])
    with pytest.raises(Missing, match="is of another run, its settings differ"):
        begin(path, {"rounds": 4})


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"machine": {"cores": 2}}'])
def test_other_file(tmp_path, text):
    """Something else is not overwritten."""
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(Missing, match="is no result"):
        begin(path)
    assert path.read_text() == text


def test_no_file():
    with pytest.raises(Missing, match="--resume needs --json"):
        begin(None)
