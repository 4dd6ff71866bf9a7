"""`init` writes a settings file that says everything; `doctor` says what is broken and how to mend it."""

import io
import json
import sys
import tomllib
from pathlib import Path

import pytest

from qianxun.cli import doctor
from qianxun.cli.main import main
from qianxun.settings import Settings, every_setting, load_settings


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def values_of(text: str) -> dict[str, object]:
    """What a settings file sets; sections in which everything is commented out are left out."""
    return {key: value for key, value in tomllib.loads(text).items() if value != {}}


def terminal(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    stdin = io.StringIO(typed)
    monkeypatch.setattr(stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", stdin)


def test_flags_answer_and_the_file_holds_every_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "资料").mkdir()
    assert main(["init", "--documents", "资料", "--model", "builtin", "--language", "zh"]) == 0
    text = (tmp_path / "qianxun.toml").read_text(encoding="utf-8")
    assert values_of(text) == {"documents": str(tmp_path / "资料"), "language": "zh"}
    for setting in every_setting():
        assert f"{setting.key.rpartition('.')[2]} = " in text
    assert capsys.readouterr().out.splitlines()[-1] == "下一步：qianxun add"
    assert load_settings().documents == str(tmp_path / "资料")


def test_defaults_uncommented_are_the_defaults(tmp_path: Path) -> None:
    assert main(["init", "--yes"]) == 0
    lines = (tmp_path / "qianxun.toml").read_text(encoding="utf-8").splitlines()
    keys = {setting.key.rpartition(".")[2] for setting in every_setting()}
    (tmp_path / "qianxun.toml").write_text(
        "\n".join(line[2:] if line.startswith("# ") and line[2:].split(" = ")[0] in keys else line for line in lines),
        encoding="utf-8",
    )
    assert load_settings() == Settings()


def test_never_overwrites_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "qianxun.toml").write_text("# mine\n", encoding="utf-8")
    assert main(["init", "--yes"]) == 2
    assert (tmp_path / "qianxun.toml").read_text(encoding="utf-8") == "# mine\n"
    assert "qianxun init --force" in capsys.readouterr().err
    assert main(["init", "--yes", "--force"]) == 0
    assert (tmp_path / "qianxun.toml").read_text(encoding="utf-8") != "# mine\n"


def test_without_a_terminal_defaults_with_a_note(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["init"]) == 0
    assert "No terminal to ask at" in capsys.readouterr().err
    assert tomllib.loads((tmp_path / "qianxun.toml").read_text(encoding="utf-8")).get("language") is None


def test_asks_at_most_four_questions_at_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(monkeypatch, "docs\nbuiltin\nfr\nzh\n")
    assert main(["init"]) == 0
    asked = capsys.readouterr().err
    for words in ("Folder of your documents", "Model", "Language of messages"):
        assert words in asked
    assert "Key variable" not in asked  # the model needs none
    written = (tmp_path / "qianxun.toml").read_text(encoding="utf-8")
    assert values_of(written) == {"documents": str(tmp_path / "docs"), "language": "zh"}


def test_mistyped_model_is_asked_again_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(monkeypatch, "docs\nbuitlin\n\n\n")
    assert main(["init"]) == 0
    asked = capsys.readouterr().err
    assert "buitlin is not one of builtin" in asked
    assert "hash" not in asked
    assert values_of((tmp_path / "qianxun.toml").read_text(encoding="utf-8")) == {"documents": str(tmp_path / "docs")}


@pytest.mark.parametrize("typed", ["'my docs'", '"my docs"', "my docs"])
def test_pasted_path_loses_its_quotes(typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch, f"{typed}\n\n\n")
    assert main(["init"]) == 0
    assert values_of((tmp_path / "qianxun.toml").read_text(encoding="utf-8"))["documents"] == str(tmp_path / "my docs")


def test_stopping_in_the_middle_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch, "docs\n")
    assert main(["init"]) == 130
    assert not (tmp_path / "qianxun.toml").exists()


@pytest.mark.parametrize("flags", [["--model", "gpt"], ["--key-variable", "KEY"]])
def test_a_model_that_is_not_there_and_a_key_that_is_not_needed_are_refused(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *flags]) == 2
    assert not (tmp_path / "qianxun.toml").exists()


def test_config_names_the_file_and_json_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--config", "sub/my.toml", "--json", "--yes"]) == 0
    shape = json.loads(capsys.readouterr().out)
    assert Path(shape["file"]) == Path("sub/my.toml")
    assert (tmp_path / "sub" / "my.toml").is_file()


def test_doctor_finds_nothing_broken_here(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    shape = json.loads(capsys.readouterr().out)
    assert (code, shape["problems"]) == (0, [])
    assert set(shape) == {
        "ok",
        "problems",
        "settings",
        "versions",
        "extras",
        "paths",
        "machine",
        "reachable",
        "version",
    }
    assert set(doctor.LIBRARIES) <= set(shape["versions"])
    assert shape["paths"]["writable"] is True
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "Nothing is broken." in out
    assert "  qwen\t" in out
    assert "_" not in "".join(line.split("\t")[0] for line in out.splitlines())
    assert main(["doctor", "--language", "zh"]) == 0
    out = capsys.readouterr().out
    assert "  内存\t" in out
    assert "knowledge" not in out.split("程序\t")[1].split("\t")[0]


def test_doctor_names_what_is_broken_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "qianxun.toml").write_text("[search]\nkk = 5\n", encoding="utf-8")
    monkeypatch.setattr(doctor, "LIBRARIES", {"no-such-package": "nothing", "numpy": "numpy.does_not_exist"})
    monkeypatch.setattr(doctor, "_memory", lambda: (1, 1))
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "unknown setting 'search.kk'" in out
    assert "no-such-package is not installed. Install it: pip install no-such-package" in out
    assert "numpy does not load" in out
    assert "memory" in out


def test_doctor_names_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["doctor", "--kb", str(tmp_path / "file" / "kb"), "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["problem"] == f"{tmp_path / 'file'} cannot be written."
    assert "--kb" in problem["remedy"]
