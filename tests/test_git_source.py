"""git repositories as sources: real ones, over files, over HTTP with a password, over a stand-in for ssh."""

import base64
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from source_conformance import TEXTS, SourceConformance, listed

import qianxun
from qianxun.errors import InputError, SourceError
from qianxun.protocols import Source
from qianxun.settings import Settings, with_overrides
from qianxun.sources import git_repository
from qianxun.sources.git import GitSource, open_source

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

ENVIRONMENT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"], "LC_ALL": "C"}


class Repo:
    """A repository to change, and its source."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main", ".")

    def git(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        who = ("-c", "user.name=测试", "-c", "user.email=test@example.invalid", "-c", "protocol.file.allow=always")
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.folder,
            env={**ENVIRONMENT, **(environment or {})},
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    @property
    def address(self) -> str:
        return f"git+file://{self.folder}"

    def source(self, behind: str = "") -> GitSource:
        return open_source(self.address + behind, self.settings)

    def put(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.commit()

    def delete(self, name: str) -> None:
        (self.folder / name).unlink()
        self.commit()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "改动")
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every source of a test is closed at its end, so that no connection outlives it."""
    made: list[GitSource] = []
    begin = GitSource.__init__

    def noted(source: GitSource, *given: Any, **named: Any) -> None:
        begin(source, *given, **named)
        made.append(source)

    monkeypatch.setattr(GitSource, "__init__", noted)
    yield
    for source in made:
        source.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("NETRC", str(tmp_path / "no netrc"))
    home = f"home={tmp_path / 'home'}"
    return with_overrides(Settings(), [home, "sources.retries=0", "sources.connect_seconds=5"])


@pytest.fixture
def repo(tmp_path: Path, settings: Settings) -> Repo:
    return Repo(tmp_path / "仓库 repo", settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "opened"
    path.mkdir()
    return path


def left(settings: Settings) -> list[Path]:
    return [*(Path(settings.home) / "sources").glob("*")]


class TestOverFiles(SourceConformance):
    @pytest.fixture
    def place(self, repo: Repo) -> Repo:
        return repo


class TestOverFilesFiltered(SourceConformance):
    """The same where the other side can leave out contents until they are asked for."""

    @pytest.fixture
    def place(self, repo: Repo) -> Repo:
        repo.git("config", "uploadpack.allowFilter", "true")
        return repo


def names(source: Source) -> set[str]:
    return {uri.partition("#")[2] for uri in listed(source)}


def test_a_branch_a_tag_and_a_commit_are_what_they_were(repo: Repo) -> None:
    repo.put("年假.txt", "五天".encode())
    first = repo.commit()
    repo.git("tag", "-a", "v1.0", "-m", "一")
    repo.git("checkout", "--quiet", "-b", "feature/新")
    repo.put("加班.txt", "加班須事先申請。".encode())
    repo.git("checkout", "--quiet", "main")
    assert names(repo.source("@feature/新")) == {"年假.txt", "加班.txt"}
    assert names(repo.source("@feature/%E6%96%B0")) == {"年假.txt", "加班.txt"}
    assert names(repo.source("@v1.0")) == names(repo.source(f"@{first}")) == names(repo.source()) == {"年假.txt"}
    assert set(listed(repo.source("@v1.0"))) == {f"{repo.address}@v1.0#年假.txt"}


def test_a_folder_is_a_part_with_the_same_names(repo: Repo, folder: Path) -> None:
    for name in ("文档/a.md", "文档/深/b.md", "文档2/c.md", "d.md"):
        repo.put(name, f"# {name}\n".encode())
    source = repo.source("#文档")
    assert set(listed(source)) == {f"{repo.address}#文档/a.md", f"{repo.address}#文档/深/b.md"}
    assert source.address == f"{repo.address}#文档"
    assert source.holds(f"{repo.address}#文档/x.md")
    assert {source.open(uri, folder).stem for uri in listed(source)} == {"a", "b"}
    assert repo.source().open(f"{repo.address}#d.md", folder).stem == "d"
    assert not source.holds(f"{repo.address}#文档2/c.md")
    assert set(listed(repo.source("#文档/a.md"))) == {f"{repo.address}#文档/a.md"}
    with pytest.raises(SourceError, match=r"there is no folder or file 没有 in commit [0-9a-f]{12}\. Check"):
        list(repo.source("#没有").list())
    source.close()


def test_what_the_settings_leave_out_is_not_listed_and_not_held(repo: Repo) -> None:
    for name in (".github/a.md", "node_modules/b.md", "c.md", "d.txt", "~$锁.docx"):
        repo.put(name, name.encode())
    assert names(repo.source()) == {"c.md", "d.txt"}
    repo.settings = with_overrides(repo.settings, ["reading.include=*.md"])
    source = repo.source()
    assert names(source) == {"c.md"}
    # What is left out later stays until it is removed: it is none of this source's business.
    assert not source.holds(f"{repo.address}#d.txt")


def test_links_and_submodules_are_no_documents(repo: Repo, tmp_path: Path, settings: Settings) -> None:
    other = Repo(tmp_path / "other", settings)
    other.put("inner.md", b"inner")
    repo.put("真.md", "真".encode())
    (repo.folder / "link.md").symlink_to("/etc/hosts")
    (repo.folder / "up.md").symlink_to("../../outside.md")
    repo.git("submodule", "--quiet", "add", str(other.folder), "sub")
    repo.commit()
    assert names(repo.source()) == {"真.md"}


def test_a_pointer_to_large_storage_is_not_the_file(repo: Repo, folder: Path) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    repo.put("大文件.pdf", pointer.encode())
    source = repo.source()
    (uri,) = listed(source)
    with pytest.raises(
        SourceError, match=r"大文件\.pdf is kept in Git LFS: the repository holds only a pointer to it\."
    ):
        source.open(uri, folder)
    assert list(folder.iterdir()) == []
    source.close()


def test_nothing_of_a_hostile_repository_runs(repo: Repo, folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "was run"
    script = f"#!/bin/sh\ntouch '{mark}'\ncat\n"
    for hook in ("post-checkout", "post-merge", "pre-commit", "reference-transaction"):
        repo.put(f"hooks/{hook}", script.encode())
        (repo.folder / "hooks" / hook).chmod(0o755)
    repo.put(".gitattributes", b"* filter=evil diff=evil\n")
    repo.put(".gitmodules", f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {mark}"\n'.encode())
    repo.put("--upload-pack=touch x.md", b"a name like an option")
    repo.put("-rf.md", b"another")
    source = repo.source()
    read = {uri.partition("#")[2]: source.open(uri, folder).read() for uri in listed(source)}
    assert read["--upload-pack=touch x.md"] == b"a name like an option"
    assert read["-rf.md"] == b"another"
    assert not mark.exists()
    source.close()


@pytest.mark.parametrize(
    "address",
    [
        "git+file:///x@--upload-pack=touch",
        "git+file:///x@a..b",
        "git+file:///x@",
        "git+file:///x@a b",
        "git+file:///x#../y",
        "git+file://host/x",
        "git+file://",
        "git+https://-oProxyCommand=x/y.git",
        "git+ssh://-oProxyCommand=x/y.git",
        "git+https://host",
        "git+https://host:port/x.git",
        "git+https:///x.git",
    ],
)
def test_what_is_no_address_is_refused(address: str, settings: Settings) -> None:
    with pytest.raises(InputError, match=r"is not the address of a (repository|source)") as caught:
        open_source(address, settings)
    assert "\n" not in str(caught.value)


def test_a_password_in_an_address_is_refused_and_not_shown(settings: Settings) -> None:
    with pytest.raises(InputError, match="with a password in it") as caught:
        open_source("git+https://me:s3cret@host/r.git", settings)
    assert "s3cret" not in repr(caught.value)
    assert "git+https://me@host/r.git" in str(caught.value)


def test_no_repository_and_no_branch_are_one_line_each(repo: Repo, tmp_path: Path) -> None:
    repo.put("a.md", b"a")
    with pytest.raises(SourceError, match=r"there is no branch or tag '没有'\. Check its spelling"):
        list(repo.source("@没有").list())
    with pytest.raises(SourceError, match=r"^There is no repository at git\+file://.*nowhere, or") as caught:
        list(open_source(f"git+file://{tmp_path}/nowhere", repo.settings).list())
    assert "\n" not in str(caught.value)
    with pytest.raises(SourceError, match=r"cannot be read by git|There is no repository"):
        list(repo.source(f"@{'0' * 40}").list())


def test_a_repository_whose_default_branch_is_not_there_is_not_empty(repo: Repo) -> None:
    repo.put("a.md", b"a")
    repo.git("symbolic-ref", "HEAD", "refs/heads/没有")
    with pytest.raises(SourceError, match=r"has no branch that goes without saying\. Name one .* it has: main\."):
        list(repo.source().list())


def test_git_missing_or_too_old_is_one_line(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(SourceError, match=r"git is not installed\. Install it"):
        repo.source()
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.17.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(SourceError, match=r"is too old: git version 2\.17\.1\. Install git 2\.31"):
        repo.source()


def test_what_does_not_end_is_ended(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text('#!/bin/sh\n[ "$1" = --version ] && echo git version 2.39.5 || sleep 600\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    repo.settings = with_overrides(repo.settings, ["sources.fetch_seconds=0.2"])
    with pytest.raises(SourceError, match=r"was not there after 0\.2 s\. Set sources\.fetch_seconds higher"):
        list(repo.source().list())


def test_the_same_commit_is_not_fetched_again(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.put("a.md", b"a")
    source = repo.source()
    before = listed(source)
    fetched = []
    monkeypatch.setattr(source._repository, "files_of", lambda *given: fetched.append(given))
    assert listed(source) == before
    assert fetched == []
    source.close()


def test_contents_are_fetched_when_opened_and_ever_more_ahead(
    repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    for i in range(40):
        (repo.folder / f"{i:02}.txt").write_text(f"第{i}号文件 number {i}\n", encoding="utf-8")
        (repo.folder / f"{i:02}.bin").write_bytes(bytes([i]))  # of no kind that is read
    repo.commit()
    source = repo.source()
    uris = sorted(uri for uri in listed(source) if uri.endswith(".txt"))
    assert source._repository._here == set(), "listing fetched contents"
    asked: list[int] = []
    fetch = source._repository.fetch
    monkeypatch.setattr(source._repository, "fetch", lambda blobs: (asked.append(len(blobs)), fetch(blobs)))
    for i, uri in enumerate(uris):
        assert source.open(uri, folder).read().decode() == f"第{i}号文件 number {i}\n"
    assert asked == [1, 4, 16, 19]
    asked.clear()
    again = repo.source()
    list(again.list())
    monkeypatch.setattr(again._repository, "fetch", lambda blobs: (asked.append(len(blobs)), fetch(blobs)))
    monkeypatch.setattr(again._repository, "pieces", lambda blob: iter([b""]))
    for i in (30, 7, 22):
        again.open(uris[i], folder)
    assert asked == [1, 1, 1], "what is opened here and there is fetched one by one"
    source.close()
    again.close()


def test_nothing_is_left_behind(repo: Repo, folder: Path) -> None:
    repo.put("机密.txt", b"canary-4711")
    source = repo.source()
    for uri in listed(source):
        source.open(uri, folder)
    assert left(repo.settings)
    source.close()
    assert left(repo.settings) == []


def test_what_a_killed_process_left_is_removed_by_the_next(repo: Repo) -> None:
    repo.put("a.md", b"a")
    dead = Path(repo.settings.home) / "sources" / "git-0123"
    (dead / "objects").mkdir(parents=True)
    (dead / "objects" / "pack").write_bytes(b"canary")
    (dead.parent / "git-4567.lock").touch()
    living = repo.source()
    list(living.list())
    other = repo.source()
    list(other.list())
    assert not dead.exists()
    assert len([path for path in left(repo.settings) if path.is_dir()]) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in left(repo.settings) if path.is_dir())
    living.close()
    other.close()
    assert left(repo.settings) == []


def test_a_file_that_is_too_large_is_named(repo: Repo, folder: Path) -> None:
    repo.put("大.txt", b"x" * (1 << 20) + b"y")
    repo.settings = with_overrides(repo.settings, ["reading.max_file_mb=1"])
    source = repo.source()
    (uri,) = listed(source)
    with pytest.raises(SourceError, match=r"大\.txt is more than 1 MB; .* Raise reading\.max_file_mb"):
        source.open(uri, folder)
    assert list(folder.iterdir()) == []
    source.close()


def test_names_that_are_no_text_are_read(repo: Repo, folder: Path) -> None:
    blob = repo.git("hash-object", "-w", "--stdin", stdin="内容".encode())
    lines = [b"100644 blob %s\t%s" % (blob.encode(), name) for name in ("报告.txt".encode("gbk"), b"a\nb.txt")]
    tree = repo.git("mktree", "-z", stdin=b"\0".join(lines) + b"\0")
    repo.git("update-ref", "refs/heads/main", repo.git("commit-tree", tree, "-m", "odd"))
    source = repo.source()
    found = {uri.partition("#")[2]: source.open(uri, folder).read() for uri in listed(source)}
    assert found == {r"\xb1\xa8\xb8\xe6.txt": "内容".encode(), r"a\nb.txt": "内容".encode()}
    source.close()


class Handler(BaseHTTPRequestHandler):
    """git's own server for HTTP, behind a password."""

    root: Path
    token = base64.b64encode("张三:p@ss:字".encode()).decode()
    onward = ""
    seen: ClassVar[list[str]]

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self) -> None:
        self.seen.append(self.headers.get("Authorization", ""))
        if self.onward:
            self.send_response(301)
            self.send_header("Location", self.onward + self.path)
            self.end_headers()
            return
        if self.headers.get("Authorization") != f"Basic {self.token}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        environment = {
            **ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "x",
        }
        done = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n")]
        status = next((int(value.split()[0]) for name, _, value in lines if name == "Status"), 200)
        self.send_response(status)
        for name, _, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, type[Handler]]]:
    class Mine(Handler):
        root = tmp_path
        seen: ClassVar[list[str]] = []

    http = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield http.server_address[1], Mine
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def served(tmp_path: Path, settings: Settings) -> Repo:
    repo = Repo(tmp_path / "served", settings)
    repo.git("config", "uploadpack.allowFilter", "true")
    for name, data in TEXTS.items():
        repo.put(name, data)
    return repo


def test_over_http_with_the_password_of_the_environment(
    served: Repo, server: tuple[int, type[Handler]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", "p@ss:字")
    source = open_source(f"git+http://张三@127.0.0.1:{server[0]}/served/.git", served.settings)
    found = {uri.partition("#")[2]: source.open(uri, folder).read() for uri in listed(source)}
    assert found == TEXTS
    assert source.address == f"git+http://张三@127.0.0.1:{server[0]}/served/.git"
    kept = b"".join(path.read_bytes() for path in Path(served.settings.home).rglob("*") if path.is_file())
    assert b"p@ss" not in kept
    assert Handler.token.encode() not in kept
    source.close()


def test_over_http_with_the_password_of_netrc(
    served: Repo, server: tuple[int, type[Handler]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text('machine 127.0.0.1 login 张三 password "p@ss:字"\n', encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    source = open_source(f"git+http://127.0.0.1:{server[0]}/served/.git", served.settings)
    assert len(listed(source)) == len(TEXTS)
    source.close()


@pytest.mark.parametrize("password", ["", "wrong 密碼"])
def test_a_wrong_password_is_one_line_without_it(
    password: str, served: Repo, server: tuple[int, type[Handler]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", password)
    source = open_source(f"git+http://张三@127.0.0.1:{server[0]}/served/.git", served.settings)
    with pytest.raises(
        SourceError, match=r"refuses: .*password or token into ~/\.netrc or QIANXUN_SOURCE_PASS"
    ) as caught:
        list(source.list())
    assert "wrong" not in repr(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_goes_nowhere_else(
    served: Repo, server: tuple[int, type[Handler]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QIANXUN_SOURCE_PASSWORD", "p@ss:字")
    server[1].onward = f"http://localhost:{server[0]}"
    source = open_source(f"git+http://张三@127.0.0.1:{server[0]}/served/.git", served.settings)
    with pytest.raises(SourceError, match="sends on to another address"):
        list(source.list())
    assert len(server[1].seen) == 1, "the redirect was followed"


def test_a_server_that_is_not_there_is_one_line(settings: Settings, free_port: int) -> None:
    source = open_source(f"git+http://127.0.0.1:{free_port}/r.git", settings)
    with pytest.raises(SourceError, match=r"cannot be reached: .*\. Check the address and the network") as caught:
        list(source.list())
    assert "\n" not in str(caught.value)


def test_no_connection_is_tried_again(settings: Settings, free_port: int) -> None:
    waited: list[float] = []
    settings = with_overrides(settings, ["sources.retries=2"])
    source = GitSource(f"git+http://127.0.0.1:{free_port}/r.git", settings, wait=waited.append)
    with pytest.raises(SourceError, match="cannot be reached"):
        list(source.list())
    assert len(waited) == 2
    assert 0 < waited[0] <= 0.5 <= waited[1] <= 1


def test_after_a_fetch_that_failed_the_next_begins_anew(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.put("a.md", "一".encode())
    source = repo.source()
    assert names(source) == {"a.md"}
    repo.put("b.md", "二".encode())
    with monkeypatch.context() as broken:
        broken.setattr(source._repository, "_fetched", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            list(source.list())
    assert names(source) == {"a.md", "b.md"}


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def test_over_ssh(served: Repo, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ssh program is a stand-in that notes how it is called and runs the command here."""
    stand_in = tmp_path / "ssh"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/called"\nfor last; do :; done\nexec sh -c "$last"\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(stand_in))
    source = open_source(f"git+ssh://git@host.invalid:2222{served.folder}@main", served.settings)
    found = {uri.partition("#")[2]: source.open(uri, folder).read() for uri in listed(source)}
    assert found == TEXTS
    called = (tmp_path / "called").read_text()
    assert "-p 2222 git@host.invalid git-upload-pack" in called
    source.close()


def test_the_environment_of_the_caller_is_not_gits(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.put("a.md", b"a")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.bare'='maybe'")
    source = repo.source()
    assert names(source) == {"a.md"}
    source.close()
    assert not (tmp_path / "trace").exists()


def test_reasons_are_what_git_says_last() -> None:
    said = "warning: x\nremote: Repository unavailable.\n"
    said += "fatal: unable to access 'u': The requested URL returned error: 500\n"
    assert git_repository._reason(said) == "unable to access 'u': The requested URL returned error: 500"
    assert git_repository._reason("") == "?"


def test_ignore_files_in_the_repository_count(repo: Repo) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.put(".qianxunignore", "# 草稿\n*.log\n/草稿/\n!重要.log\n".encode())
    repo.put("文档/.qianxunignore", "旧*.md\n".encode())
    for name in ("a.md", "b.log", "重要.log", "草稿/c.md", "文档/草稿/d.md", "文档/旧版.md", "旧版.md"):
        repo.put(name, name.encode())
    source = repo.source()
    assert names(source) == {"a.md", "重要.log", "文档/草稿/d.md", "旧版.md"}
    assert not source.holds(f"{repo.address}#草稿/c.md")
    assert source.holds(f"{repo.address}#草稿.md")
    source.close()


def test_what_is_inside_a_file_is_held_with_it(repo: Repo) -> None:
    repo.settings = with_overrides(repo.settings, ["reading.include=*.zip"])
    source = repo.source()
    assert source.holds(f"{repo.address}#归档.zip!深/年假.txt")
    assert not source.holds(f"{repo.address}#归档.rar!深/年假.txt")


def test_commits_come_and_go_and_leave_nothing_behind(repo: Repo, tmp_path: Path) -> None:
    repo.put("文档/年假.md", "# 年假\n\n每年五天带薪年假。\n".encode())
    repo.put("文档/canary-4711.txt", b"The canary-0815 sings.")
    chosen = ["encoder.name=hash", "reading.workers=1", f"home={repo.settings.home}"]
    with qianxun.open(tmp_path / "kb", overrides=chosen) as kb:
        kb.add(repo.address)
        assert {d.title for d in kb.documents()} == {"年假", "canary-4711"}
        repo.put("文档/年假.md", "# 年假\n\n每年六天带薪年假。\n".encode())
        repo.delete("文档/canary-4711.txt")
        report = kb.add(repo.address, sync=True)
        assert (report.added, report.replaced, report.removed) == (0, 1, 1)
        assert "六天" in kb.search("年假").passages[0].text
        kb.compact()
    kept = [path for root in (tmp_path / "kb", Path(repo.settings.home)) for path in root.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        assert b"canary" not in path.read_bytes(), path
