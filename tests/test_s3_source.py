"""Buckets as sources, against a server that speaks S3 (moto)."""

import contextlib
import importlib.util
import socket
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from source_conformance import SourceConformance, listed

import qianxun
from qianxun.errors import InputError, MissingExtra, SourceError
from qianxun.records import Asker
from qianxun.settings import Settings, with_overrides
from qianxun.sources import s3
from qianxun.sources.s3 import S3Source, open_source


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server in a process of its own; what is in it is in memory."""
    for package in ("botocore", "moto", "flask_cors"):
        pytest.importorskip(package)
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            "from moto.server import main; main()",
            "-H",
            "127.0.0.1",
            "-p",
            str(port),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pause = threading.Event()
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, "moto ended at once"
            pause.wait(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every source of a test is closed at its end, so that no connection outlives it."""
    made: list[S3Source] = []
    begin = S3Source.__init__

    def noted(source: S3Source, *given: Any, **named: Any) -> None:
        begin(source, *given, **named)
        made.append(source)

    monkeypatch.setattr(S3Source, "__init__", noted)
    yield
    for source in made:
        source.close()


@pytest.fixture
def settings(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    chosen = [f"sources.s3_endpoint={endpoint}", "sources.retries=0", "sources.connect_seconds=5"]
    return with_overrides(Settings(), chosen)


class Bucket:
    """A bucket of its own to change, and its source."""

    def __init__(self, settings: Settings, prefix: str = "") -> None:
        self.settings = settings
        self.name = f"b-{uuid.uuid4().hex}"
        self.prefix = prefix
        self.client: Any = self.source()._connected()
        self.client.create_bucket(Bucket=self.name)

    @property
    def address(self) -> str:
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    def source(self) -> S3Source:
        return open_source(self.address, self.settings)

    def put(self, name: str, data: bytes, **extra: str) -> None:
        self.client.put_object(Bucket=self.name, Key=self.prefix + name, Body=data, **extra)

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=self.prefix + name)

    def tag(self, name: str, value: str) -> None:
        tags = [{"Key": "qianxun-labels", "Value": value}]
        self.client.put_object_tagging(Bucket=self.name, Key=self.prefix + name, Tagging={"TagSet": tags})


@pytest.fixture
def bucket(settings: Settings) -> Iterator[Bucket]:
    made = Bucket(settings)
    yield made
    made.client.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "opened"
    path.mkdir()
    return path


class TestWholeBucket(SourceConformance):
    @pytest.fixture
    def place(self, bucket: Bucket) -> Bucket:
        return bucket


class TestPartOfABucket(SourceConformance):
    @pytest.fixture
    def place(self, bucket: Bucket) -> Bucket:
        bucket.prefix = "部门 docs/"
        bucket.client.put_object(Bucket=bucket.name, Key="部门 docs-old/年假.txt", Body=b"another folder")
        bucket.client.put_object(Bucket=bucket.name, Key="部门 docs/", Body=b"")
        return bucket


def test_a_prefix_is_a_folder_and_never_the_beginning_of_a_name(bucket: Bucket, folder: Path) -> None:
    for key in ("a/1.txt", "a/b/2.txt", "ab/3.txt", "a.txt", "c"):
        bucket.put(key, key.encode())
    root = f"s3://{bucket.name}"
    for given in ("/a", "/a/"):
        source = open_source(root + given, bucket.settings)
        assert set(listed(source)) == {f"{root}/a/1.txt", f"{root}/a/b/2.txt"}
        assert source.holds(f"{root}/a/x/y.txt")
        assert not source.holds(f"{root}/ab/3.txt")
        assert not source.holds("s3://other/a/1.txt")
        source.close()
    source = open_source(f"{root}/a.txt", bucket.settings)
    assert [source.open(uri, folder).read() for uri in listed(source)] == [b"a.txt"]
    assert listed(open_source(f"{root}/没有", bucket.settings)) == {}
    source.close()


def test_keys_are_listed_over_many_pages(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "OBJECTS_AT_A_TIME", 2)
    for i in range(7):
        bucket.put(f"第{i}页.txt", str(i).encode())
    source = bucket.source()
    assert [uri.rpartition("/")[2] for uri in listed(source)] == [f"第{i}页.txt" for i in range(7)]
    source.close()


def test_odd_keys_are_names_of_one_line(bucket: Bucket, folder: Path) -> None:
    keys = ["a\x01b.txt", "50% off?#.txt", "双//层.txt", "全角（１）！.txt", "tab\t.txt"]
    for key in keys:
        bucket.put(key, key.encode())
    source = bucket.source()
    found = listed(source)
    assert all(uri.isprintable() for uri in found)
    assert {source.open(uri, folder).read().decode() for uri in found} == set(keys)
    source.close()


def test_what_the_settings_leave_out_is_not_listed_and_not_held(bucket: Bucket) -> None:
    for key in (".git/a.md", "node_modules/b.md", "c.md", "d.txt"):
        bucket.put(key, b"x")
    bucket.settings = with_overrides(bucket.settings, ["reading.include=*.md"])
    source = bucket.source()
    assert set(listed(source)) == {f"s3://{bucket.name}/c.md"}
    assert not source.holds(f"s3://{bucket.name}/d.txt")
    source.close()


def test_the_same_size_at_the_same_time_is_another_version(bucket: Bucket) -> None:
    bucket.put("a.txt", "五天".encode())
    (before,) = listed(bucket.source()).values()
    bucket.put("a.txt", "六天".encode())
    (after,) = listed(bucket.source()).values()
    assert before.version != after.version
    assert before.modified.endswith("Z")


def test_labels_are_those_of_the_tag(bucket: Bucket) -> None:
    for name, tag in (("a.txt", "hr finance"), ("b.txt", "hr  public hr"), ("c.txt", ""), ("d.txt", "group:admins")):
        bucket.put(name, b"x")
        if tag:
            bucket.tag(name, tag)
    plain = listed(bucket.source())
    assert {one.labels for one in plain.values()} == {None}
    bucket.settings = with_overrides(bucket.settings, ["sources.s3_labels=yes"])
    found = {uri.rpartition("/")[2]: one.labels for uri, one in listed(bucket.source()).items()}
    assert found == {
        "a.txt": ("hr", "finance"),
        "b.txt": ("hr", "public"),
        "c.txt": (),
        "d.txt": ("group:admins",),
    }
    # A right that is taken away is gone, though no byte of the object has changed.
    bucket.tag("a.txt", "finance")
    after = listed(bucket.source())
    changed = after[f"s3://{bucket.name}/a.txt"]
    assert changed.labels == ("finance",)
    assert changed.version == plain[changed.uri].version


@pytest.mark.parametrize(
    "value, labels",
    [
        ("人事　财务", ("人事", "财务")),
        ("人事，財務, hr;hr；group:組", ("人事", "財務", "hr", "group:組")),
        ("ｈｒ２，人事", ("hr2", "人事")),
        (" ", ()),
        ("", ()),
    ],
)
def test_labels_are_apart_by_spaces_or_commas_of_any_width(value: str, labels: tuple[str, ...]) -> None:
    assert s3.labels_in(value) == labels


def test_an_object_that_goes_between_list_and_tags_is_left_out(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("a.txt", b"x")
    bucket.settings = with_overrides(bucket.settings, ["sources.s3_labels=yes"])
    source = bucket.source()
    labels = source._labels

    def late(uris: Any) -> dict[str, tuple[str, ...]]:
        bucket.delete("a.txt")
        return labels(uris)

    monkeypatch.setattr(source, "_labels", late)
    assert listed(source) == {}


def test_no_bucket_is_one_line(settings: Settings) -> None:
    with pytest.raises(SourceError, match=r"^There is no bucket 'not-there'\. Check its name") as caught:
        list(open_source("s3://not-there/文档", settings).list())
    assert "\n" not in str(caught.value)


def test_an_object_that_is_too_large_is_named(bucket: Bucket, folder: Path) -> None:
    bucket.put("大.txt", b"x" * ((1 << 20) + 1))
    bucket.settings = with_overrides(bucket.settings, ["reading.max_file_mb=1"])
    source = bucket.source()
    (uri,) = listed(source)
    with pytest.raises(SourceError, match=r"大\.txt is more than 1 MB;"):
        source.open(uri, folder)
    assert list(folder.iterdir()) == []
    source.close()


@contextlib.contextmanager
def rights_checked(endpoint: str) -> Iterator[None]:
    def set_to(count: str) -> None:
        request = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=count.encode(), method="POST")
        request.add_header("Content-Type", "text/plain")
        with urllib.request.urlopen(request):
            pass

    set_to("0")
    try:
        yield
    finally:
        set_to("inf")


def test_wrong_credentials_are_one_line(bucket: Bucket, endpoint: str) -> None:
    with (
        rights_checked(endpoint),
        pytest.raises(SourceError, match=r"may not be read with these credentials \(InvalidAccessKeyId") as caught,
    ):
        list(bucket.source().list())
    assert "s3cret" not in repr(caught.value)
    assert "\n" not in str(caught.value)


def test_a_public_bucket_needs_no_credentials(bucket: Bucket, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("公告.txt", "放假".encode(), ACL="public-read")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    source = bucket.source()
    assert [source.open(uri, folder).read() for uri in listed(source)] == ["放假".encode()]


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that always answers the same, and what it was shown of who asks."""
    shown: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{http.server_address[1]}", shown
    http.shutdown()
    thread.join()
    http.server_close()


def error(code: str, message: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@pytest.mark.parametrize(
    "status, body, said",
    [
        (
            403,
            error("AccessDenied", "拒绝\n访问"),
            r'may not be read with these credentials \(AccessDenied: "拒绝 访问"\)',
        ),
        (403, error("SignatureDoesNotMatch", "No."), r'credentials \(SignatureDoesNotMatch: "No"\)'),
        (
            301,
            error("PermanentRedirect", "elsewhere"),
            r"'bucket' is in another region \(PermanentRedirect\)",
        ),
        (503, error("SlowDown", "Too many."), r'cannot be read \(SlowDown: "Too many"\)\. The server.s log'),
        (200, b"<html>hello", "cannot be read"),
        (200, b"<html><body>log in</body></html>", "does not answer as a server of buckets does"),
        (200, b"", "does not answer as a server of buckets does"),
        (500, b"", r"cannot be read \(500"),
    ],
)
def test_every_refusal_is_one_line(status: int, body: bytes, said: str, settings: Settings) -> None:
    with answering(status, body) as (server, _):
        source = open_source("s3://bucket", with_overrides(settings, [f"sources.s3_endpoint={server}"]))
        with pytest.raises(SourceError, match=said) as caught:
            list(source.list())
    assert "\n" not in str(caught.value)
    assert "s3cret" not in repr(caught.value)


def test_without_credentials_a_refusal_says_how_to_give_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with answering(403, error("AccessDenied", "no")) as (server, shown):
        source = open_source("s3://bucket", with_overrides(settings, [f"sources.s3_endpoint={server}"]))
        with pytest.raises(SourceError, match=r"may not be read without credentials\. Set AWS_ACCESS_KEY_ID"):
            list(source.list())
    assert shown == [""]


def test_credentials_of_the_file(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = AKIAFROMFILE\naws_secret_access_key = x\n", encoding="utf-8")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    source = bucket.source()
    client = source._connected()
    assert source._is_signed
    assert client._request_signer._credentials.access_key == "AKIAFROMFILE"
    source.close()


def test_a_server_that_is_not_there_is_one_line(settings: Settings) -> None:
    settings = with_overrides(settings, [f"sources.s3_endpoint=http://127.0.0.1:{free_port()}"])
    with pytest.raises(
        SourceError, match=r"^http://127\.0\.0\.1:\d+ cannot be reached: .*\. Check sources\.s3_endp"
    ) as caught:
        list(open_source("s3://bucket", settings).list())
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_is_none_is_one_line(settings: Settings) -> None:
    settings = with_overrides(settings, ["sources.s3_endpoint=minio:9000"])
    with pytest.raises(SourceError, match=r"s3://bucket cannot be asked for: .*\. Check the settings sources\.s3_"):
        list(open_source("s3://bucket", settings).list())


@pytest.mark.parametrize("address", ["s3://", "s3:///key", "s3://a b/c", "s3://me:s3cret@bucket/x", "s3://存储桶"])
def test_what_is_no_address_is_refused(address: str, settings: Settings) -> None:
    with pytest.raises(InputError, match=r"is not the address of a bucket\.") as caught:
        open_source(address, settings)
    assert "s3cret" not in str(caught.value)


def test_without_the_client_the_install_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"Run `pip install 'qianxun\[s3\]'`\."):
        open_source("s3://bucket", Settings())


def test_a_right_that_is_taken_away_is_gone_at_the_next_run(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("薪酬.txt", "工程师三级的月薪为２８０００元。".encode())
    bucket.put("leave.txt", b"Every employee has five days of leave.")
    bucket.tag("薪酬.txt", "hr board")
    endpoint = bucket.settings.sources.s3_endpoint
    chosen = ["encoder.name=hash", "reading.workers=1", "sources.s3_labels=yes", f"sources.s3_endpoint={endpoint}"]
    with qianxun.open(tmp_path / "kb", overrides=chosen) as kb:
        kb.add(bucket.address)

        def seen_by(*labels: str) -> set[str]:
            return {passage.title for passage in kb.search("月薪 leave", asker=Asker.of(*labels)).passages}

        assert seen_by("board") == {"薪酬"}
        assert seen_by("public") == set(), "an object without the tag is for administrators only"
        bucket.tag("薪酬.txt", "hr")
        bucket.tag("leave.txt", "public")
        report = kb.add(bucket.address, sync=True)
        assert (report.added, report.replaced, report.unchanged) == (0, 0, 2)
        assert seen_by("board") == set()
        assert seen_by("hr") == {"薪酬"}
        assert seen_by("public") == {"leave"}
        bucket.delete("薪酬.txt")
        assert kb.add(bucket.address, sync=True).removed == 1
        assert seen_by("hr") == set()
