"""scrape.py as a person runs it: its own process, on a loopback internet of search engines and image hosts with faults."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, draw_shape
from datasets import load_dataset
from hub_server import Hub
from image_sites import EXPECTED, HOST, FaultySite
from loopback_web import LoopbackWeb, Request, Response
from scraped_folders import contents, drawn
from search_sites import BingSite, DuckDuckGoSite, Picture

import scrape
from cartoons import dataset
from cartoons.images import encoded

pytestmark = pytest.mark.slow


def site(request: Request) -> Response:
    """A drawing for each number, as PNG or JPEG; every ninth is missing, every seventh copies the one before."""
    number = int(request.path.rpartition("/")[2].partition(".")[0])
    if number % 9 == 0:
        return Response(status=404)
    seed, size = (number - 1, 260) if number % 7 == 0 else (number, 200)
    return Response(drawn(seed, size, "JPEG" if number % 2 else "PNG"), headers={"Content-Type": "text/html"})


def addresses(first: int, count: int) -> list[Picture]:
    return [Picture(f"https://pictures{k % 3}.example/{k}.jpg", title=f"picture {k}") for k in range(first, first + count)]


def internet(known: dict[str, list[Picture]], **others: object) -> LoopbackWeb:
    def search(query: str) -> list[Picture]:
        return known.get(query, [])

    hosts = {f"pictures{k}.example": site for k in range(3)}
    return LoopbackWeb({"duckduckgo.com": DuckDuckGoSite(search), "www.bing.com": BingSite(search), **hosts, **others})  # type: ignore[arg-type]


WORDS = ("red fox", "green frog", "--per-class", "20")


@pytest.fixture(scope="module")
def whole_web() -> Iterator[LoopbackWeb]:
    """Two cartoons, eighty addresses each, three of them the same."""
    with internet({"red fox": addresses(1, 80), "green frog": [*addresses(2, 3), *addresses(200, 80)]}) as web:
        yield web


@pytest.fixture
def web(whole_web: LoopbackWeb) -> LoopbackWeb:
    whole_web.requests = []
    return whole_web


@pytest.fixture(scope="module")
def done(whole_web: LoopbackWeb, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder that was filled without a disturbance, not to be changed, and what was said of it."""
    out = tmp_path_factory.mktemp("done") / "data"
    return out, run(whole_web, out, *WORDS)


def command(web: LoopbackWeb, out: Path, *arguments: str) -> list[str]:
    query = [] if "--query" in arguments or any(word.startswith("--from") for word in arguments) else ["--query", "{name}"]
    way = ["--out", str(out), "--proxy", web.proxy, "--ca", web.ca]
    return [sys.executable, str(ROOT / "scrape.py"), *arguments, *query, *way]


def run(web: LoopbackWeb, out: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(web, out, *arguments), capture_output=True, text=True, timeout=120, env=os.environ | env, cwd=out.parent
    )


def fetched(web: LoopbackWeb) -> Counter[str]:
    return Counter(request.url for request in web.requests if request.host.startswith("pictures"))


def test_names_to_a_folder_that_others_can_read(done: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    out, said = done
    assert said.returncode == 0, said.stderr
    assert "red fox 20, green frog 20" in said.stdout
    assert not said.stderr  # no bars where no one watches
    loaded = load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache"), split="train")
    assert Counter(loaded["label"]) == {"red fox": 20, "green frog": 20}
    assert {"url", "source", "group", "license", "sha256"} <= set(loaded.column_names)
    assert loaded[0]["image"].size == (loaded[0]["width"], loaded[0]["height"])
    items = dataset.read(out).items
    assert {item.source for item in items} == {f"pictures{k}.example" for k in range(3)}
    assert "40" in (out / "report.html").read_text()
    assert "green frog" in (out / "README.md").read_text()
    assert {path.name for path in out.parent.iterdir()} == {"data"}


def test_a_rerun_asks_no_one(web: LoopbackWeb, done: tuple[Path, object], tmp_path: Path) -> None:
    out = shutil.copytree(done[0], tmp_path / "data")
    assert run(web, out, *WORDS).returncode == 0
    assert not web.requests
    assert contents(out) == contents(done[0])


def test_killed_at_any_moment_it_goes_on_to_the_same_folder(
    web: LoopbackWeb, done: tuple[Path, object], tmp_path: Path
) -> None:
    out, kills = tmp_path / "data", int(os.environ.get("KILLS", "3"))
    chance, killed = random.Random(1), 0
    while killed < kills:
        process = subprocess.Popen(command(web, out, *WORDS), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.5, 4))
        killed += process.poll() is None
        process.kill()
        process.wait()
    assert run(web, out, *WORDS).returncode == 0
    assert contents(out) == contents(done[0])
    rows = [json.loads(line) for line in (out / "attempts.jsonl").read_text().splitlines()]
    had = {row["url"] for row in rows if row["file"]}
    again = {url: count for url, count in fetched(web).items() if count > 1 and url in had}
    assert sum(again.values()) - len(again) <= kills * 64  # those in flight


def test_other_takes_rivals_and_none_that_shows_a_character(tmp_path: Path) -> None:
    """The searches for rivals find red foxes by their address, their title, their picture, and wolves."""
    foxes = [replace(one, title=f"red fox, Wild Woods {k}") for k, one in enumerate(addresses(1, 30))]
    copied = [Picture("https://pictures2.example/other/13.jpg", title="an animal")]
    misspelt = [
        Picture("https://pictures0.example/201.jpg", title="Redd Fox"),
        Picture("https://pictures0.example/red_fox/202.jpg", title="x"),
    ]
    wolves, woods, general = addresses(300, 12), addresses(400, 9), addresses(500, 12)
    asked: list[str] = []

    def search(query: str) -> list[Picture]:
        asked.append(query)
        if query in ("red fox", "green frog"):
            return foxes if query == "red fox" else addresses(100, 30)
        if query == "wild woods characters":
            return [*foxes[:5], *woods]
        return (
            [*foxes[5:9], *copied, *misspelt, *wolves]
            if "red fox" in query
            else general
            if query == "cartoon character"
            else []
        )

    out = tmp_path / "data"
    hosts = {f"pictures{k}.example": site for k in range(3)}
    with LoopbackWeb({"duckduckgo.com": DuckDuckGoSite(search), "www.bing.com": BingSite(lambda _: []), **hosts}) as web:
        words = ("red fox", "green frog", "--other", "--per-class", "20", "--engines", "duckduckgo")
        done = run(web, out, *words)
        assert done.returncode == 0, done.stderr
        before, web.requests = contents(out), []
        assert run(web, out, *words).returncode == 0
        assert not web.requests
        assert {**contents(out), "report.html": ""} == {**before, "report.html": ""}  # which tells of this run's searches
    rows = [json.loads(line) for line in (out / "attempts.jsonl").read_text().splitlines()]
    other = {row["url"]: row for row in rows if row["label"] == "_other"}
    lost = [(other[one.url]["status"], other[one.url]["reason"]) for one in (foxes[0], *misspelt, *copied)]
    assert lost == [
        ("rejected", "shows a character: its address was found for red fox too"),
        ("rejected", "shows a character: its title names red fox"),
        ("rejected", "shows a character: its address names red fox"),
        ("rejected", "shows a character: looks the same as a picture of red fox"),
    ]
    kept = {row["url"] for row in other.values() if row["status"] == "kept"}
    assert kept & {one.url for one in wolves}
    assert kept & {one.url for one in woods}
    assert kept & {one.url for one in general}
    assert not kept & {one.url for one in (*foxes, *copied, *misspelt)}
    assert {"wild woods characters", "characters like green frog"} <= set(asked)
    assert len(set(asked)) < 10, asked


def test_an_interrupted_search_ends_at_once(tmp_path: Path) -> None:
    search = DuckDuckGoSite(lambda _: [], fault="stall")
    with LoopbackWeb({"duckduckgo.com": search}) as web:
        process = subprocess.Popen(command(web, tmp_path / "data", "red fox"), stderr=subprocess.PIPE, text=True)
        while not web.requests:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=5)[1]  # the engine takes 30 s
    assert process.returncode == 130
    assert said.strip() == "Stopped. The same command goes on from here."


def test_a_disk_that_takes_no_more_gets_a_sentence_and_the_next_run_goes_on(web: LoopbackWeb, tmp_path: Path) -> None:
    words = command(web, tmp_path / "data", "red fox", "--per-class", "5")
    full = subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)),
    )
    assert (full.returncode, full.stderr.count("\n")) == (2, 1), full.stderr
    assert "cannot be" in full.stderr
    assert run(web, tmp_path / "data", "red fox", "--per-class", "5").returncode == 0
    assert not list(tmp_path.rglob("*.tmp"))


WITH_SHORT_LIMITS = """
import sys
from pathlib import Path
import scrape
from cartoons.download.rate_limiter import Limits
from cartoons.scraping import scraper
real = Limits
short = dict(max_tries=1, read_timeout_s=1, total_timeout_s=2.5, max_bytes=2 * 2**20, backoff_s=0.01)
scraper.Limits = lambda **kinds: real(**short, **kinds)
code = scrape.main(sys.argv[1:])
status = Path("/proc/self/status").read_text() if sys.platform == "linux" else "VmHWM: 0 kB"
print("peak MB", int(status.partition("VmHWM:")[2].split()[0]) / 1024)  # of this program alone, not of what started it
sys.exit(code)
"""


def test_every_fault_is_logged_and_nothing_bad_is_kept(tmp_path: Path) -> None:
    faults = FaultySite(drawn(1000, 400, "JPEG"))
    paths = [*EXPECTED, "page", "picture", "relative"]
    bombs = {"bomb.example": lambda _: Response(encoded_bomb())}
    known = {
        "red fox": [
            *(Picture(f"https://{HOST}/{path}") for path in paths),
            Picture("https://bomb.example/1.png"),
            *addresses(1, 9),
        ]
    }
    out = tmp_path / "data"
    with internet(known, **{HOST: faults}, **bombs) as web:
        whole = command(web, out, "red fox", "--per-class", "30")
        done = subprocess.run(
            [sys.executable, "-c", WITH_SHORT_LIMITS, *whole[2:]], capture_output=True, text=True, timeout=120, cwd=ROOT
        )
    assert done.returncode == 3, done.stderr
    assert "red fox: 8 of 30 pictures" in done.stderr
    rows = {row["url"]: row for row in map(json.loads, (out / "attempts.jsonl").read_text().splitlines())}
    found = {path: (rows[f"https://{HOST}/{path}"]["status"], rows[f"https://{HOST}/{path}"]["reason"]) for path in EXPECTED}
    assert found == EXPECTED
    assert rows[f"https://{HOST}/page"]["status"] == "rejected"
    assert rows["https://bomb.example/1.png"]["status"] == "rejected"
    assert len(rows) == len(known["red fox"])
    assert len(list((out / "red fox").iterdir())) == 8
    assert float(done.stdout.rpartition("peak MB")[2]) < 400
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def encoded_bomb() -> bytes:
    """A PNG of 144 megapixels in 18 kB."""
    from PIL import Image

    return encoded(Image.new("1", (12000, 12000)), "PNG")


def test_bing_takes_over_when_duckduckgo_is_down(tmp_path: Path) -> None:
    with LoopbackWeb(
        {"www.bing.com": BingSite(lambda _: addresses(1, 40)), **{f"pictures{k}.example": site for k in range(3)}}
    ) as web:
        done = run(web, tmp_path / "data", "red fox", "--per-class", "8")
    assert done.returncode == 0
    assert "duckduckgo" in done.stderr
    assert {row["engine"] for row in map(json.loads, (tmp_path / "data" / "metadata.jsonl").read_text().splitlines())} == {
        "bing"
    }


def test_a_name_that_stays_short_says_why(tmp_path: Path) -> None:
    with internet({"red fox": addresses(1, 20), "green frog": []}) as web:
        done = run(web, tmp_path / "data", "red fox", "green frog", "--per-class", "30", "--engines", "duckduckgo")
    assert done.returncode == 3
    assert "red fox: 16 of 30 pictures; 2 duplicate, 2 failed" in done.stderr
    assert "green frog: 0 of 30 pictures; nothing was found. duckduckgo gave nothing" in done.stderr


def test_odd_names_stay_inside_the_folder(tmp_path: Path) -> None:
    names = ["../etc", "CON", "test " + "x" * 200]
    with internet({name: addresses(100 * k, 20) for k, name in enumerate(names, 1)}) as web:
        done = run(web, tmp_path / "data", *names, "--per-class", "5")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert {item.label for item in dataset.read(tmp_path / "data").items} == set(names)
    loaded = load_dataset("imagefolder", data_dir=str(tmp_path / "data"), cache_dir=str(tmp_path / "cache"), split="train")
    assert set(loaded["label"]) == set(names)


def test_a_list_of_addresses_a_folder_and_a_look(web: LoopbackWeb, tmp_path: Path) -> None:
    rows = [f"{one.url},{('fox', 'frog')[k % 2]}\n" for k, one in enumerate(addresses(10, 8))]
    (tmp_path / "list.csv").write_text("url,label\n" + "".join(rows))
    done = run(web, tmp_path / "listed", "--from-urls", str(tmp_path / "list.csv"))
    assert (done.returncode, "fox 3, frog 3" in done.stdout) == (0, True), done.stdout + done.stderr
    (tmp_path / "mine" / "frog").mkdir(parents=True)
    for seed in range(4):
        draw_shape("lines", seed, 150).save(tmp_path / "mine" / "frog" / f"{seed}.png")
    (tmp_path / "mine" / "frog" / "broken.png").write_bytes(b"no")
    done = run(web, tmp_path / "taken", "--from-folder", str(tmp_path / "mine"))
    assert (done.returncode, "frog 4" in done.stdout) == (0, True), done.stdout + done.stderr
    web.requests = []
    done = run(web, tmp_path / "look", "red fox", "--dry-run")
    assert "red fox: 40 addresses (duckduckgo 40) on 3 hosts" in done.stdout
    assert not fetched(web)
    assert not list((tmp_path / "look").glob("[!.]*"))
    done = run(web, tmp_path / "list", "red fox", "--urls-only", "--per-class", "30")
    assert "60 addresses" in done.stdout
    assert (tmp_path / "list" / "urls.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "No names were given"),
        (["a", "--per-class", "0"], "--per-class is 0"),
        (["a", "--engines", "altavista"], "No engine is called 'altavista'"),
        (["a", "--query", "b"], "has no {name}"),
        (["--from-folder", "nowhere"], "nowhere is not a folder"),
        (["--from-urls", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["--from-urls", "a.csv", "--from-folder", "b"], "--from-urls and --from-folder were both given"),
        (["a", "b", "--from-folder", "c"], "2 names were given with a list"),
        (
            ["--from-folder", "tests", "--out", "tests/new"],
            "--out tests/new lies in the folder that pictures are taken from",
        ),
        (["--from-folder", "tests", "--dry-run"], "--from-folder gives pictures, not addresses"),
        (["--from-img2dataset", "nowhere"], "holds no pictures by img2dataset"),
        (["a", "--proxy", "nowhere"], "The proxy 'nowhere' is none"),
        (["a", "--ca", "nowhere.pem"], "The CA file nowhere.pem cannot be used"),
        (["a", "--out", "scrape.py"], "cannot be written"),
        (["review", "nowhere"], "nowhere"),
        (["apply", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_gets_a_sentence(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    out = [] if "--out" in arguments or arguments[:1] in (["review"], ["apply"]) else ["--out", str(tmp_path)]
    assert scrape.main([*arguments, *out]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_the_list_is_published_and_the_pictures_only_where_all_may_be_shared(
    web: LoopbackWeb, done: tuple[Path, object], tmp_path: Path
) -> None:
    out = shutil.copytree(done[0], tmp_path / "data")
    with Hub() as hub:
        env = hub.env(tmp_path / "home", token="hf_free")
        refused = run(web, out, *WORDS, "--publish", "toon/foxes", "--with-pictures", **env)
        assert refused.returncode == 2
        assert "40 of 40 pictures may not be shared (licence: none stated (40))" in refused.stderr
        published = run(web, out, *WORDS, "--publish", "toon/foxes", **env)
        assert published.returncode == 0, published.stderr
        assert "Published" in published.stdout
