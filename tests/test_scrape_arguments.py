"""What scrape.py refuses before it searches, loads or writes anything, and what a run leaves alone."""

import json
import os
import resource
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from conftest import ROOT, draw_shape
from hub_server import Hub
from pyarrow import parquet

import scrape
from cartoons.scraping.sources import PICTURES_IN_MEMORY

HEAVY = {"PIL", "asyncio", "gradio", "huggingface_hub", "matplotlib", "numpy", "pyarrow", "rich", "torch"}
FOLDER, LIST, SHARDS = ["--from-folder", "pictures"], ["--from-urls", "list.txt"], ["--from-img2dataset", "pictures"]
SEARCHING = [["--engines", "bing"], ["--query", "{name}"], ["--license", "any"], ["--other"], ["--other", "a photo"]]
STORING = [["--originals"], ["--ignore-opt-out"], ["--publish", "toon/foxes"]]


def idle(others: list[list[str]], beside: list[str]) -> list[tuple[list[str], str]]:
    """Each of the others has no effect beside the flag, wherever it stands."""
    sentence = f"has no effect with {beside[0]}: leave out one of them"
    return [(words, f"{other[0]} {sentence}") for other in others for words in ([*beside, *other], [*other, *beside])]


NO_EFFECT = [
    *idle([*SEARCHING, ["--ignore-opt-out"]], FOLDER),
    *idle([*SEARCHING, ["--ignore-opt-out"]], SHARDS),
    *idle(SEARCHING, [*LIST, "fox"])[::2],
    *idle([["--urls-only"], *STORING], ["--dry-run", "fox"])[::2],
    *idle(STORING, ["--urls-only", "fox"])[::2],
    *idle(STORING, ["--dry-run", *LIST]),
    (["fox", *SHARDS], "A name has no effect with --from-img2dataset"),
    (["fox", "--with-pictures"], "--with-pictures has no effect without --publish: give that, or leave it out"),
    (["fox", "--private"], "--private has no effect without --publish"),
    ([*FOLDER, "--private"], "--private has no effect without --publish"),
    ([*LIST, "fox", "--with-pictures"], "--with-pictures has no effect without --publish"),
    (["--query", "{name} comic", "--other"], "--query has no effect without a name"),
]
WRONG = [
    *NO_EFFECT,
    *(([*a, *b], f"{a[0]} and {b[0]} were both given: give one") for a, b in combinations((LIST, FOLDER, SHARDS), 2)),
    *(
        ([*beside, flag], "gives pictures, not addresses")
        for beside in (FOLDER, SHARDS)
        for flag in ("--dry-run", "--urls-only")
    ),
    ([], "No names were given"),
    (["fox", "--per-class", "0"], "--per-class is 0"),
    (["fox", "--per-class", "-3"], "--per-class is -3"),
    (["fox", "--engines", "bing,altavista"], "No engine is called 'altavista'"),
    (["fox", "--engines", ""], "No engine is called ''"),
    (
        ["fox", "--publish", "toon/fox", "--with-pictures", "--out", "nosuch"],
        "nothing that duckduckgo or bing finds states one: give --engines openverse,commons, or leave it out",
    ),
    (["fox", "--query", "comic"], "has no {name}"),
    (["fox", "Fox"], "The name 'Fox' is given twice"),
    (["_other", "--other"], "The name '_other' is given twice"),
    (["_other"], "The name '_other' stands for pictures of none of the characters: give --other instead"),
    (["fox", "_OTHER"], "The name '_OTHER' stands for pictures of none of the characters: give --other instead"),
    (["fox", "--other", ""], "The query '' for _other is empty: give words to search"),
    (["fox", "--other", "a photo", "   "], "The query '   ' for _other is empty: give words to search"),
    (["fox", "--out", ""], "The path '' is empty: give one"),
    (["--from-folder", "", "--out", "new"], "The path '' is empty: give one"),
    (["--from-urls", " "], "The path ' ' is empty: give one"),
    (["review", ""], "The path '' is empty: give one"),
    (["--from-folder", "pictures/fox", "owl", "--out", "pictures"], "--from-folder pictures/fox lies in --out pictures"),
    (["--from-folder", "pictures/fox", "owl", "--out", "."], "--from-folder pictures/fox lies in --out .: give another"),
    ([" "], "The name ' ' is empty"),
    ([*FOLDER, " "], "The name ' ' is empty"),
    ([*FOLDER, ""], "The name '' is empty"),
    ([*LIST, "\u200b"], "The name '\\u200b' is empty"),
    ([*LIST, "a\x01b"], "The name 'a\\x01b' is empty or cannot be written down as text"),
    (["--from-folder", "nowhere"], "nowhere is not a folder"),
    (["--from-folder", "list.txt"], "list.txt is not a folder"),
    (["--from-urls", "nowhere.csv"], "nowhere.csv cannot be read"),
    (LIST, "list.txt line 1 has no label"),
    (["--from-urls", "alike.csv"], "The labels 'bugs' and 'Bugs' differ in capital letters only"),
    (["--from-urls", "alike.csv", "--urls-only"], "The labels 'bugs' and 'Bugs' differ in capital letters only"),
    ([*FOLDER, "--out", "pictures/new"], "--out pictures/new lies in the folder that pictures are taken from"),
    (["review", "nowhere"], "nowhere is not a folder"),
    (["review", "pictures", "--model", "nowhere"], "nowhere"),
    (["review", "pictures", "--corrections", "pictures"], "pictures and pictures are one folder, or one is in the other"),
    (["apply", "list.txt"], "list.txt is not a folder"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures" / "fox").mkdir(parents=True)
    draw_shape("lines", 1, 150).save(tmp_path / "pictures" / "fox" / "1.png")
    (tmp_path / "list.txt").write_text("https://a.example/1.jpg\n")
    (tmp_path / "alike.csv").write_text("url,label\nhttps://a.example/1.jpg,bugs\nhttps://a.example/2.jpg,Bugs\n")
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(("arguments", "says"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong_arguments_get_a_sentence_and_leave_everything_as_it_is(
    arguments: list[str], says: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(here)
    assert scrape.main(arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert files(here) == before


def test_no_wrong_argument_loads_anything_heavy(here: Path) -> None:
    code = f"import scrape, sys; [scrape.main(words) for words in {[words for words, _ in WRONG]}]; print(*sys.modules)"
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=env, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def test_help_loads_nothing_heavy_and_takes_no_second() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-X", "importtime", "scrape.py", "--help"], cwd=ROOT, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.startswith(b"usage: scrape.py")
    assert not {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()} & HEAVY
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1  # of the processor: others may use it too


def test_labels_of_the_folder_are_looked_at_before_addresses_are_listed_or_pictures_cleaned(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "out" / "Fox").mkdir(parents=True)
    (here / "late" / "a").mkdir(parents=True)
    (here / "late" / "fox").mkdir()
    for k in range(PICTURES_IN_MEMORY + 1):
        draw_shape("lines", k, 100).save(here / "late" / ("fox" if k == PICTURES_IN_MEMORY else "a") / f"{k}.png")
    for arguments in ([*LIST, "fox", "--urls-only"], [*LIST, "fox", "--dry-run"], ["--from-folder", "late"]):
        before = files(here)
        assert scrape.main([*arguments, "--out", "out"]) == 2
        assert "The labels 'Fox' and 'fox' differ in capital letters only" in capsys.readouterr().err
        assert files(here) == before
    (here / "late" / "Fox").mkdir()
    draw_shape("lines", 1, 100).save(here / "late" / "Fox" / "1.png")
    assert scrape.main(["--from-folder", "late", "--out", "new"]) == 2
    assert "The labels 'Fox' and 'fox' differ in capital letters only" in capsys.readouterr().err
    assert not (here / "new").exists()


@pytest.mark.parametrize("number", [2**63 - 1, 10**400], ids=["the largest of islice", "too large for a float"])
def test_a_number_larger_than_any_list_is_as_good_as_all(number: int, here: Path) -> None:
    assert scrape.main([*LIST, "fox", "--out", "out", "--urls-only", "--per-class", str(number)]) == 0
    [row] = parquet.read_table(here / "out" / "urls.parquet").to_pylist()
    assert row["url"] == "https://a.example/1.jpg"


@pytest.mark.usefixtures("here")
def test_a_name_given_with_a_folder_is_tidied_as_a_searched_one_is() -> None:
    for name in ("Poke\u0301mon", "  Pok\u00e9mon "):
        assert scrape.configure([*FOLDER, name]).default_label == "Pok\u00e9mon"
        assert scrape.configure([*LIST, name]).url_list[0].label == "Pok\u00e9mon"
        assert list(scrape.configure([name]).queries) == ["Pok\u00e9mon"]


INTERRUPTED = """
import os, runpy, signal, sys, threading, time
module, script = sys.argv[1:3]
del sys.argv[:2]

def interrupt():
    while module not in sys.modules:
        time.sleep(0.0005)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
sys.path.insert(0, os.path.dirname(script))
runpy.run_path(script, run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["argparse", "cartoons.console", "ssl", "numpy", "PIL.Image", "pyarrow", "rich"])
def test_ctrl_c_while_modules_load_is_one_line(module: str, here: Path) -> None:
    before = files(here)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        INTERRUPTED,
        module,
        str(ROOT / "scrape.py"),
        "fox",
        "--out",
        "new/foxes",
    ]
    done = subprocess.run([*command, "--proxy", "http://127.0.0.1:9"], cwd=here, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "\nStopped. The same command goes on from here.\n")
    assert files(here) == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "token", "says"),
    [
        (["fox", "--publish", "toon/foxes"], "", "toon/foxes cannot be pushed to: nobody is logged in"),
        (["fox", "--publish", "somebody/foxes"], "hf_free", "somebody/foxes cannot be pushed to: you are logged in as toon"),
        (["fox", "--publish", "foxes"], "hf_free", "'foxes' is no name on the Hub"),
        ([*FOLDER, "--publish", "toon/foxes"], "", "nobody is logged in"),
        (["fox", "--proxy", "nowhere"], "", "The proxy 'nowhere' is none"),
        (["fox", "--ca", "nowhere.pem"], "", "The CA file nowhere.pem cannot be used"),
        (["--from-img2dataset", "nowhere"], "", "nowhere holds no pictures by img2dataset"),
        (["--from-img2dataset", "pictures"], "", "pictures holds no pictures by img2dataset"),
        (["--from-folder", "pictures/fox"], "", "pictures/fox holds no pictures in folders of their own"),
        (["fox", "--out", "list.txt"], "", "list.txt cannot be written"),
        (["fox", "--out", "list.txt/new"], "", "list.txt/new cannot be written"),
    ],
)
def test_what_cannot_work_is_refused_before_any_search_and_leaves_no_folder(
    arguments: list[str], token: str, says: str, here: Path
) -> None:
    before = files(here)
    out = [] if "--out" in arguments else ["--out", "new/foxes"]
    with Hub() as hub:
        env = os.environ | hub.env(here.parent / "home", token) | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "ignore", str(ROOT / "scrape.py"), *arguments, *out]
        done = subprocess.run(command, cwd=here, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert says in done.stderr
    assert [name for name in files(here) if not name.startswith("pictures/.")] == before


@pytest.mark.slow
def test_a_run_that_kept_nothing_says_why_and_is_short(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "private.txt").write_text("http://127.0.0.1:1/1.jpg\nhttp://127.0.0.1:1/2.jpg\n")
    (here / "damaged" / "fox").mkdir(parents=True)
    (here / "damaged" / "fox" / "1.png").write_bytes(b"no")
    (here / "shards" / "00000").mkdir(parents=True)
    (here / "shards" / "00000" / "000000000.jpg").write_bytes(b"no")
    for arguments, says in (
        (["--from-urls", "private.txt", "fox"], "fox: 0 of 2 pictures; 2 refused."),
        (["--from-folder", "damaged"], "fox: 0 of 1 picture; 1 rejected."),
        (["--from-folder", "damaged", "--per-class", "1"], "fox: 0 of 1 picture; 1 rejected."),
        (["--from-img2dataset", "shards"], "Left out: 00000/000000000 has no address"),
    ):
        out = here / f"out{len(arguments)}{arguments[1]}"
        for _ in range(2):
            assert scrape.main([*arguments, "--out", str(out)]) == 3
            said = capsys.readouterr()
            assert says in said.err
            assert f"{out}: no pictures. Look: {out / 'report.html'}\n" in said.out
            assert "Train:" not in said.out
    (here / "damaged" / "owl").mkdir()
    for k in range(2):
        draw_shape("lines", 1, 150 + k).save(here / "damaged" / "owl" / f"{k}.png")
    assert scrape.main(["--from-folder", "damaged", "--out", "some"]) == 0
    said = capsys.readouterr()
    assert "fox: 0 of 1 picture; 1 rejected.\nowl: 1 of 2 pictures; 1 duplicate.\n" in said.err
    assert "some: owl 1. Look:" in said.out
    (here / "whole" / "hen").mkdir(parents=True)
    draw_shape("lines", 9, 150).save(here / "whole" / "hen" / "1.png")
    assert scrape.main(["--from-folder", "whole", "--out", "some"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_the_number_asked_for_is_of_the_labels_of_this_command_alone(here: Path) -> None:
    for label, seeds in (("fox", range(100, 106)), ("owl", range(200, 204)), ("late", range(300, 305))):
        (here / ("more" if label == "late" else "pictures") / label).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            draw_shape("lines", seed, 150).save(here / ("more" if label == "late" else "pictures") / label / f"{seed}.png")

    def kept(*arguments: str) -> dict[str, int]:
        assert scrape.main([*arguments, "--out", "out"]) == 0
        labels = [json.loads(line)["label"] for line in (here / "out" / "metadata.jsonl").read_text().splitlines()]
        return {label: labels.count(label) for label in sorted(set(labels))}

    assert kept("--from-folder", "pictures", "--per-class", "5") == {"fox": 5, "owl": 4}
    for _ in range(2):
        assert kept("--from-folder", "more", "--per-class", "2") == {"fox": 5, "late": 2, "owl": 4}
    assert kept("--from-folder", "more") == {"fox": 5, "late": 5, "owl": 4}
    assert kept("--from-folder", "pictures", "--per-class", "3") == {"fox": 3, "late": 5, "owl": 3}
    assert kept("--from-folder", "pictures") == {"fox": 7, "late": 5, "owl": 4}
