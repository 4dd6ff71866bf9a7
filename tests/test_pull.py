"""Bringing models from a hub: a small server speaks as Hugging Face and as ModelScope do, and misbehaves on demand."""

import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from qianxun.errors import (
    BadModelReply,
    Busy,
    Damaged,
    DiskFull,
    InputError,
    ModelRefused,
    ModelUnavailable,
    NotFound,
)
from qianxun.models.getting.hubs import Listing, RemoteFile
from qianxun.models.getting.inventory import ListedModel, list_models
from qianxun.models.getting.manifest import MANIFEST, git_sha1_of, read_manifest, verify
from qianxun.models.getting.pull import Pulled, PullProgress, choose_files, pull
from qianxun.settings import Settings, with_overrides

MODEL = "Qwen/Qwen3-Embedding-0.6B"
WEIGHTS = bytes(range(256)) * 4096  # 1 MiB
FILES = {
    "config.json": b'{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 64}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": '{"词": 1}'.encode(),
    "1_Pooling/config.json": b'{"pooling_mode_lasttoken": true}',
    "README.md": "# 说明\n".encode(),
    ".gitattributes": b"*.safetensors filter=lfs\n",
    "pytorch_model.bin": b"the same again",
    "onnx/model.onnx": b"and again",
    "modeling_own.py": b"raise SystemExit",
}
WANTED = {"config.json", "model.safetensors", "tokenizer.json", "1_Pooling/config.json", "README.md"}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer:
    """Both hubs at one address. `files` are what it has; what goes wrong is set by a test."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.commit = COMMIT
        self.speaks = {"huggingface", "modelscope"}
        self.requests: list[tuple[str, str | None]] = []  # path of a file, Range header
        self.headers: list[dict[str, str]] = []
        self.sent_bytes = 0
        self.cut_after: int | None = None  # closes the connection after so many bytes of weights, once
        self.busy = 0  # answers so many requests for files with 429
        self.status = 200
        self.spoil: Callable[[str, bytes], bytes] = lambda path, content: content
        self.ignores_ranges = False
        self.page: bytes | None = None
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        address = urlsplit(handler.path)
        path, query = unquote(address.path), {key: value[0] for key, value in parse_qs(address.query).items()}
        self.headers.append(dict(handler.headers))
        if self.page is not None:
            return self.send(handler, 200, self.page, {"Content-Type": "text/html"})
        if self.status != 200:
            return self.send(handler, self.status, b"{}")
        listing, file = self.asked(path, query)
        if listing is not None:
            return self.send(handler, 200, json.dumps(listing).encode())
        if file is None or file not in self.files:
            return self.send(handler, 404, b'{"error": "not found"}')
        return self.send_file(handler, file)

    def asked(self, path: str, query: dict[str, str]) -> tuple[Any, str | None]:
        """The list that a request asks for, or the path of a file."""
        if "huggingface" in self.speaks:
            for name in ("main", self.commit):
                if path == f"/api/models/{MODEL}/revision/{name}" and query.get("blobs"):
                    return self.as_hugging_face(), None
            if path.startswith(f"/{MODEL}/resolve/{self.commit}/"):
                return None, path.removeprefix(f"/{MODEL}/resolve/{self.commit}/")
        if "modelscope" in self.speaks:
            if path == f"/api/v1/models/{MODEL}/repo/files" and query.get("Revision") == "master":
                return self.as_model_scope(), None
            if path == f"/api/v1/models/{MODEL}/repo" and query.get("Revision") == "master":
                return None, query.get("FilePath")
        return None, None

    def as_hugging_face(self) -> Any:
        siblings = []
        for path, content in self.files.items():
            entry: dict[str, Any] = {"rfilename": path, "size": len(content)}
            if path.endswith((".safetensors", ".bin", ".onnx", ".gguf")):
                entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 1}
            entry["blobId"] = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
            siblings.append(entry)
        return {"id": MODEL, "sha": self.commit, "siblings": siblings}

    def as_model_scope(self) -> Any:
        files: list[dict[str, Any]] = [{"Path": "1_Pooling", "Name": "1_Pooling", "Type": "tree", "Size": 0}]
        for number, (path, content) in enumerate(self.files.items()):
            files.append(
                {
                    "Path": path,
                    "Name": path.rpartition("/")[2],
                    "Type": "blob",
                    "Size": len(content),
                    "Sha256": hashlib.sha256(content).hexdigest(),
                    "Revision": self.commit if path == "config.json" else f"older{number}",
                    "CommittedDate": 2000 if path == "config.json" else 1000 + number,
                }
            )
        return {"Code": 200, "Success": True, "Data": {"Files": files}}

    def send_file(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        wanted = handler.headers.get("Range")
        self.requests.append((path, wanted))
        if self.busy:
            self.busy -= 1
            return self.send(handler, 429, b"later", {"Retry-After": "7"})
        content = self.spoil(path, self.files[path])
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and not self.ignores_ranges else 0
        if start > len(content):
            return self.send(handler, 416, b"")
        headers = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        cut = self.cut_after if path == "model.safetensors" else None
        self.cut_after = self.cut_after if cut is None else None
        return self.send(handler, 206 if start else 200, content[start:], headers, cut)

    def send(
        self,
        handler: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        piece = body if cut is None else body[:cut]
        handler.wfile.write(piece)
        self.sent_bytes += len(piece)
        handler.close_connection = cut is not None


@pytest.fixture
def hub() -> Iterator[HubServer]:
    server = HubServer()
    yield server
    server.close()


def settings_of(hub: HubServer, tmp_path: Path, *overrides: str) -> Settings:
    return with_overrides(
        Settings(),
        [
            f"models.endpoint={hub.url}",
            f"models.folder={tmp_path / '模型'}",
            "remote.retries=2",
            "remote.max_wait_seconds=0",
            *overrides,
        ],
    )


def pulled_by(hub: HubServer, tmp_path: Path, *overrides: str, **options: Any) -> Pulled:
    return pull(MODEL, settings_of(hub, tmp_path, *overrides), environ={}, **options)


def files_in(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name not in (MANIFEST, ".pull.lock")}


@pytest.mark.parametrize("source", ["huggingface", "modelscope"])
def test_a_model_comes_whole_with_a_record_of_what_it_is(hub: HubServer, tmp_path: Path, source: str) -> None:
    found = pulled_by(hub, tmp_path, f"models.source={source}")
    assert found.folder == tmp_path / "模型" / MODEL
    assert files_in(found.folder) == {name: FILES[name] for name in WANTED}
    assert (found.source, found.revision, found.n_files) == (source, COMMIT, len(WANTED))
    assert found.bytes == found.fetched_bytes == sum(len(FILES[name]) for name in WANTED)
    record = json.loads((found.folder / MANIFEST).read_text(encoding="utf-8"))
    assert (record["model"], record["revision"], record["source"]) == (MODEL, COMMIT, source)
    assert record["files"]["model.safetensors"] == {
        "bytes": len(WEIGHTS),
        "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
    }
    # By config.json a folder is known as a model: it comes when all else is there.
    assert hub.requests[-1][0] == "config.json"


def test_a_second_pull_fetches_nothing_but_the_list(hub: HubServer, tmp_path: Path) -> None:
    pulled_by(hub, tmp_path)
    hub.requests.clear()
    again = pulled_by(hub, tmp_path)
    assert (again.fetched_bytes, hub.requests) == (0, [])
    assert again.n_files == len(WANTED)


def test_a_download_that_is_cut_goes_on_where_it_stopped(hub: HubServer, tmp_path: Path) -> None:
    hub.cut_after = 300_000
    found = pulled_by(hub, tmp_path)
    asked = [wanted for path, wanted in hub.requests if path == "model.safetensors"]
    assert asked == [None, "bytes=300000-"]
    assert (found.folder / "model.safetensors").read_bytes() == WEIGHTS
    assert found.fetched_bytes == found.bytes


def test_a_pull_that_failed_is_taken_up_by_the_next(hub: HubServer, tmp_path: Path) -> None:
    folder = tmp_path / "模型" / MODEL

    def fail_from_here(progress: PullProgress) -> None:
        if any(part.stat().st_size for part in folder.glob("model.safetensors*.part")):
            hub.status = 404

    hub.cut_after = 400_000
    with pytest.raises(NotFound):
        pulled_by(hub, tmp_path, "models.source=huggingface", progress=fail_from_here)
    assert not (folder / "config.json").exists()
    assert not (folder / "model.safetensors").exists()
    (part,) = folder.glob("model.safetensors*.part")
    there = part.stat().st_size
    assert 0 < there <= 400_000
    hub.status = 200
    hub.requests.clear()
    found = pulled_by(hub, tmp_path, "models.source=huggingface")
    assert ("model.safetensors", f"bytes={there}-") in hub.requests
    assert found.fetched_bytes <= found.bytes - there
    assert files_in(found.folder) == {name: FILES[name] for name in WANTED}


def test_a_hub_that_knows_no_ranges_is_read_from_the_start_again(hub: HubServer, tmp_path: Path) -> None:
    hub.cut_after, hub.ignores_ranges = 300_000, True
    found = pulled_by(hub, tmp_path)
    assert (found.folder / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("source", ["huggingface", "modelscope"])
@pytest.mark.parametrize("path", ["model.safetensors", "tokenizer.json"])
def test_a_file_with_other_bytes_is_refused(hub: HubServer, tmp_path: Path, source: str, path: str) -> None:
    hub.spoil = lambda name, content: content[:-1] + b"?" if name == path else content
    with pytest.raises(BadModelReply, match=f"{path} of {MODEL} came twice"):
        pulled_by(hub, tmp_path, f"models.source={source}")
    folder = tmp_path / "模型" / MODEL
    assert [name for name in files_in(folder) if name.startswith((path, "config.json"))] == []
    assert not (folder / MANIFEST).exists()


@pytest.mark.parametrize("change", [lambda content: content + b"more", lambda content: b""])
def test_a_file_of_another_length_is_refused(hub: HubServer, tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    hub.spoil = lambda name, content: change(content) if name == "model.safetensors" else content
    with pytest.raises((BadModelReply, ModelUnavailable), match=r"model\.safetensors"):
        pulled_by(hub, tmp_path)
    assert not (tmp_path / "模型" / MODEL / "model.safetensors").exists()


def test_a_file_that_was_changed_here_is_fetched_again(hub: HubServer, tmp_path: Path) -> None:
    folder = pulled_by(hub, tmp_path).folder
    (folder / "model.safetensors").write_bytes(WEIGHTS[:-1] + b"?")
    again = pulled_by(hub, tmp_path)
    assert again.fetched_bytes == len(WEIGHTS)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_another_revision_takes_the_place_of_the_old_one(hub: HubServer, tmp_path: Path) -> None:
    folder = pulled_by(hub, tmp_path).folder
    hub.commit = "f" * 40
    hub.files["model-00001-of-00001.safetensors"] = hub.files.pop("model.safetensors")[::-1]
    found = pulled_by(hub, tmp_path)
    assert (found.folder, found.revision) == (folder, "f" * 40)
    assert set(files_in(folder)) == WANTED - {"model.safetensors"} | {"model-00001-of-00001.safetensors"}


def test_while_another_revision_comes_the_folder_is_no_model(hub: HubServer, tmp_path: Path) -> None:
    folder = pulled_by(hub, tmp_path).folder
    hub.commit = "f" * 40
    hub.files["model.safetensors"] = WEIGHTS[::-1]
    hub.spoil = lambda name, content: b"?" * len(content) if name == "model.safetensors" else content
    with pytest.raises(BadModelReply):
        pulled_by(hub, tmp_path)
    assert not (folder / "config.json").exists()


def test_a_hub_that_gives_nothing_more_is_given_up_and_keeps_what_came(hub: HubServer, tmp_path: Path) -> None:
    hub.busy = 1000
    with pytest.raises(ModelUnavailable, match=r"stops giving .*HTTP 429.*it resumes"):
        pulled_by(hub, tmp_path)


def test_a_busy_hub_is_asked_again(hub: HubServer, tmp_path: Path) -> None:
    hub.busy = 2
    assert pulled_by(hub, tmp_path).n_files == len(WANTED)


def test_progress_ends_at_the_sum_of_all_files(hub: HubServer, tmp_path: Path) -> None:
    seen: list[PullProgress] = []
    hub.cut_after = 300_000
    found = pulled_by(hub, tmp_path, progress=seen.append)
    assert seen[-1].done_bytes == seen[-1].total_bytes == found.bytes
    assert {progress.doing for progress in seen} == {"fetching"}
    seen.clear()
    pulled_by(hub, tmp_path, progress=seen.append)
    assert {progress.doing for progress in seen} == {"checking"}
    assert seen[-1].done_bytes == found.bytes


def test_modelscope_is_asked_first_and_hugging_face_when_it_has_not_the_model(hub: HubServer, tmp_path: Path) -> None:
    assert pulled_by(hub, tmp_path).source == "modelscope"
    hub.speaks = {"huggingface"}
    shutil.rmtree(tmp_path / "模型")
    assert pulled_by(hub, tmp_path).source == "huggingface"


def test_a_revision_is_asked_for_by_name(hub: HubServer, tmp_path: Path) -> None:
    found = pulled_by(hub, tmp_path, revision=COMMIT)
    assert (found.source, found.revision) == ("huggingface", COMMIT)
    manifest = read_manifest(found.folder)
    assert manifest is not None
    assert manifest.asked == COMMIT
    with pytest.raises(NotFound, match="at revision v9"):
        pulled_by(hub, tmp_path, revision="v9")


def test_a_model_that_no_hub_has_is_not_found(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="has no Qwen/Qwen9"):
        pull("Qwen/Qwen9", settings_of(hub, tmp_path), environ={})
    assert not (tmp_path / "模型").exists()


@pytest.mark.parametrize(
    "name", ["Qwen3", "../../etc/passwd", "a/b/c", "https://x/y", "/abs/olute", "../x", "千问/模型 一"]
)
def test_a_name_that_is_none_is_refused_before_anything_is_asked(hub: HubServer, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no model's name"):
        pull(name, settings_of(hub, tmp_path), environ={})
    assert hub.headers == []


@pytest.mark.parametrize("path", ["../outside.safetensors", "/etc/x", "a/../../b", "", "a\\..\\b", "C:/x"])
def test_a_hub_cannot_write_outside_of_the_models_folder(hub: HubServer, tmp_path: Path, path: str) -> None:
    hub.files[path] = b"x"
    with pytest.raises(BadModelReply, match="no list of the files"):
        pulled_by(hub, tmp_path, "models.source=huggingface")


def test_keys_are_sent_to_their_own_hub(hub: HubServer, tmp_path: Path) -> None:
    environ = {"HF_TOKEN": "hf-key", "MODELSCOPE_API_TOKEN": "ms-key"}
    hub.speaks = {"huggingface"}
    pull(MODEL, settings_of(hub, tmp_path), environ=environ)
    assert hub.headers[0]["Authorization"] == "Bearer ms-key"
    assert hub.headers[0]["Cookie"] == "m_session_id=ms-key"
    assert {headers["Authorization"] for headers in hub.headers[1:]} == {"Bearer hf-key"}
    assert {headers["Accept-Encoding"] for headers in hub.headers} == {"identity"}


def test_a_gated_model_says_which_key_is_missing(hub: HubServer, tmp_path: Path) -> None:
    hub.status = 403
    with pytest.raises(ModelRefused, match="HF_TOKEN"):
        pulled_by(hub, tmp_path, "models.source=huggingface")


def test_a_login_page_in_between_is_recognised(hub: HubServer, tmp_path: Path) -> None:
    hub.page = "<html>请登录</html>".encode()
    with pytest.raises(BadModelReply, match="proxy or login page"):
        pulled_by(hub, tmp_path)


def test_without_any_hub_the_error_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    settings = with_overrides(Settings(), [f"models.folder={tmp_path}"])
    address = f"http://127.0.0.1:{closed}"
    with pytest.raises(ModelUnavailable, match="No hub can be reached") as caught:
        pull(MODEL, settings, environ={"HF_ENDPOINT": address, "MODELSCOPE_ENDPOINT": address})
    assert "copy the model's folder" in str(caught.value)
    assert "models.endpoint" in str(caught.value)


def test_no_room_is_noticed_before_anything_is_fetched(
    hub: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 100, 1000))
    with pytest.raises(DiskFull, match=r"needs 0\.00 GiB more"):
        pulled_by(hub, tmp_path)
    assert hub.requests == []


def test_two_pulls_of_one_model_do_not_meet(hub: HubServer, tmp_path: Path) -> None:
    import filelock

    folder = tmp_path / "模型" / MODEL
    folder.mkdir(parents=True)
    with filelock.FileLock(folder / ".pull.lock"), pytest.raises(Busy, match="is pulling"):
        pulled_by(hub, tmp_path)


def test_patterns_choose_files_of_other_forms(hub: HubServer, tmp_path: Path) -> None:
    hub.files = {"config.json": b"{}", "qwen-q4_k_m.gguf": b"four", "qwen-q8_0.gguf": b"eight", "说明.md": b"x"}
    with pytest.raises(InputError, match="no weights as safetensors"):
        pulled_by(hub, tmp_path)
    found = pulled_by(hub, tmp_path, include=["*Q4_K_M*.gguf", "说明*"])
    assert set(files_in(found.folder)) == {"qwen-q4_k_m.gguf", "说明.md"}


def names_chosen(*paths: str) -> set[str]:
    listing = Listing("a/b", "1", "1", tuple(RemoteFile(path, 1) for path in paths))
    return {file.path for file in choose_files(listing)}


def test_weights_come_in_one_form_only() -> None:
    torch = ("config.json", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", "training_args.bin")
    assert names_chosen(*torch) == {"config.json", "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json"}
    both = ("model.safetensors", "consolidated.safetensors", "tf_model.h5", "original/x.pth", "img/logo.png", "a.model")
    assert names_chosen(*torch, *both) >= {"config.json", "model.safetensors", "a.model"}
    assert not names_chosen(*torch, *both) & {
        "consolidated.safetensors",
        "pytorch_model-00001-of-00001.bin",
        "img/logo.png",
    }


def test_gits_own_name_of_a_file_is_computed_as_git_does(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"hello\n")
    assert git_sha1_of(path) == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object


def test_verifying_names_what_is_not_as_it_came(hub: HubServer, tmp_path: Path) -> None:
    folder = pulled_by(hub, tmp_path).folder
    assert verify(folder).problems == ()
    (folder / "README.md").unlink()
    (folder / "tokenizer.json").write_bytes(b"{}")
    (folder / "model.safetensors").write_bytes(WEIGHTS[::-1])
    found = verify(folder)
    assert [(problem.path, problem.what) for problem in found.problems] == [
        ("README.md", "missing"),
        ("model.safetensors", "content"),
        ("tokenizer.json", "size"),
    ]
    assert (found.n_files, found.bytes) == (len(WANTED), sum(len(FILES[name]) for name in WANTED))


def test_verifying_tells_of_every_byte_read(hub: HubServer, tmp_path: Path) -> None:
    folder = pulled_by(hub, tmp_path).folder
    read: list[int] = []
    assert verify(folder, read.append).bytes == sum(read)


def test_what_was_not_pulled_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="was not brought by"):
        verify(tmp_path)
    (tmp_path / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(Damaged, match="cannot be read"):
        verify(tmp_path)


# The list of models


def by_name(settings: Settings) -> dict[str, ListedModel]:
    return {model.name: model for model in list_models(settings)}


def test_a_pulled_model_is_listed_with_its_size_and_use(hub: HubServer, tmp_path: Path) -> None:
    settings = settings_of(hub, tmp_path, f"encoder.model={MODEL}")
    pull(MODEL, settings, environ={})
    found = by_name(settings)[MODEL]
    assert (found.where, found.kind, found.used_for) == ("pulled", "encoder", ("encoder",))
    assert (found.bytes, found.revision, found.source) == (len(WEIGHTS), COMMIT, "modelscope")
    unused = by_name(with_overrides(settings, ["encoder.model="]))[MODEL]
    assert unused.used_for == ()


def test_models_of_the_hubs_own_clients_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    reranker = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_size": 8}
    for folder in (
        tmp_path / "hf" / "models--Qwen--Qwen3-Reranker-0.6B" / "snapshots" / "abc",
        tmp_path / "ms" / "models" / "Qwen" / "Qwen2___5-7B-Instruct",
    ):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(reranker), encoding="utf-8")
        (folder / "model.safetensors").write_bytes(b"12345")
    settings = with_overrides(Settings(), [f"models.folder={tmp_path / 'none'}"])
    found = by_name(settings)
    assert found["Qwen/Qwen3-Reranker-0.6B"].kind == "reranker"
    assert found["Qwen/Qwen3-Reranker-0.6B"].revision == "abc"
    assert found["Qwen/Qwen2.5-7B-Instruct"].kind == "generator"
    assert found["Qwen/Qwen2.5-7B-Instruct"].bytes == 5


def test_models_named_by_the_settings_are_listed_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    settings = with_overrides(
        Settings(),
        [
            "reranker.model=Qwen/Qwen3-Reranker-4B",
            "generator.url=http://127.0.0.1:8103/v1",
            f"models.folder={tmp_path}",
        ],
    )
    found = {(model.where, model.used_for): model for model in list_models(settings)}
    assert found["package", ("encoder",)].name == "builtin"
    assert found["missing", ("reranker",)].name == "Qwen/Qwen3-Reranker-4B"
    assert found["server", ("generator",)].url == "http://127.0.0.1:8103/v1"
