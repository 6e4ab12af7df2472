"""What a loopback Hugging Face Hub holds: accounts, repositories with their commits and tags, Spaces, and faults to come."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("model", "dataset", "space")
LFS_ENDINGS = (".onnx", ".pkl", ".safetensors", ".png", ".jpg", ".bin")
TIME = "2026-01-02T03:04:05.000Z"

Files = Mapping[str, bytes]
Run = Callable[[Files, Mapping[str, str]], str]
"""A Space's files and variables to the URL where its page answers."""


def oid(data: bytes) -> str:
    """git's name for a blob, as the Hub's ETag of a small file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_lfs(name: str, data: bytes) -> bool:
    return bool(data) and (name.endswith(LFS_ENDINGS) or b"\0" in data[:512])


def entry(name: str, data: bytes) -> dict[str, Any]:
    """A file as listings show it."""
    row: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": oid(data)}
    return row | ({"lfs": {"oid": sha256(data), "size": len(data), "pointerSize": 130}} if is_lfs(name, data) else {})


@dataclass(frozen=True)
class Account:
    """Whom a token belongs to."""

    name: str
    is_pro: bool = False
    may_write: bool = True


ACCOUNTS = {
    "hf_free": Account("toon"),
    "hf_pro": Account("toon", is_pro=True),
    "hf_other": Account("other"),
    "hf_read": Account("toon", may_write=False),
}
PAY = (
    "Static Spaces are free for everyone, but hosting Gradio and Docker Spaces on free cpu-basic requires a PRO "
    "subscription. Subscribe at https://huggingface.co/pro"
)


@dataclass
class Fault:
    """What goes wrong at requests ("METHOD /path") that a pattern is found in, and how often."""

    pattern: str
    times: int
    status: int = 0
    retry_after_s: int | None = None
    cut: bool = False
    """Close the connection in the middle of what is sent or received."""
    corrupt: bool = False
    """Send other bytes than the file's."""
    silent_s: float = 0.0
    """Say nothing for so long, then answer."""
    drip_s: float = 0.0
    """Wait this long before each byte of the answer."""


class Refusal(Exception):  # noqa: N818  # an answer rather than an error
    """An answer that is an error, with the code that the client reads."""

    def __init__(self, status: int, message: str, code: str = "", **body: str) -> None:
        super().__init__(message)
        self.body = {"error": message} | body
        self.status, self.headers = status, {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})


@dataclass(frozen=True)
class Commit:
    sha: str
    files: Files
    title: str = ""


@dataclass
class Repo:
    """A repository; its commits are all kept, newest last."""

    kind: str
    name: str
    private: bool = False
    commits: list[Commit] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    hardware: str | None = None
    stages: list[str] = field(default_factory=list)
    """What the next questions for the runtime will be answered; the last one stays."""
    host: str | None = None
    ran: str = ""
    """The commit whose page is up."""

    def __post_init__(self) -> None:
        self.commit({".gitattributes": b"*.onnx filter=lfs diff=lfs merge=lfs -text\n"}, title="initial commit")

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    @property
    def files(self) -> dict[str, bytes]:
        """The newest files but .gitattributes, which the Hub itself wrote."""
        return {name: data for name, data in self.head.files.items() if name != ".gitattributes"}

    def at(self, revision: str) -> Commit | None:
        sha = self.head.sha if revision == "main" else self.tags.get(revision, revision)
        return next((commit for commit in self.commits if commit.sha == sha), None)

    def commit(self, add: Files, delete: tuple[str, ...] = (), title: str = "", sha: str = "") -> Commit:
        before = dict(self.head.files) if self.commits else {}
        files = {name: data for name, data in before.items() if name not in delete} | dict(add)
        made = sha or hashlib.sha1(f"{self.kind} {self.name} {len(self.commits)}".encode()).hexdigest()
        self.commits.append(Commit(made, files, title))
        return self.head

    def facts(self, commit: Commit, sizes: Mapping[str, int] | None = None) -> dict[str, Any]:
        """What GET /api/models/NAME and its like answer; sizes: instead of the files' own."""
        listed = {name: len(data) for name, data in commit.files.items()} | dict(sizes or {})
        siblings = [{"rfilename": name, "size": size} for name, size in listed.items()]
        facts = {"id": self.name, "sha": commit.sha, "siblings": siblings, "private": self.private, "tags": []}
        facts |= {"author": self.owner, "likes": 0, "downloads": 0, "lastModified": TIME, "createdAt": TIME}
        if self.kind == "space":
            facts |= {"sdk": "gradio", "subdomain": self.name.replace("/", "-"), "host": self.host}
        return facts

    def runtime(self, run: Run | None) -> dict[str, Any]:
        """The next stage; a Space's page starts when that is RUNNING."""
        stage = self.stages.pop(0) if len(self.stages) > 1 else self.stages[0] if self.stages else "NO_APP_FILE"
        if stage == "RUNNING" and run and self.ran != self.head.sha + str(self.variables):
            self.host = run(self.head.files, self.variables)
            self.ran = self.head.sha + str(self.variables)
        hardware = {"current": self.hardware, "requested": self.hardware}
        return {"stage": stage, "hardware": hardware, "gcTimeout": None, "sha": self.head.sha}
