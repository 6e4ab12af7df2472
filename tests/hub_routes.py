"""What the loopback Hub answers to whom: the protocol of the real one, as far as this project's client goes."""

import base64
import json
import re
import time
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from hub_repos import ACCOUNTS, PAY, Account, Commit, Refusal, Repo, entry, is_lfs, oid, sha256

REPO = re.compile(r"/api/(?P<kind>model|dataset|space)s/(?P<name>[^/]+/[^/]+)(/(?P<verb>[\w-]+)(/(?P<revision>[^/]+))?)?")
RESOLVE = re.compile(r"/(?:(?P<kind>dataset|space)s/)?(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
LFS = re.compile(r"/(?:(?P<kind>dataset|space)s/)?(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch")


class Handler(BaseHTTPRequestHandler):
    """One connection. Answers are dictionaries or lists (JSON), or were sent already (None)."""

    hub: Any  # the Hub of hub_server.py, which sets it
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do(self) -> None:
        hub, self.path = self.hub, unquote(self.path.partition("?")[0])
        hub.asked.append(f"{self.command} {self.path}")
        self.fault = hub.fault(f"{self.command} {self.path}")
        length = int(self.headers.get("Content-Length") or 0)
        if length and self.fault and self.fault.cut:
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        self.body = self.rfile.read(length)
        if self.fault and self.fault.silent_s:
            time.sleep(self.fault.silent_s)
        status = hub.status if hub.status != 200 else self.fault.status if self.fault else 0
        try:
            if status:
                raise Refusal(status, "as told")
            with nullcontext() if self.command in ("GET", "HEAD") else hub.lock:
                answer = self.answer()
            if answer is not None:
                self.send(200, json.dumps(answer).encode())
        except Refusal as refusal:
            wait = {"Retry-After": str(self.fault.retry_after_s)} if self.fault and self.fault.retry_after_s else {}
            self.send(refusal.status, json.dumps(refusal.body).encode(), refusal.headers | wait)

    do_HEAD = do_GET = do_POST = do_PUT = do_DELETE = do  # noqa: N815  # the server's own names

    def answer(self) -> Any:
        path = self.path
        if path == "/api/whoami-v2":
            me = self.account()
            return {"type": "user", "name": me.name, "isPro": me.is_pro, "orgs": [], "auth": {"type": "access_token"}}
        if path == "/api/repos/create":
            return self.create(json.loads(self.body))
        if path == "/api/validate-yaml":
            return {"errors": [], "warnings": []}
        if path.startswith("/lfs/"):
            return self.lfs_object(path.split("/")[2])
        if found := LFS.fullmatch(path):
            self.writable(found["kind"] or "model", found["name"])
            return self.lfs_batch(json.loads(self.body)["objects"])
        if found := RESOLVE.fullmatch(path):
            repo = self.readable(found["kind"] or "model", found["name"])
            return self.resolve(self.commit(repo, found["revision"]), found["path"])
        if found := REPO.match(path):
            return self.of_repo(found["kind"], found["name"], found["verb"] or "revision", found["revision"] or "main")
        raise Refusal(404, f"no such page: {path}")

    def of_repo(self, kind: str, name: str, verb: str, revision: str) -> Any:
        if self.command == "GET" and verb in ("revision", "tree", "refs", "runtime"):
            repo = self.readable(kind, name)
            commit = self.commit(repo, revision)
            return {
                "revision": lambda: repo.facts(commit, self.hub.sizes),
                "tree": lambda: [entry(*each) for each in commit.files.items()],
                "refs": lambda: self.refs(repo),
                "runtime": lambda: repo.runtime(self.hub.run),
            }[verb]()
        repo = self.writable(kind, name)
        given = json.loads(self.body) if self.body and verb != "commit" else {}
        match verb:
            case "preupload":
                return {"files": [self.preupload(repo, file) for file in given["files"]]}
            case "commit":
                return self.take(repo, [json.loads(line) for line in self.body.splitlines()])
            case "tag":
                if given["tag"] in repo.tags:
                    raise Refusal(409, "Tag reference exists already")
                repo.tags[given["tag"]] = self.commit(repo, revision).sha
                return {}
            case "variables":
                if self.command == "POST":
                    repo.variables[given["key"]] = given["value"]
                elif self.command == "DELETE":
                    repo.variables.pop(given["key"], None)
                return {key: {"value": value} for key, value in repo.variables.items()}
            case "restart":
                repo.stages = list(self.hub.stages)
                return repo.runtime(None)
            case "logs":
                return self.send_events(self.hub.build_log)
        raise Refusal(404, f"no such page: {self.path}")

    def account(self) -> Account:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in ACCOUNTS:
            raise Refusal(401, "Invalid credentials in Authorization header" if token else "Invalid username or password.")
        return ACCOUNTS[token]

    def readable(self, kind: str, name: str) -> Repo:
        repo: Repo | None = self.hub.repos.get((kind, name))
        if repo is None or (repo.private and self.account().name != repo.owner):
            raise Refusal(404 if "Authorization" in self.headers else 401, "Repository not found", "RepoNotFound")
        return repo

    def writable(self, kind: str, name: str) -> Repo:
        me, repo = self.account(), self.readable(kind, name)
        if me.name != repo.owner or not me.may_write:
            raise Refusal(403, "You don't have the rights to create this repository or commit to it")
        return repo

    def commit(self, repo: Repo, revision: str) -> Commit:
        found = repo.at(revision)
        if found is None:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return found

    def create(self, given: dict[str, Any]) -> Any:
        me, kind = self.account(), given.get("type", "model")
        name = f"{given.get('organization') or me.name}/{given['name']}"
        if name.partition("/")[0] != me.name or not me.may_write:
            raise Refusal(403, f'You don\'t have the rights to create a {kind} under the namespace "{name.split("/")[0]}"')
        url = f"{self.hub.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        if (kind, name) in self.hub.repos:
            raise Refusal(409, f"You already created this {kind} repo: {name}", url=url)
        hardware = given.get("hardware", "cpu-basic") if kind == "space" else None
        if hardware == "cpu-basic" and not me.is_pro:
            raise Refusal(402, PAY)
        variables = {row["key"]: row["value"] for row in given.get("variables") or []}
        private = given.get("visibility") == "private"
        self.hub.add(kind, name, private=private, hardware=hardware, variables=variables)
        return {"url": url, "name": name}

    def refs(self, repo: Repo) -> Any:
        def row(place: str, name: str, sha: str) -> dict[str, str]:
            return {"name": name, "ref": f"refs/{place}/{name}", "targetCommit": sha}

        tags = [row("tags", *tag) for tag in repo.tags.items()]
        return {"branches": [row("heads", "main", repo.head.sha)], "tags": tags, "converts": []}

    def preupload(self, repo: Repo, file: dict[str, Any]) -> dict[str, Any]:
        name, sample = file["path"], base64.b64decode(file["sample"])
        lfs, there = is_lfs(name, sample), repo.head.files.get(name)
        there_oid = None if there is None else sha256(there) if is_lfs(name, there) else oid(there)
        return {"path": name, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False, "oid": there_oid}

    def lfs_batch(self, objects: list[dict[str, Any]]) -> Any:
        def actions(name: str) -> dict[str, Any]:
            url = f"{self.hub.url}/lfs/{name}"
            return (
                {}
                if name in self.hub.objects
                else {"actions": {"upload": {"href": url}, "verify": {"href": f"{url}/verify"}}}
            )

        return {"transfer": "basic", "objects": [row | actions(row["oid"]) for row in objects]}

    def lfs_object(self, name: str) -> Any:
        if self.command == "PUT":
            if sha256(self.body) != name:
                raise Refusal(400, "the content does not match its oid")
            self.hub.objects[name] = self.body
        elif name not in self.hub.objects:
            raise Refusal(404, "no such object")
        return {}

    def take(self, repo: Repo, lines: list[dict[str, Any]]) -> Any:
        add, delete, title = {}, [], ""
        for value, key in ((line["value"], line["key"]) for line in lines):
            if key == "header":
                title = value["summary"]
            elif key == "file":
                add[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile" and value["oid"] in self.hub.objects:
                add[value["path"]] = self.hub.objects[value["oid"]]
            elif key == "deletedFile" and value["path"] in repo.head.files:
                delete.append(value["path"])
            else:
                raise Refusal(400, f"cannot commit {key} {value}")
        if unfit := [name for name, data in add.items() if not is_lfs(name, data) and b"\0" in data]:
            raise Refusal(400, f"Your push was rejected because it contains binary files: {unfit}")
        made = repo.commit(add, tuple(delete), title)
        repo.stages = list(self.hub.stages)
        return {"commitUrl": f"{self.hub.url}/{repo.name}/commit/{made.sha}", "commitOid": made.sha}

    def resolve(self, commit: Commit, name: str) -> None:
        headers = {"X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        if name not in commit.files:
            refusal = Refusal(404, "Entry not found", "EntryNotFound")
            refusal.headers |= headers
            raise refusal
        data = commit.files[name]
        headers["ETag"] = f'"{oid(data)}"'
        if is_lfs(name, data):
            headers |= {"X-Linked-Etag": f'"{sha256(data)}"', "X-Linked-Size": str(len(data))}
        if self.fault and self.fault.corrupt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if asked and int(asked[1]):
            headers["Content-Range"] = f"bytes {asked[1]}-{len(data) - 1}/{len(data)}"
            return self.send(206, data[int(asked[1]) :], headers, is_file=True)
        return self.send(200, data, headers, is_file=True)

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None, is_file: bool = False) -> None:
        """An answer; a file's may drip, or be cut short."""
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if is_file and self.fault and self.fault.cut:
            data = data[: len(data) // 2]
            self.close_connection = True
        try:
            piece, wait_s = (1, self.fault.drip_s) if self.fault and self.fault.drip_s else (4096, self.hub.drip_s * is_file)
            for start in range(0, len(data), piece):
                time.sleep(wait_s)
                self.wfile.write(data[start : start + piece])
                self.wfile.flush()
        except OSError:
            pass  # the client gave up

    def send_events(self, lines: tuple[str, ...]) -> None:
        """Lines as server-sent events, then the end."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.close_connection = True
        for line in lines:
            event = {"data": line, "timestamp": "2026-01-02T03:04:05.000Z"}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
