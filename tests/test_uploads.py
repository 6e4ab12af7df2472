"""The upload folder: what is read from it, what is deleted when."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from cartoons.errors import ImageError, LaunchError
from cartoons.serving import environment, uploads
from cartoons.serving.uploads import UNANSWERED_KEPT_S, UploadFolder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[UploadFolder]:
    made = UploadFolder(tmp_path / "uploads")
    yield made
    made.close()


def stored(folder: UploadFolder, data: bytes = b"picture", number: int = 0, name: str = "x.png") -> Path:
    """A file as Gradio stores an upload."""
    place = folder.path / f"{number:064x}"
    place.mkdir(exist_ok=True)
    temporary = folder.path / "tmpupload"
    temporary.write_bytes(data)
    temporary.rename(place / name)
    return place / name


def test_only_uploads_are_read(folder: UploadFolder, tmp_path: Path) -> None:
    upload, secret = stored(folder), tmp_path / "secret.txt"
    secret.write_text("secret")
    (upload.parent / "link").symlink_to(secret)
    (upload.parent / "folder").symlink_to(tmp_path)
    os.mkfifo(upload.parent / "fifo")
    os.chdir(ROOT)
    hostile: list[Any] = [
        *(str(secret), str(secret) + "\0", "/etc/passwd", "app.py", "../app.py", ".", "/", "~", "x" * 9000, "\0"),
        *(str(upload.parent / name) for name in ("link", "folder/secret.txt", "fifo", "", "missing", "../.lock")),
        *(f"{folder.path}/../secret.txt", f"{upload}/../../../secret.txt", f"file://{upload}", f"http://127.0.0.1{upload}"),
        *([str(secret)], {"path": str(secret)}, 5, True, b"x"),
    ]
    for path in hostile:
        for more in ({}, {"meta": {"_type": "gradio.FileData"}}, {"meta": {"_type": "other"}}, {"url": "data:,x"}):
            with pytest.raises(ImageError) as caught:
                folder.read({"path": path, **more})
            said = str(caught.value)
            assert "not among the uploads" in said
            assert "secret" not in said
            assert "passwd" not in said
    assert folder.read({"path": str(upload)}) == b"picture"
    assert folder.read({"path": str(upload), "url": "http://127.0.0.1:1/", "meta": None}) == b"picture"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "No picture was given"),
        ({}, "No picture was given"),
        ("", "No picture was given"),
        ([], "No picture was given"),
        ({"path": None, "url": None}, "No picture was given"),
        ({"path": ""}, "No picture was given"),
        ("/etc/passwd", "is a text"),
        ("data:image/png;base64,AAAA", "is a text"),
        ([{"path": "x"}, {"path": "y"}], "is a list"),
        (7, "is a number"),
        ({"url": "http://127.0.0.1:9/x.png"}, "no other is fetched"),
        ({"url": "file:///etc/passwd"}, "no other is fetched"),
        ({"url": "//127.0.0.1/x.png"}, "no other is fetched"),
        ({"url": "DATA:image/png;base64,AAAA"}, "no data: URL"),
        ({"url": "data:image/png,AAAA"}, "no data: URL"),
        ({"url": ["data:image/png;base64,AAAA"]}, "no data: URL"),
        ({"url": "data:image/png;base64,%41AAA"}, "damaged"),
        ({"url": "data:image/png;base64,AAA"}, "damaged"),
        ({"url": "data:image/png;base64,AA AA"}, "damaged"),
        ({"url": "data:image/png;base64,äAAA"}, "damaged"),
        ({"url": "data:image/png;base64," + "A" * 30_000_000}, "20 MB"),
    ],
)
def test_what_is_no_upload_gets_a_sentence(folder: UploadFolder, value: Any, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        folder.read(value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_data_url_is_read(folder: UploadFolder) -> None:
    assert folder.read({"url": "data:image/png;base64,AAEC"}) == b"\0\1\2"


def test_an_upload_is_deleted_when_each_who_sent_it_was_answered(folder: UploadFolder) -> None:
    upload = stored(folder)
    folder.hold([str(upload)])
    assert stored(folder) == upload  # another visitor, the same picture
    folder.hold([str(upload)])
    folder.release({"path": str(upload)})
    assert upload.exists()
    folder.release({"path": str(upload)})
    assert not upload.exists()
    folder.release({"path": str(upload)})
    folder.release("nonsense")


def test_a_file_that_was_sent_twice_at_once_is_answered_twice(folder: UploadFolder) -> None:
    upload = str(stored(folder))
    folder.hold([upload, upload])
    folder.release({"path": upload})
    assert folder.read({"path": upload}) == b"picture"
    folder.release({"path": upload})
    assert not Path(upload).exists()


def test_an_upload_that_came_again_just_now_stays(folder: UploadFolder) -> None:
    upload = stored(folder)
    folder.hold([str(upload)])
    stored(folder)  # and is not counted yet
    folder.release({"path": str(upload)})
    assert upload.exists()


def test_a_picture_that_is_given_again_stays_until_it_is_answered_again(
    folder: UploadFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "SHOWN_KEPT_S", -1)
    upload = stored(folder)
    folder.hold([str(upload)])
    folder.release({"path": str(upload)}, shown=True)
    stored(folder)
    folder.hold([str(upload)])
    folder.sweep()
    assert upload.exists()
    folder.release({"path": str(upload)}, shown=True)
    folder.sweep()
    assert not upload.exists()


def test_the_own_examples_are_never_deleted(folder: UploadFolder) -> None:
    example = stored(folder)
    folder.keep_present_files()
    os.utime(example, (1, 1))
    folder.release({"path": str(example)})
    folder.sweep(10**12)
    assert example.exists()
    assert time.time() - example.stat().st_mtime < 60  # marked as in use, for another page on the same folder


def test_a_machine_that_deletes_old_temporary_files_leaves_those_of_a_running_page(folder: UploadFolder) -> None:
    stored(folder)
    folder.keep_present_files()
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    assert len(files) == 3  # the example, that it is kept, and the lock
    for path in files:
        os.utime(path, (0, 0))
    folder.sweep()
    assert all(path.stat().st_mtime for path in files)


def test_what_nobody_asks_about_is_deleted_after_a_while(folder: UploadFolder) -> None:
    old, cut_off, new = stored(folder, number=1), folder.path / "tmpcutoff", stored(folder, number=2)
    cut_off.write_bytes(b"half")
    for path in (old, cut_off):
        os.utime(path, (time.time() - UNANSWERED_KEPT_S - 5,) * 2)
    folder.sweep()
    assert [path.exists() for path in (old, cut_off, new)] == [False, False, True]


def test_the_folder_is_capped_oldest_first(tmp_path: Path) -> None:
    folder = UploadFolder(tmp_path / "uploads", max_bytes=1_000_000)
    paths = []
    for k in range(40):
        folder.make_room(100_000)
        paths.append(stored(folder, os.urandom(100_000), number=k))
        os.utime(paths[-1], (time.time() - 100 + k,) * 2)
        assert sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file()) <= 1_100_000
    assert paths[-1].exists()
    assert not paths[0].exists()
    folder.close()


def test_the_number_of_files_is_capped(tmp_path: Path) -> None:
    folder = UploadFolder(tmp_path / "uploads", max_files=30)
    for k in range(100):
        folder.make_room(0)
        stored(folder, b"", number=k)
    folder.sweep()
    assert len(list(folder.path.glob("*/*"))) <= 30
    folder.close()


def test_leftovers_of_a_killed_page_are_swept_at_the_start_but_not_those_of_a_running_one(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from cartoons.serving.uploads import UploadFolder; "
        "UploadFolder(Path(sys.argv[1])); print('up', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "uploads")], cwd=ROOT, stdout=subprocess.PIPE)
    assert other.stdout
    other.stdout.readline()
    second = UploadFolder(tmp_path / "uploads")
    upload = stored(second)
    second.close()
    assert upload.exists()  # the other page still runs, and the upload may be its visitor's
    other.kill()
    other.wait()
    third = UploadFolder(tmp_path / "uploads")
    assert not upload.exists()
    stored(third)
    third.close()
    assert not (tmp_path / "uploads").exists()


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    folder = UploadFolder(tmp_path)
    folder.sweep(10**12)
    folder.close()
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_pages_in_a_folder_with_files_of_others_share_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "tmp1letter").write_text("dear")
    pages = []
    for _ in range(2):
        monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
        environment.prepare()
        pages.append(UploadFolder(Path(os.environ["GRADIO_TEMP_DIR"])))
        stored(pages[-1])
        pages[-1].sweep(10**12)
    assert pages[0].path == pages[1].path
    for page in pages:
        page.close()
    assert (tmp_path / "tmp1letter").read_text() == "dear"
    assert (tmp_path / "empty").is_dir()


def test_a_folder_that_another_user_has_put_there_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = os.getuid() + 1
    (tmp_path / f"cartoon-classifier-{user}").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: user)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    with pytest.raises(LaunchError, match=f"cartoon-classifier-{user} belongs to another user"):
        environment.prepare()


def test_an_upload_stays_until_each_of_the_processes_that_took_it_has_answered(tmp_path: Path) -> None:
    here, there = UploadFolder(tmp_path / "uploads"), UploadFolder(tmp_path / "uploads")
    for first, last in ((here, there), (there, here)):
        upload = stored(here)
        here.hold([str(upload)])
        assert stored(there) == upload  # another visitor, the same picture, the other process
        there.hold([str(upload)])
        first.release({"path": str(upload)})
        assert last.read({"path": str(upload)}) == b"picture"
        last.release({"path": str(upload)})
        assert not upload.exists()
    there.close()
    here.close()
    assert not (tmp_path / "uploads").exists()


def test_an_upload_of_one_process_that_another_answers_is_deleted(tmp_path: Path) -> None:
    here, there = UploadFolder(tmp_path / "uploads"), UploadFolder(tmp_path / "uploads")
    upload = stored(here)
    here.hold([str(upload)])
    there.release({"path": str(upload)})
    assert not upload.exists()
    there.close()
    here.close()


def test_what_one_process_has_shown_stays_while_another_has_not_answered_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "SHOWN_KEPT_S", -1)
    here, there = UploadFolder(tmp_path / "uploads"), UploadFolder(tmp_path / "uploads")
    upload = stored(here)
    here.hold([str(upload)])
    here.release({"path": str(upload)}, shown=True)
    there.hold([str(stored(there))])
    here.sweep()
    assert upload.exists()
    there.release({"path": str(upload)})
    assert not upload.exists()
    there.close()
    here.close()


def test_a_page_that_starts_keeps_no_picture_of_another_pages_visitors(tmp_path: Path) -> None:
    running, starting = UploadFolder(tmp_path / "uploads"), UploadFolder(tmp_path / "uploads")
    uploaded, shown, example = (stored(running, number=number) for number in (1, 2, 3))
    running.hold([str(uploaded), str(shown)])
    running.release({"path": str(shown)}, shown=True)
    starting.keep_present_files()
    for path in (uploaded, shown, example):
        os.utime(path, (time.time() - UNANSWERED_KEPT_S - 5,) * 2)
    starting.sweep()
    assert [path.exists() for path in (uploaded, shown, example)] == [False, False, True]
    starting.close()
    running.close()


def test_uploads_of_one_picture_over_and_over_are_capped_as_well(tmp_path: Path) -> None:
    folder = UploadFolder(tmp_path / "uploads", max_files=30)
    for _ in range(100):
        folder.make_room(0)
        folder.hold([str(stored(folder))])
    folder.sweep()
    assert sum(path.is_file() for path in folder.path.rglob("*")) <= 32
    folder.close()


@pytest.mark.parametrize("given", ["link", "../uploads"])
def test_a_folder_may_be_given_by_a_link_or_from_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "link").symlink_to("uploads")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    place = tmp_path / "link" if given == "link" else Path(given)
    folder = UploadFolder(place)
    upload = str(place / stored(folder).relative_to(folder.path))  # as Gradio names it
    folder.hold([upload])
    folder.hold([upload])
    folder.release({"path": upload})
    assert folder.read({"path": upload}) == b"picture"
    folder.release({"path": upload})
    assert not Path(upload).exists()
    folder.close()
    UploadFolder(place).close()
    assert (tmp_path / "link").is_symlink()


def test_a_picture_that_is_being_fetched_stays_whole_when_it_is_added_again(folder: UploadFolder) -> None:
    path = folder.add("x.png", b"picture")
    with path.open("rb") as fetched:
        before = os.fstat(fetched.fileno()).st_mtime_ns
        assert folder.add("x.png", b"picture") == path
        assert os.fstat(fetched.fileno()).st_mtime_ns == before  # not written to
    assert path.read_bytes() == b"picture"
    assert sorted(folder.path.glob("tmp*")) == []


def test_no_visitor_of_another_page_has_an_example_deleted(tmp_path: Path) -> None:
    here, there = UploadFolder(tmp_path / "uploads"), UploadFolder(tmp_path / "uploads")
    example = stored(here)
    here.keep_present_files()
    here.sweep()
    assert stored(there) == example
    there.hold([str(example)])
    there.release({"path": str(example)})
    assert here.read({"path": str(example)}) == b"picture"
    here.close()
    there.hold([str(example)])
    there.release({"path": str(example)})
    assert not example.exists()
    there.close()


def test_what_the_count_is_made_of_is_no_upload(folder: UploadFolder) -> None:
    folder.hold([str(stored(folder))])
    [counted] = (folder.path / uploads.REFERENCES).glob("*/*")
    with pytest.raises(ImageError, match="not among the uploads"):
        folder.read({"path": str(counted)})


def test_pages_that_start_while_others_end_have_their_folder(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from cartoons.serving.uploads import UploadFolder
for k in range(150):
    folder = UploadFolder(Path(sys.argv[1]))
    example = folder.add("x.png", sys.argv[2].encode())
    folder.keep_present_files()
    assert (folder.path / ".lock").exists()
    assert example.read_bytes() == sys.argv[2].encode()
    folder.close()
"""
    asked = [sys.executable, "-c", code, str(tmp_path / "uploads")]
    pages = [subprocess.Popen([*asked, name], cwd=ROOT, stderr=subprocess.PIPE, text=True) for name in ("a", "b", "c")]
    assert [page.communicate()[1] for page in pages] == ["", "", ""]
    assert not (tmp_path / "uploads").exists()


def test_a_lock_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_bytes(b"no lock " * 999)
    with pytest.raises(LaunchError, match=r"\.lock cannot be locked \(file is not a database\): take it away"):
        UploadFolder(tmp_path)
    (tmp_path / ".lock").unlink()
    (tmp_path / ".lock").mkdir()
    with pytest.raises(LaunchError, match=r"\.lock cannot be locked"):
        UploadFolder(tmp_path)
