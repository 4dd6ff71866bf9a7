"""Keys of the service: what opens what, until when; held against a model that is a dictionary."""

import json
import multiprocessing
import string
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

import qianxun
from qianxun.cli.main import main
from qianxun.errors import InputError, NotFound
from qianxun.storage.keys import ACTIONS, USUAL, Grant, Key, Keys
from qianxun.storage.service import open_service

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
READER = Grant(frozenset({"人事", "public"}), frozenset({"默认"}), USUAL, requests_per_minute=60)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    opened = Keys(open_service(tmp_path))
    yield opened
    opened.close()


def test_a_key_opens_what_it_was_made_for(keys: Keys) -> None:
    made, secret = keys.create("王小明的笔记本", READER, expires=NOON + HOUR, now=NOON)
    assert secret.startswith(f"qx-{made.id}-")
    assert keys.opened_by(secret, now=NOON) == made == keys.get("王小明的笔记本") == keys.get(made.id)
    assert made.grant == READER
    assert keys.all() == [made]


@pytest.mark.parametrize("name", ["王小明", "陳大文（臺北）", "Zoë O’Neil", "ａｐｉ　鍵", "x" * 100])
def test_names_are_whatever_people_are_called(keys: Keys, name: str) -> None:
    made, _ = keys.create(name, READER)
    assert keys.get(name).id == made.id


@pytest.mark.parametrize("name", ["", "  ", "\t", "王\n小明", "a\x00b", "x" * 101, "a\x1b[31m"])
def test_what_would_spoil_a_list_is_no_name(keys: Keys, name: str) -> None:
    with pytest.raises(InputError, match="no name for a key"):
        keys.create(name, READER)


@pytest.mark.parametrize(
    "grant",
    [
        Grant(None, None, frozenset()),
        Grant(None, None, frozenset({"fly"})),  # type: ignore[arg-type]
        Grant(frozenset({"hr"}), None, frozenset({"admin"})),
        Grant(None, frozenset({"默认"}), frozenset({"admin"})),
        Grant(frozenset({"a,b"}), None, USUAL),
        Grant(frozenset({" "}), None, USUAL),
        Grant(None, None, USUAL, requests_per_minute=-1),
        Grant(None, None, USUAL, tokens_per_day=-1),
        Grant(None, None, USUAL, streams=-1),
    ],
)
def test_what_no_key_can_grant_is_refused(keys: Keys, grant: Grant) -> None:
    with pytest.raises(InputError):
        keys.create("x", grant)
    assert keys.all() == []


def test_it_ends_at_its_moment_in_any_time_zone(keys: Keys) -> None:
    from datetime import timezone

    _, secret = keys.create("a", READER, expires=datetime(2026, 5, 1, 21, tzinfo=timezone(8 * HOUR)), now=NOON)
    assert keys.opened_by(secret, now=NOON + HOUR - timedelta(microseconds=1)) is not None
    assert keys.opened_by(secret, now=NOON + HOUR) is None
    with pytest.raises(InputError, match="before it begins"):
        keys.create("b", READER, expires=NOON, now=NOON)
    assert keys.any_holds(NOON)
    assert not keys.any_holds(NOON + HOUR)


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_revoked_key_opens_nothing_from_the_next_look_on(keys: Keys, by: str) -> None:
    made, secret = keys.create("王", READER, now=NOON)
    other, others = keys.create("李", READER, now=NOON)
    revoked = keys.revoke(getattr(made, by), now=NOON)
    assert revoked.revoked
    assert keys.opened_by(secret, now=NOON) is None
    assert keys.opened_by(others, now=NOON) == other
    assert keys.revoke(made.id, now=NOON + HOUR).revoked == revoked.revoked  # it ended when it ended
    with pytest.raises(InputError, match="holds no more"):
        keys.rotate(made.id, now=NOON)


def test_names_of_several_or_of_none_change_nothing(keys: Keys) -> None:
    secrets = [keys.create("同名", READER, now=NOON)[1] for _ in range(2)]
    for change in (keys.revoke, keys.rotate, keys.delete):
        with pytest.raises(InputError, match="2 keys are named '同名'"):
            change("同名")
        with pytest.raises(NotFound):
            change("没有")
    assert all(keys.opened_by(one, now=NOON) for one in secrets)
    first, second = keys.all()
    keys.revoke(first.id)
    assert keys.revoke("同名").id == second.id  # what holds no more is not meant


def test_an_id_goes_before_another_keys_name(keys: Keys) -> None:
    made, secret = keys.create("first", READER, now=NOON)
    _, others = keys.create(made.id, READER, now=NOON)
    keys.revoke(made.id, now=NOON)
    assert keys.opened_by(secret, now=NOON) is None
    assert keys.opened_by(others, now=NOON) is not None


def test_a_rotated_key_keeps_its_id_and_the_old_secret_its_grace(keys: Keys) -> None:
    made, first = keys.create("王", READER, now=NOON)
    second = keys.rotate("王", keep=HOUR, now=NOON)
    assert keys.opened_by(first, now=NOON) == keys.opened_by(second, now=NOON) == made
    third = keys.rotate(made.id, keep=3 * HOUR, now=NOON)
    # Whoever had an hour left has an hour left.
    assert keys.opened_by(first, now=NOON + HOUR) is None
    assert keys.opened_by(second, now=NOON + 2 * HOUR) is not None
    assert keys.opened_by(second, now=NOON + 3 * HOUR) is None
    fourth = keys.rotate(made.id, now=NOON)
    opened = [keys.opened_by(one, now=NOON) is not None for one in (first, second, third, fourth)]
    assert opened == [False, False, False, True]
    keys.revoke(made.id, now=NOON)
    assert not any(keys.opened_by(one, now=NOON) for one in (first, second, third, fourth))


def test_a_key_that_is_deleted_leaves_no_secret(keys: Keys) -> None:
    made, secret = keys.create("王", READER)
    keys.delete("王")
    assert keys.all() == []
    assert keys.opened_by(secret) is None
    assert keys._database.rows("SELECT * FROM key_secrets") == []
    with pytest.raises(NotFound):
        keys.get(made.id)


def test_only_a_whole_secret_opens(keys: Keys) -> None:
    made, secret = keys.create("王", READER)
    other, _ = keys.create("李", READER)
    for wrong in (
        "",
        secret[:-1],
        secret + "A",
        secret.upper(),
        secret + "\n",
        secret.replace(made.id, other.id),
        secret.replace("qx-", "qy-"),
        secret.replace("-", "－"),
        f"qx-{made.id}-{'A' * 43}",
        f"qx-{made.id}-' OR '1'='1",
        made.id,
    ):
        assert keys.opened_by(wrong) is None, wrong


def test_the_secret_is_in_no_byte_on_the_disk(keys: Keys, tmp_path: Path) -> None:
    _, first = keys.create("王", READER)
    second = keys.rotate("王", keep=HOUR)
    keys.opened_by(first)
    keys.revoke("王")
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert {path.name for path in files} >= {"service.db", "service.db-wal"}
    for path in files:
        held = path.read_bytes()
        for secret in (first, second):
            assert secret.encode() not in held
            assert secret.split("-", 2)[2].encode() not in held
        assert path.stat().st_mode & 0o077 == 0


def test_uses_are_kept(keys: Keys) -> None:
    made, _ = keys.create("王", READER, now=NOON)
    keys.note_use([made.id, "no such key"], now=NOON + HOUR)
    assert keys.get("王").used == "2026-05-01T13:00:00.000000+00:00"


def _revoke(home: str, name: str) -> None:
    opened = Keys(open_service(Path(home)))
    opened.revoke(name)
    opened.close()


def test_another_process_revokes(keys: Keys, tmp_path: Path) -> None:
    _, secret = keys.create("王", READER)
    assert keys.opened_by(secret) is not None
    process = multiprocessing.get_context("spawn").Process(target=_revoke, args=(str(tmp_path), "王"))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert keys.opened_by(secret) is None


# -- against a model -----------------------------------------------------------------------------------------


@dataclass
class Known:
    """What the model knows of a key."""

    key: Key
    ends: datetime | None
    revoked: bool = False
    # Each secret with the moment until which it holds, None for as long as the key.
    secrets: dict[str, datetime | None] = field(default_factory=dict)


names = st.text("王小明李 Zoë　-_aA1", min_size=1, max_size=8).filter(lambda name: name.strip() and name.isprintable())
labels = st.none() | st.frozensets(st.sampled_from(["hr", "人事", "public"]), max_size=2)
grants = st.builds(
    Grant,
    labels,
    st.none() | st.frozensets(st.sampled_from(["a", "默认"]), max_size=2),
    st.frozensets(st.sampled_from([one for one in ACTIONS if one != "admin"]), min_size=1),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(0, 9),
)


class Machine(RuleBasedStateMachine):
    """Two openings of one file, a clock, and a dictionary that says what should be so."""

    ids: Bundle[str] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.both = [Keys(open_service(Path(self.folder.name))) for _ in range(2)]
        self.now = NOON
        self.known: dict[str, Known] = {}

    def teardown(self) -> None:
        for one in self.both:
            one.close()
        self.folder.cleanup()

    @rule(target=ids, which=st.integers(0, 1), name=names, grant=grants, hours=st.none() | st.integers(1, 5))
    def create(self, which: int, name: str, grant: Grant, hours: int | None) -> str:
        ends = self.now + hours * HOUR if hours else None
        key, secret = self.both[which].create(name, grant, expires=ends, now=self.now)
        assert key.id not in self.known
        self.known[key.id] = Known(key, ends, secrets={secret: None})
        return key.id

    @rule(which=st.integers(0, 1), id=ids, keep=st.integers(0, 3))
    def rotate(self, which: int, id: str, keep: int) -> None:
        one = self.known[id]
        if not self.holds(one):
            with pytest.raises(InputError):
                self.both[which].rotate(id, keep=keep * HOUR, now=self.now)
            return
        secret = self.both[which].rotate(id, keep=keep * HOUR, now=self.now)
        until = self.now + keep * HOUR
        one.secrets = {old: min(until, ends or until) for old, ends in one.secrets.items()} | {secret: None}

    @rule(which=st.integers(0, 1), id=ids)
    def revoke(self, which: int, id: str) -> None:
        self.both[which].revoke(id, now=self.now)
        self.known[id].revoked = True

    @rule(target=ids, which=st.integers(0, 1), id=consumes(ids))
    def delete(self, which: int, id: str) -> object:
        self.both[which].delete(id)
        del self.known[id]
        return multiple()

    @rule(hours=st.sampled_from([0.25, 1, 2]))
    def wait(self, hours: float) -> None:
        self.now += hours * HOUR

    def holds(self, one: Known) -> bool:
        return not one.revoked and (one.ends is None or self.now < one.ends)

    @invariant()
    def every_secret_opens_what_it_should(self) -> None:
        for keys in self.both:
            for id, one in self.known.items():
                for secret, until in one.secrets.items():
                    opened = keys.opened_by(secret, now=self.now)
                    if self.holds(one) and (until is None or self.now < until):
                        assert opened == one.key
                    else:
                        assert opened is None
                assert replace(keys.get(id), revoked="") == one.key
            assert {key.id for key in keys.all()} == set(self.known)
            assert keys.any_holds(self.now) == any(map(self.holds, self.known.values()))


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_secrets_are_made_of_what_headers_may_hold(keys: Keys) -> None:
    _, secret = keys.create("王", READER)
    assert set(secret) <= set(string.ascii_letters + string.digits + "-_")


# -- the command line --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "language, of_one, of_two",
    [
        ("en", "小明 has another key that holds: `qianxun keys revoke {0}` ends it.", "has 2 other keys that hold: "),
        ("zh", "小明 另有一个有效的密钥，可用 `qianxun keys revoke {0}` 吊销。", "另有 2 个有效的密钥："),
    ],
)
def test_a_second_key_of_a_name_is_made_and_the_other_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str, of_one: str, of_two: str
) -> None:
    def made(*options: str) -> tuple[str, str]:
        argv = ["keys", "create", " 小明", "--language", language, "--set", f"home={tmp_path}", *options]
        assert main(argv) == 0
        out, told = capsys.readouterr()
        return out, told

    secret, told = made()
    first = secret.split("-")[1]
    assert len(told.splitlines()) == 1
    as_json, told = made("--json")
    assert told == f"{of_one.format(first)}\n"
    second = json.loads(as_json)["keys"][0]["id"]
    secret, told = made()
    assert secret.count("\n") == 1
    assert of_two in told
    assert first in told
    assert second in told
    with closing(Keys(open_service(tmp_path))) as keys:
        for key in keys.all()[1:]:
            keys.revoke(key.id)
    assert of_one.format(first) in made("--until", "1d")[1]
    with closing(Keys(open_service(tmp_path))) as keys:
        for key in keys.all():
            keys.revoke(key.id)
    assert len(made()[1].splitlines()) == 1


@pytest.mark.parametrize(
    "language, said, among",
    [
        ("en", "There is no knowledge base {}; the key opens it as soon as there is.", "There are: hr, 制度."),
        ("zh", "目前没有知识库 {}；建立之后此密钥即可使用它。", "现有：hr，制度。"),
    ],
)
def test_a_key_for_a_knowledge_base_that_is_not_there_is_made_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str, said: str, among: str
) -> None:
    def made(name: str, *bases: str) -> list[str]:
        options = [part for base in bases for part in ("--base", base)]
        argv = ["keys", "create", name, *options, "--json", "--language", language, "--set", f"home={tmp_path}"]
        assert main(argv) == 0
        out, told = capsys.readouterr()
        assert json.loads(out)["keys"][0]["bases"] == (sorted(bases) or None)
        return told.splitlines()

    assert made("a", "制度") == [said.format("制度")]
    for base in ("制度", "hr"):
        qianxun.open(tmp_path / "kb" / base).close()
    assert made("b", "制度", "hr") == []
    assert made("c") == []
    found = made("d", "制庋", "hr", "HR")
    assert len(found) == 2
    for line, name in zip(found, ("HR", "制庋"), strict=True):
        assert line.startswith(said.format(name))
        assert line.endswith(among)
