"""JSON Lines that a kill cut off anywhere: no whole row is lost, none is invented."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from cartoons.errors import DataError
from cartoons.files import append_json_lines, read_json_lines, write_json_lines

ROWS = [{"a": 1}, {"é\u2028": "\ud800"}, {"a": {"b": "{}"}}]


def rows(path: Path, *, strict: bool = True) -> list[object]:
    return [row for _, row in read_json_lines(path, strict=strict)]


def test_a_kill_at_any_byte_costs_the_last_row_only(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_json_lines(path, ROWS)
    data = path.read_bytes()
    ends = [k for k, byte in enumerate(data) if byte == ord("\n")]
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        whole = ROWS[: sum(end <= size for end in ends)]  # a row whose end of line alone is missing is whole
        assert rows(path) == whole
        append_json_lines(path, {"new": 1}, {"new": 2})
        assert rows(path) == [*whole, {"new": 1}, {"new": 2}]
        assert [json.loads(line) for line in path.read_bytes().splitlines()] == rows(path)


@pytest.mark.slow
def test_what_several_processes_append_at_once_is_all_there(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from cartoons.files import append_json_lines
for n in range(5000):
    append_json_lines(Path(sys.argv[1]), {"who": sys.argv[2], "n": n})
"""
    path = tmp_path / "x.jsonl"
    commands = [[sys.executable, "-c", code, path, who] for who in "abc"]
    assert [process.wait() for process in [subprocess.Popen(command, cwd=ROOT) for command in commands]] == [0] * 3
    assert len(rows(path)) == 3 * 5000


def test_a_last_line_that_is_nested_too_deeply_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a": 1}\n' + b"[" * 200_000)
    assert rows(path) == [{"a": 1}]
    append_json_lines(path, {"a": 2})
    assert rows(path) == [{"a": 1}, {"a": 2}]


def test_no_file_has_no_rows_and_appending_makes_it(tmp_path: Path) -> None:
    assert rows(tmp_path / "x.jsonl") == []
    append_json_lines(tmp_path / "x.jsonl", ROWS[1], sync=True)
    assert rows(tmp_path / "x.jsonl") == ROWS[1:2]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a": 1}\n{"a"\n{"a": 2}\n', "line 2 is not a row of this program"),
        (b'{"a": 1}\n' + b"[" * 100_000 + b"\n{}\n", "line 2 is not a row of this program"),
        (b'{"a": 1}\n\xff\xfe\n', "cannot be read as UTF-8"),
    ],
)
def test_a_broken_line_before_the_last_is_named(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(data)
    with pytest.raises(DataError, match=says):
        rows(tmp_path / "x.jsonl")


def test_lines_that_earlier_versions_cut_off_are_passed_over_where_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'\n{"a": 1}\n{"a\xc3\n\n{"a": 2}\n')
    assert rows(tmp_path / "x.jsonl", strict=False) == [{"a": 1}, {"a": 2}]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        rows(tmp_path / "x.jsonl")


def test_of_rows_that_a_full_disk_does_not_take_all_none_is_there(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from cartoons import files
resource.setrlimit(resource.RLIMIT_FSIZE, (30, 30))
files.append_json_lines(Path(sys.argv[1]), {"a": 1})
files.append_json_lines(Path(sys.argv[1]), {"a": 2}, {"a": "x" * 99})
"""
    path = tmp_path / "x.jsonl"
    done = subprocess.run([sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True)
    assert f"File too large: '{path}'" in done.stderr
    assert rows(path) == [{"a": 1}]


def test_what_a_full_disk_does_not_take_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.jsonl").write_bytes(b"{}\n")
    code = """
import resource, sys
from pathlib import Path
from cartoons import console, files
resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9))
for write in (files.write_json_lines, files.append_json_lines):
    path = Path(sys.argv[1], "old.jsonl")
    rows = [{"a": "x" * 99}]
    assert console.run("test", lambda: write(path, rows) if write is files.write_json_lines else write(path, *rows)) == 2
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == 2 * f"test: {tmp_path}/old.jsonl: File too large: mend that, and give the same command again.\n"
    assert rows(tmp_path / "old.jsonl") == [{}]
    assert list(tmp_path.iterdir()) == [tmp_path / "old.jsonl"]
