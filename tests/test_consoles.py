"""Consoles, environments and networks as people have them: the work is done, or a sentence says why not."""

import json
import os
import pty
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import ROOT, draw_shape, free_port
from loopback_web import LoopbackWeb
from search_sites import DuckDuckGoSite
from terminals import screen

import scrape
from cartoons import console, live_line, progress, proxies
from cartoons.download.http import FetchError
from cartoons.errors import LaunchError, SearchError, shortened
from cartoons.hub.pull import _what_to_do
from cartoons.img2dataset import read_output
from cartoons.scraping.config import ScrapeConfig, too_few
from cartoons.scraping.progress import ScrapeProgress
from cartoons.scraping.publish import summarize
from cartoons.serving import environment

LABELS = ("red fox", "ドラえもん 🦊", "שועל")
DATA_URL = "data:image/png;base64," + "A" * 30_000
Setting = dict[str, Any]
"""How a program is started: arguments of subprocess.run."""

PROGRAM = """
import logging, pathlib, sys
from cartoons import console

def work():
    print("red fox, ドラえもん 🦊, שועל, caf\\udce9")
    print("שועל \\udce9", file=sys.stderr, flush=True)
    logging.getLogger("train").warning("ドラえもん %s", "x" * 30_000)
    pathlib.Path("done").touch()
    return 3

sys.exit(console.run("program.py", work))
"""


def python(*words: object, folder: Path, **setting: Any) -> subprocess.CompletedProcess[bytes]:
    """What a program of Python does in a folder; env: besides that of the tests."""
    env = os.environ | {"PYTHONPATH": str(ROOT)} | setting.pop("env", {})
    usual: Setting = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120}
    command = [sys.executable, "-W", "ignore", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=env, **(usual | setting))


def closed_pipe() -> int:
    """The end to write into of a pipe that nobody reads, as `| head -1` leaves it."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def closing(*numbers: int) -> Callable[[], None]:
    """Closes file descriptors in the new process, as `>&-` does."""
    return lambda: [os.close(number) for number in numbers] and None


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))


ENCODINGS = [
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "utf-8:strict"},
    {"PYTHONIOENCODING": "shift_jis"},
    {"PYTHONIOENCODING": "cp1252:strict", "PYTHONUNBUFFERED": "1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
]


@pytest.mark.parametrize("env", ENCODINGS, ids=str)
def test_a_console_of_any_character_set_shows_what_it_can(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    done = python("program.py", folder=tmp_path, env=env)
    assert done.returncode == 3
    assert done.stdout.startswith(b"red fox, ")
    assert rb"caf\udce9" in done.stdout
    assert b"Traceback" not in done.stderr
    assert b"characters)..." in done.stderr
    assert len(done.stderr) < 1000
    assert (tmp_path / "done").exists()


SINKS: dict[str, tuple[Callable[[], Setting], int, bytes]] = {
    "closed pipe": (lambda: {"stdout": closed_pipe()}, 0, b""),
    "both into a closed pipe": (lambda: {"stdout": closed_pipe(), "stderr": subprocess.STDOUT}, 0, b""),
    "closed": (lambda: {"stdout": None, "preexec_fn": closing(1)}, 0, b""),
    "all closed": (lambda: {"stdout": None, "stderr": None, "preexec_fn": closing(0, 1, 2)}, 0, b""),
    "no standard input": (lambda: {"stdin": subprocess.DEVNULL}, 0, b""),
    "full": (lambda: {"stdout": os.open("/dev/full", os.O_WRONLY)}, 2, b"No space left on device"),
    "full, unbuffered": (
        lambda: {"stdout": os.open("/dev/full", os.O_WRONLY), "env": {"PYTHONUNBUFFERED": "1"}},
        2,
        b"No space",
    ),
    "errors full": (lambda: {"stderr": os.open("/dev/full", os.O_WRONLY)}, 0, b""),
    "full file": (
        lambda: {"stdout": os.open("log", os.O_WRONLY | os.O_CREAT), "preexec_fn": small_files},
        2,
        b"File too large",
    ),
}


@pytest.mark.parametrize("name", SINKS)
def test_the_work_is_done_wherever_the_words_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    setting, code, says = SINKS[name]
    (tmp_path / "program.py").write_text(PROGRAM.replace("return 3", "return 0"), encoding="utf-8")
    done = python("program.py", folder=tmp_path, **setting())
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in (done.stderr or b"")
    assert says in (done.stderr or b"")
    assert (tmp_path / "done").exists()


ENDS = [
    ("raise DataError('label ' + chr(0xdce9) + ' ' + 'x' * 9000)", 2, "program.py: label \\udce9 xxxx"),
    ("raise OSError(28, 'No space left on device', 'a file')", 2, "program.py: a file: No space left on device: mend"),
    ("raise OSError('Cannot find empty port')", 2, "program.py: Cannot find empty port: mend"),
    ("raise DataError('one\\nline' + chr(27) + '[2J')", 2, "program.py: one\\nline\\x1b[2J\n"),
    ("console.ArgumentParser('some.py').parse_args(['--nothing'])", 2, "unrecognized arguments: --nothing"),
    ("console.ArgumentParser('some.py').parse_args(['--help'])", 0, ""),
    ("os.rmdir(os.getcwd()); raise SystemExit(console.run('program.py', lambda: 0))", 2, "was started in is gone"),
    ("raise KeyboardInterrupt", 130, "Stopped. The same command goes on from here."),
    ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 143, "Stopped. The same command goes on from here."),
    ("os.kill(os.getpid(), signal.SIGHUP); time.sleep(9)", 129, "Stopped. The same command goes on from here."),
    ("signal.signal(2, signal.SIG_IGN); os.kill(os.getpid(), 15); time.sleep(9)", 143, "Stopped."),
    ("os.kill(os.getpid(), 15); asyncio.run(asyncio.sleep(9))", 143, "Stopped."),
    ("asyncio.run(ended())", 143, "Stopped."),
]


ENDING = """
import asyncio, json, os, signal, sys, time
from cartoons import console
from cartoons.errors import DataError

async def ended():
    os.kill(os.getpid(), 15); await asyncio.sleep(9)

def program(text):
    os.mkdir("here")
    os.chdir("here")
    os.dup2(os.open("../out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.dup2(os.open("../err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    exec(f"def work():\\n    {text}\\n    return 0", globals())
    sys.exit(console.run("program.py", work))

for text in sys.argv[1:]:
    began = time.monotonic()
    if not (child := os.fork()):
        program(text)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if os.path.exists("here"):
        os.rmdir("here")
    print(json.dumps([code, open("err").read(), time.monotonic() - began]), flush=True)
"""
"""A process for each of its arguments, which is the work: how it ended, what it said, and the seconds it took."""


def test_every_end_is_a_sentence_and_an_exit_code(tmp_path: Path) -> None:
    done = python("-c", ENDING, *(work for work, _, _ in ENDS), folder=tmp_path)
    for (work, code, says), line in zip(ENDS, done.stdout.splitlines(), strict=True):
        ended, said, seconds = json.loads(line)
        assert (ended, says in said, "Traceback" in said) == (code, True, False), (work, said)
        assert len(said) < 2500, work
        assert seconds < 8, work


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    code = "import os, sys; from cartoons import console; sys.exit(console.run('it', lambda: os.kill(os.getpid(), 1) or 0))"
    ignoring = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    assert python("-c", code, folder=tmp_path, preexec_fn=ignoring).returncode == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("short as it is", "short as it is"),
        (f"{DATA_URL!r} is no address: mend it.", "characters)...AAAA"),
        ("word " * 10_000, "characters)..."),
        ("a path/" + "é" * 5000, "(5005 characters)"),
        ("two\r\nlines\x1b]0;title\x07", "two\\r\\nlines\\x1b]0;title\\x07"),
    ],
)
def test_long_values_are_shortened(text: str, says: str) -> None:
    assert says in shortened(text)
    assert len(shortened(text)) < 2200
    assert shortened(text).startswith(text[:3])


def img2dataset_output(folder: Path) -> list[str]:
    """The reasons and addresses that come of a shard of img2dataset with a data: address in it."""
    (folder / "00000").mkdir()
    draw_shape("round", 1).save(folder / "00000" / "0.jpg")
    (folder / "00000" / "0.json").write_text(json.dumps({"url": DATA_URL, "label": "red fox"}))
    return [hit.url + outcome.reason for hit, outcome in read_output(folder)]


def test_a_data_address_lands_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.jsonl").write_text(json.dumps({"url": DATA_URL, "label": "red fox"}))
    out = ["--out", str(tmp_path / "out")]
    for arguments in (
        ["--from-urls", str(tmp_path / "list.jsonl"), *out],
        ["--from-folder", DATA_URL, *out],
        ["fox", "--engines", DATA_URL, *out],
        ["fox", "--query", DATA_URL, *out],
        ["fox", "--proxy", DATA_URL, *out],
        ["fox", "--ca", DATA_URL, *out],
        ["--from-urls", DATA_URL, *out],
        ["apply", DATA_URL],
        ["fox\udce9" + DATA_URL, *out],
        ["fox", "--per-class", DATA_URL],
        ["--nothing" + DATA_URL],
        ["--license", DATA_URL],
    ):
        code = scrape.main(arguments)
        said = capsys.readouterr().err
        assert (code, "Traceback" in said) == (2, False), arguments
        assert len(said) < 2500, arguments[0]
    assert len(img2dataset_output(tmp_path)[0]) < 300
    assert len(FetchError(f"not a web address ({DATA_URL})").reason) < 300
    assert len(str(SearchError(DATA_URL, 3.0))) < 300
    with ScrapeProgress().shown() as bars:
        bars.say(DATA_URL)
    assert len(capsys.readouterr().err) < 300


FOLDERS = ["plain", "my data", "it's", 'say "x"', "a;b", "$HOME", "-rf", "日本 語", "a\\b", "x\ny"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_printed_command_is_one_that_a_shell_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = Path(name)
    summarize(ScrapeConfig(out), [], [], {})
    said = capsys.readouterr().out
    for part, words in (("Clean: (.*)\\. Train:", ["scrape.py", "review"]), ("Train: (.*)\n", ["train.py"])):
        found = re.search(part, said, re.DOTALL)
        assert found
        *start, given = shlex.split(found[1])
        assert start == ["python", *words]
        assert Path(given) == out
        assert not given.startswith("-")
    short = too_few(out, {"red fox": 1})
    assert Path(shlex.split(short[short.index("scrape.py") : short.index(", and give")])[-1]) == out
    assert shlex.quote(name) in _what_to_do(name, {"model.pkl"})


def test_no_command_is_printed_without_quotes() -> None:
    for path in [ROOT / "scrape.py", ROOT / "train.py", ROOT / "app.py", *(ROOT / "cartoons").rglob("*.py")]:
        assert not re.findall(r'f"[^"\n]*(?:python \w+\.py|--url_list)[^"\n]*\{.*', path.read_text("utf-8")), path


PROXIES = [
    ({}, {}, None),
    ({"http_proxy": "http://127.0.0.1:9"}, {"no_proxy": "localhost,127.0.0.1,::1"}, None),
    (
        {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "corp.example"},
        {"no_proxy": "corp.example,localhost,127.0.0.1,::1"},
        None,
    ),
    ({"https_proxy": "proxy:3128", "no_proxy": "*"}, {"no_proxy": "*,localhost,127.0.0.1,::1"}, None),
    ({"all_proxy": "socks5://127.0.0.1:9"}, {"all_proxy": "socks5://127.0.0.1:9"}, "all_proxy"),
    ({"ddgs_proxy": "socks5://127.0.0.1:9"}, {}, None),
    ({"DDGS_PROXY": "socks://127.0.0.1:9"}, {}, "DDGS_PROXY"),
    ({"http_proxy": "", "https_proxy": "", "all_proxy": "socks5://p:2"}, {"all_proxy": "socks5://p:2"}, "all_proxy"),
    (
        {"http_proxy": "http://[::1]:1", "HTTPS_PROXY": "http://user:pa%20ss@p:1"},
        {"no_proxy": "localhost,127.0.0.1,::1"},
        None,
    ),
    ({"ALL_PROXY": "socks://127.0.0.1:9"}, {}, "ALL_PROXY"),
    ({"http_proxy": "http://[bad"}, {}, "http_proxy"),
    ({"https_proxy": "http://host:port"}, {}, "https_proxy"),
    ({"https_proxy": "http://host:99999"}, {}, "https_proxy"),
    ({"https_proxy": "no sense at all"}, {}, "https_proxy"),
    ({"http_proxy": DATA_URL}, {}, "http_proxy"),
    (
        {"http_proxy": "http://p:1", "https_proxy": "http://p:1", "all_proxy": "socks5://p:2"},
        {"http_proxy": "http://p:1"},
        None,
    ),
]


@pytest.mark.parametrize(("environ", "then", "refused"), PROXIES)
def test_a_proxy_is_kept_from_loopback_and_refused_where_it_cannot_be_used(
    environ: dict[str, str], then: dict[str, str], refused: str | None
) -> None:
    proxies.prepare(environ)
    assert then.items() <= environ.items()
    said = ""
    try:
        proxies.check(environ)
    except Exception as error:
        said = str(error)
    assert (refused or "") in said
    assert bool(said) == bool(refused)
    assert len(said) < 500
    proxies.forget_unusable(environ)
    proxies.check(environ)


NO_PROXIES = [
    ("localhost, [::1]", "localhost,::1"),
    ("::1/128,fd00::/8,10.0.0.0/8", "10.0.0.0/8"),
    ("[::1,a:b,host:80,*.corp.example,.corp,h\u00e9,<local>,http://x", "::1,host:80,*.corp.example,.corp,<local>,http://x"),
    ("*", "*"),
    ("", ""),
]


@pytest.mark.parametrize(("hosts", "then"), NO_PROXIES)
def test_hosts_of_no_proxy_that_stop_every_client_are_left_out(
    hosts: str, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, hosts)
    proxies.prepare()
    httpx.Client().close()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == then


def test_the_clients_of_gradio_and_the_hub_reach_loopback_past_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("http_proxy", "http://127.0.0.1:9"), ("ALL_PROXY", "socks5://127.0.0.1:9")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    proxies.forget_unusable()
    proxies.prepare()
    with LoopbackWeb() as web:
        assert httpx.get(f"{web.proxy}/").status_code == 502  # its own answer: nobody else is at port 9
        with pytest.raises(urllib.request.HTTPError, match="502"):
            urllib.request.urlopen(f"http://localhost:{web.port}/")


@pytest.mark.parametrize("name", ["HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT"])
def test_a_time_limit_of_the_hub_that_is_no_number_is_named_before_the_work(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for value in ("x", "", "1.5"):
        monkeypatch.setenv(name, value)
        assert console.run("train.py", lambda: 0) == 2
        said = f"train.py: {name} is {value!r}, but must be a whole number: give one, or unset it.\n"
        assert capsys.readouterr().err == said


LAUNCH = [
    ({"GRADIO_SERVER_PORT": "abc"}, "GRADIO_SERVER_PORT is 'abc', but must be a whole number"),
    ({"GRADIO_SERVER_PORT": ""}, "GRADIO_SERVER_PORT is ''"),
    ({"GRADIO_SERVER_PORT": "99999"}, "from 1 to 65535"),
    ({"GRADIO_SERVER_PORT": "-1"}, "from 1 to 65535"),
    ({"GRADIO_SERVER_PORT": "0"}, "from 1 to 65535"),
    ({"GRADIO_SERVER_PORT": "{busy}"}, "cannot be listened on (Address already in use)"),
    ({"GRADIO_SERVER_NAME": "nowhere.invalid"}, "GRADIO_SERVER_NAME is 'nowhere.invalid'"),
    ({"GRADIO_SERVER_NAME": "x" * 300}, "GRADIO_SERVER_NAME is "),
    ({"GRADIO_TEMP_DIR": "/proc/x"}, "The folder /proc/x cannot be written"),
    ({"GRADIO_TEMP_DIR": "{file}"}, "cannot be written (File exists)"),
    ({"GRADIO_TEMP_DIR": "{file}/x"}, "cannot be written (Not a directory)"),
    ({"GRADIO_TEMP_DIR": "/" + "x" * 9000}, "cannot be written (File name too long)"),
    ({"GRADIO_NUM_PORTS": "many"}, "GRADIO_NUM_PORTS is 'many'"),
    ({"GRADIO_NUM_PORTS": "0"}, "GRADIO_NUM_PORTS is 0: give at least 1"),
    ({"GRADIO_NUM_PORTS": "-1"}, "GRADIO_NUM_PORTS is -1: give at least 1"),
    ({"GRADIO_DEFAULT_CONCURRENCY_LIMIT": "abc"}, "GRADIO_DEFAULT_CONCURRENCY_LIMIT is 'abc', but must be a whole number"),
    ({"GRADIO_DEFAULT_CONCURRENCY_LIMIT": "none", "GRADIO_SERVER_PORT": "{free}"}, ""),
    ({"GRADIO_SERVER_NAME": "é.."}, "GRADIO_SERVER_NAME is 'é..'"),
    ({"GRADIO_DEBUG": "true"}, "GRADIO_DEBUG is 'true'"),
    ({"HF_HUB_ETAG_TIMEOUT": "x"}, "HF_HUB_ETAG_TIMEOUT is 'x', but must be a whole number"),
    ({"HF_HUB_DOWNLOAD_TIMEOUT": ""}, "HF_HUB_DOWNLOAD_TIMEOUT is ''"),
    ({"GRADIO_ROOT_PATH": "nonsense"}, "GRADIO_ROOT_PATH is 'nonsense'"),
    ({"SSL_CERT_FILE": "/nowhere.pem"}, "SSL_CERT_FILE is /nowhere.pem"),
    ({"SSL_CERT_FILE": "{file}"}, "holds no certificates"),
    ({"SSLKEYLOGFILE": "{file}/log"}, "file/log, which cannot be written"),
    ({"TMPDIR": "/nonexistent", "GRADIO_SERVER_PORT": "{free}", "GRADIO_SERVER_NAME": "0.0.0.0"}, ""),
    ({"HTTP_PROXY": "http://127.0.0.1:9", "all_proxy": "socks://127.0.0.1:9", "GRADIO_ROOT_PATH": "/here"}, ""),
]


@pytest.mark.parametrize(("variables", "says"), LAUNCH)
def test_an_environment_in_which_no_page_starts_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    (tmp_path / "file").write_text("no certificate")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        values = {"busy": busy.getsockname()[1], "free": free_port(), "file": tmp_path / "file"}
        for name in ("no_proxy", "NO_PROXY", "SSL_CERT_FILE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in ({"GRADIO_TEMP_DIR": str(tmp_path / "uploads")} | variables).items():
            monkeypatch.setenv(name, value.format(**values))
        try:
            environment.prepare()
            said = ""
        except LaunchError as error:
            said = str(error)
    assert says in said
    assert bool(said) == bool(says)
    assert len(said) < 600


TERMINALS = [
    ({"TERM": "xterm"}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, True),
    ({"TERM": "xterm", "COLUMNS": "20"}, True),
    ({"TERM": "xterm", "COLUMNS": "nonsense"}, True),
    ({"TERM": "dumb"}, False),
    ({"TERM": "unknown", "FORCE_COLOR": "1"}, False),
]


@pytest.mark.parametrize(("env", "live"), TERMINALS)
def test_a_live_line_fits_and_is_only_where_it_can_be_rewritten(
    env: dict[str, str], live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(live_line, "REFRESHES_PER_S", 50)
        with progress.display(), progress.stage("fold 1 of 3"):
            time.sleep(0.2)
            print("printed meanwhile", file=sys.stderr)
        print("end", file=terminal, flush=True)
        shown = ""
        while not shown.endswith("end\r\n"):
            shown += os.read(reader, 9999).decode()
    os.close(reader)
    assert ("\x1b[2K" in shown) == live
    assert ("fold 1 of 3" in shown) == live
    assert "printed meanwhile\r\n" in shown
    assert "\x1b[?25l" not in shown  # the cursor is never hidden: a kill would leave it so
    if live and env.get("COLUMNS") != "nonsense":
        assert screen(shown) == ["printed meanwhile", "end"]


def test_no_bars_go_into_a_file(tmp_path: Path) -> None:
    code = (
        "from cartoons.scraping.progress import ScrapeProgress\n"
        "with ScrapeProgress().shown() as bars:\n    bars.expect('red fox', 9), bars.selected([]), bars.say('Look.')"
    )
    done = python("-c", code, folder=tmp_path, env={"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "TERM": "xterm"})
    assert done.stderr == b"Look.\n"


# The scripts themselves, each as a person runs it.


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of each label; the name of one is no text."""
    folder = tmp_path_factory.mktemp("pictures")
    for number, label in enumerate(LABELS):
        (folder / label).mkdir()
        for k in range(2):
            draw_shape("lines", 10 * number + k, 220).save(folder / label / f"{k}.png")
    (folder / LABELS[0] / "0.png").rename(folder / LABELS[0] / os.fsdecode(b"caf\xe9.png"))
    return folder


def kept(out: Path) -> list[str]:
    return [row["label"] for row in map(json.loads, (out / "metadata.jsonl").read_text("utf-8").splitlines())]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "code"),
    [
        (lambda: {"env": {"PYTHONIOENCODING": "cp1252"}}, 0),
        (lambda: {"env": {"PYTHONIOENCODING": "ascii:strict", "TERM": "dumb", "COLUMNS": "20", "TZ": ""}}, 0),
        (SINKS["closed pipe"][0], 0),
        (SINKS["all closed"][0], 0),
        (SINKS["full"][0], 2),
        (lambda: {"env": {"PYTHONWARNINGS": "error", "all_proxy": "socks5://127.0.0.1:9", "https_proxy": "no sense"}}, 0),
        (lambda: {"preexec_fn": lambda: (resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)), os.umask(0o077))}, 0),
    ],
)
def test_pictures_are_taken_whatever_the_console(
    tmp_path: Path, pictures: Path, setting: Callable[[], Setting], code: int
) -> None:
    out = tmp_path / "my data"
    done = python(ROOT / "scrape.py", "--from-folder", pictures, "--out", out, folder=tmp_path, **setting())
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in (done.stderr or b"")
    assert sorted(kept(out)) == sorted(LABELS * 2)
    assert not done.stdout or shlex.quote(str(out)).encode() in done.stdout
    assert python(ROOT / "scrape.py", "apply", out, folder=tmp_path, **setting()).returncode == code


@pytest.mark.slow
def test_names_that_the_system_cannot_write_get_a_sentence(tmp_path: Path, pictures: Path) -> None:
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    row = {"url": "https://a.example/1.jpg", "label": LABELS[1]}
    (tmp_path / "list.jsonl").write_text(json.dumps(row))
    for given in (["--from-folder", pictures], ["--from-urls", "list.jsonl", "--proxy", "http://127.0.0.1:9"], [LABELS[1]]):
        done = python(ROOT / "scrape.py", *given, "--out", "out", folder=tmp_path, env=env)
        assert done.returncode == 2, given
        assert b"set PYTHONUTF8=1" in done.stderr
        assert done.stderr.count(b"\n") == 1


@pytest.mark.slow
def test_too_few_open_files_are_refused_before_any_search(tmp_path: Path) -> None:
    few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))  # noqa: E731
    done = python(ROOT / "scrape.py", "red fox", "--out", "out", folder=tmp_path, preexec_fn=few)
    assert done.returncode == 2
    assert b"Only 64 files may be open at once" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("script", ["scrape.py", "train.py", "app.py", "cartoons"])
def test_help_fits_a_console_of_ascii_and_shows_three_commands(script: str, tmp_path: Path) -> None:
    start = ("-m", script) if script == "cartoons" else (ROOT / script,)
    for columns in (40, 80):
        env = {"PYTHONIOENCODING": "ascii", "COLUMNS": str(columns), "HTTPS_PROXY": "no sense", "PYTHONPATH": str(ROOT)}
        done = python(*start, "--help", folder=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(b"usage: ")
        assert not done.stderr
    lines = done.stdout.decode().splitlines()
    assert max(map(len, lines)) <= 80
    examples = lines[lines.index("examples:") + 1 :]
    assert ["python" in line for line in examples[:3]] == [True] * 3


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_order_to_end_is_like_ctrl_c(tmp_path: Path, number: int, code: int) -> None:
    with LoopbackWeb({"duckduckgo.com": DuckDuckGoSite(lambda _: [], fault="stall")}) as web:
        words = ["red fox", "--out", str(tmp_path / "data"), "--ca", web.ca]
        env = os.environ | {"ALL_PROXY": web.proxy}
        command = [sys.executable, str(ROOT / "scrape.py"), *words]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env) as process:
            while not web.requests:  # through the proxy that all_proxy names
                time.sleep(0.05)
            process.send_signal(number)
            said = process.communicate(timeout=9)[1]
    assert process.returncode == code
    assert said.strip() == "Stopped. The same command goes on from here."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({"https_proxy": "socks5://127.0.0.1:9"}, "https_proxy names a proxy that cannot be used ('socks5://127.0.0.1:9')"),
        ({"all_proxy": "socks://127.0.0.1:9"}, "all_proxy names a proxy that cannot be used ('socks://127.0.0.1:9')"),
        ({"DDGS_PROXY": "no sense"}, "DDGS_PROXY names a proxy that cannot be used ('no sense')"),
        ({"https_proxy": "nonsense"}, "The proxy 'http://nonsense' is none"),
    ],
)
def test_a_search_through_a_bad_proxy_is_refused(tmp_path: Path, env: dict[str, str], says: str) -> None:
    clean = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"), "")
    done = python(ROOT / "scrape.py", "red fox", "--dry-run", "--out", "out", folder=tmp_path, env=clean | env)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


@pytest.mark.slow
def test_the_review_page_starts_past_any_proxy_and_ends_when_told(tmp_path: Path, pictures: Path) -> None:
    port = free_port()
    env = {"http_proxy": "http://127.0.0.1:9", "all_proxy": "socks5://127.0.0.1:9", "GRADIO_SERVER_PORT": str(port)}
    env |= {"HOME": "/nonexistent", "PYTHONIOENCODING": "ascii", "NO_PROXY": "corp.example"}
    command = [sys.executable, "-W", "ignore", str(ROOT / "scrape.py"), "review", str(pictures)]
    with subprocess.Popen(command, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert f"http://127.0.0.1:{port}/".encode() in process.stdout.readline()
        done = python(*command[3:], folder=tmp_path, env=env)  # the same port again
        process.send_signal(signal.SIGTERM)
        assert b"Traceback" not in process.communicate(timeout=20)[1]
    assert process.returncode == 0
    assert done.returncode == 2
    assert b"Address already in use" in done.stderr
    assert done.stderr.count(b"\n") == 1
