"""Which files below a folder are read: names left out, ignore files, patterns, links."""

import os
from pathlib import Path

import pytest

import qianxun
from qianxun.settings import ReadingSettings
from qianxun.sources.find import FoundFile, find_files
from qianxun.sources.patterns import rules_of


def made(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("年假五天。", encoding="utf-8")
    return folder


def found(*paths: Path, **settings: object) -> list[str]:
    reading = ReadingSettings(**settings)  # type: ignore[arg-type]
    top = paths[0] if paths[0].is_dir() else paths[0].parent
    files = find_files(paths, reading=reading, without=top / "kb")
    return [file.path.relative_to(top).as_posix() for file in files if isinstance(file, FoundFile)]


@pytest.mark.parametrize(
    "pattern, left_out, kept",
    [
        ("*.log", ["a.log", "深/b.log"], ["a.log.txt"]),
        ("/a.log", ["a.log"], ["x/a.log"]),
        ("草稿", ["草稿", "x/草稿"], ["草稿箱"]),
        ("x/*.txt", ["x/a.txt"], ["x/y/a.txt", "z/x/a.txt"]),
        ("x/**", ["x/a", "x/y/b"], ["x"]),
        ("**/临时", ["临时", "a/b/临时"], ["临时2"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["b", "a/x"]),
        ("第?章.md", ["第一章.md"], ["第十一章.md"]),
        ("[ab].txt", ["a.txt", "b.txt"], ["c.txt"]),
        ("[!ab].txt", ["c.txt"], ["a.txt"]),
        (r"\#1.txt", ["#1.txt"], ["1.txt"]),
        (r"\!.txt", ["!.txt"], [".txt"]),
        ("a(1)+.txt", ["a(1)+.txt"], ["a1.txt"]),
        ("trailing.txt   ", ["trailing.txt"], ["trailing.txt "]),
        ("[z-a].txt", ["[z-a].txt"], ["z.txt"]),
        ("[a.txt", ["[a.txt"], ["a.txt"]),
        ("（全角）.txt", ["（全角）.txt"], ["(全角).txt"]),
    ],
)
def test_a_pattern_leaves_out(pattern: str, left_out: list[str], kept: list[str]) -> None:
    (rule,) = rules_of([pattern])
    assert rule.ignores
    assert [name for name in left_out if not rule.shape.fullmatch(name)] == []
    assert [name for name in kept if rule.shape.fullmatch(name)] == []


def test_comments_and_blank_lines_are_no_rules() -> None:
    assert list(rules_of(["", "   ", "# 注释", "/", "!"])) == []


def test_ignore_files_hold_below_their_folder_and_the_innermost_decides(tmp_path: Path) -> None:
    made(
        tmp_path, "a.txt", "a.log", "深/a.log", "深/b.log", "深/更深/b.log", "build/a.txt", "深/build/a.txt", "keep.log"
    )
    (tmp_path / ".qianxunignore").write_text("# 日志\n*.log\n!keep.log\n/build/\n", encoding="utf-8")
    (tmp_path / "深" / ".qianxunignore").write_text("!b.log\n", encoding="utf-8")
    assert found(tmp_path) == ["a.txt", "keep.log", "深/b.log", "深/build/a.txt", "深/更深/b.log"]


def test_a_rule_for_folders_leaves_files_of_that_name(tmp_path: Path) -> None:
    made(tmp_path, "旧/a.txt", "x/旧")
    (tmp_path / ".qianxunignore").write_text("旧/\n", encoding="utf-8")
    assert found(tmp_path) == ["x/旧"]


def test_a_file_that_is_named_is_read_whatever_the_rules_say(tmp_path: Path) -> None:
    made(tmp_path, "a.log", "b.txt")
    (tmp_path / ".qianxunignore").write_text("*.log\n", encoding="utf-8")
    assert found(tmp_path / "a.log", include=("*.txt",)) == ["a.log"]


def test_only_what_is_included_is_read(tmp_path: Path) -> None:
    made(tmp_path, "a.txt", "b.md", "人事/c.md", "人事/d.txt", "~$e.md")
    assert found(tmp_path, include=("*.md",)) == ["b.md", "人事/c.md"]
    assert found(tmp_path, include=("人事/*", "a.*")) == ["a.txt", "人事/c.md", "人事/d.txt"]


@pytest.mark.parametrize(
    "policy, names",
    [
        ("none", ["own.txt", "real/a.txt"]),
        ("files", ["file-link.txt", "own.txt", "real/a.txt"]),
        ("all", ["file-link.txt", "folder-link/b.txt", "own.txt", "real/a.txt"]),
    ],
)
def test_links_are_followed_as_the_settings_say(tmp_path: Path, policy: str, names: list[str]) -> None:
    top = made(tmp_path / "top", "own.txt", "real/a.txt")
    outside = made(tmp_path / "outside", "b.txt")
    (top / "file-link.txt").symlink_to(outside / "b.txt")
    (top / "folder-link").symlink_to(outside)
    (top / "dangling.txt").symlink_to(tmp_path / "nowhere")
    (outside / "back").symlink_to(top)  # a circle
    (top / "real" / "up").symlink_to(top)
    assert sorted(found(top, follow_links=policy)) == names


def test_what_is_left_out_stays_until_it_is_removed(tmp_path: Path) -> None:
    folder = made(tmp_path / "docs", "a.txt", "b.txt")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        kb.add(folder)
        (folder / ".qianxunignore").write_text("b.txt\n")
        (folder / "a.txt").unlink()
        report = kb.add(folder, sync=True)
        assert report.removed == 1
        assert [Path(d.source).name for d in kb.documents()] == ["b.txt"]


def test_odd_names_are_found(tmp_path: Path) -> None:
    names = ["空 格.txt", "a\nb.txt", "－全角－.txt", "émoji😀.txt", "'引号\".txt", "a" * 200 + ".txt"]
    made(tmp_path, *names)
    if os.name == "posix":
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xc4\xea\xbc\xd9.txt"))).write_text("gbk")
    assert len(found(tmp_path)) == len(names) + (os.name == "posix")
