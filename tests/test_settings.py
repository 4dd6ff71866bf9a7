"""Settings: where each value comes from, and what is refused."""

import dataclasses
import re
from pathlib import Path

import pytest

from qianxun.errors import InputError, SettingsError
from qianxun.settings import (
    ANY_NAME,
    PersonaSettings,
    ScheduleSettings,
    Settings,
    every_setting,
    for_knowledge_base,
    knowledge_base_directory,
    load_settings,
    to_toml,
)


def load(
    tmp_path: Path, text: str = "", *, environ: dict[str, str] | None = None, overrides: tuple[str, ...] = ()
) -> Settings:
    (tmp_path / "qianxun.toml").write_text(text, encoding="utf-8")
    return load_settings(environ=environ or {}, cwd=tmp_path, overrides=overrides)


def test_each_layer_goes_over_the_one_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(tmp_path).search.k == 10
    assert load(tmp_path, "[search]\nk = 5").search.k == 5
    assert load(tmp_path, "[search]\nk = 5", environ={"QIANXUN_SEARCH__K": "6"}).search.k == 6
    settings = load(tmp_path, "[search]\nk = 5", environ={"QIANXUN_SEARCH__K": "6"}, overrides=("search.k=7",))
    assert settings.search.k == 7
    kb = tmp_path / "kb"
    kb.mkdir()
    (kb / "kb.toml").write_text("[search]\nk = 8")
    assert for_knowledge_base(settings, kb).search.k == 8
    assert for_knowledge_base(settings, kb, ("search.k=9",)).search.k == 9
    monkeypatch.setenv("QIANXUN_SEARCH__K", "11")
    assert for_knowledge_base(settings, kb).search.k == 11


def test_unknown_key_is_refused_with_the_nearest_known_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"unknown setting 'search\.kk'.*'search\.k'"):
        load(tmp_path, "[search]\nkk = 5")
    with pytest.raises(SettingsError, match=r"environment: unknown setting 'serch'.*'search'"):
        load(tmp_path, environ={"QIANXUN_SERCH__K": "5"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[search]\nk = 'many'", "search.k = 'many' is not a whole number"),
        ("[search]\nk = 1.5", "is not a whole number"),
        ("[search]\nk = true", "is not a whole number"),
        ("[search]\nk = 0", "search.k = 0 is out of range"),
        ("[search]\nmode = 'both'", "is not hybrid | lexical | dense"),
        ("[search]\ngroup_duplicates = 'maybe'", "is not true or false"),
        ("[answer]\nmin_support = 2.0", "out of range"),
        ("search = 3", "search is a section, not a value"),
        ("[access]\ndefault_labels = [1]", "is not a list of texts"),
        ("k = ", "is not valid TOML"),
    ],
)
def test_bad_value_names_key_value_and_what_is_expected(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_relative_paths_of_a_file_are_taken_from_its_folder(tmp_path: Path) -> None:
    settings = load(tmp_path, 'documents = "文档"\nkb = "./kb"')
    assert settings.documents == str(tmp_path / "文档")
    assert settings.kb == str(tmp_path / "kb")
    passwords = load(tmp_path, "[reading]\npasswords_file = '密码.txt'").reading.passwords_file
    assert passwords == str(tmp_path / "密码.txt")
    assert load(tmp_path, 'kb = "name"').kb == "name"
    assert load(tmp_path, overrides=("documents=here",)).documents == "here"


def test_suggestion_only_when_something_is_near(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'serach'.*'search'"):
        load(tmp_path, "[serach]\nk = 1")
    with pytest.raises(SettingsError, match=r"settings\.md"):
        load(tmp_path, overrides=("zzzzzz=1",))


def test_texts_from_the_command_line_become_values(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        overrides=(
            "search.group_duplicates=no",
            "access.default_labels=人事, hr",
            "answer.min_support=0.25",
            "kb=中文库",
            'signals.labels=["official=2", "草稿=0.5"]',
        ),
    )
    assert settings.signals.labels == ("official=2", "草稿=0.5")
    with pytest.raises(SettingsError, match="not a list of texts"):
        load(tmp_path, overrides=('signals.labels=["official=2"',))
    assert settings.search.group_duplicates is False
    assert settings.access.default_labels == ("人事", "hr")
    assert settings.answer.min_support == 0.25
    assert settings.kb == "中文库"
    with pytest.raises(SettingsError, match="not KEY=VALUE"):
        load(tmp_path, overrides=("search.k",))


def test_a_file_named_by_hand_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No settings file"):
        load_settings(config=tmp_path / "none.toml", environ={})


def test_knowledge_base_is_a_name_or_a_folder(tmp_path: Path) -> None:
    settings = dataclasses.replace(Settings(), home=str(tmp_path))
    assert knowledge_base_directory(settings) == tmp_path / "kb" / "default"
    assert knowledge_base_directory(settings, "hr") == tmp_path / "kb" / "hr"
    assert knowledge_base_directory(settings, "./hr") == Path.cwd() / "hr"
    assert knowledge_base_directory(settings, str(tmp_path / "x")) == tmp_path / "x"


def test_every_setting_says_what_it_is_and_its_default_is_valid_toml(tmp_path: Path) -> None:
    for setting in every_setting():
        assert setting.about
        section, _, key = setting.key.rpartition(".")
        text = f"[{section}]\n" * bool(section) + f"{key} = {to_toml(setting.default)}"
        kinds = {"personas": PersonaSettings, "schedules": ScheduleSettings}
        name = section.partition(".")[0]
        named = {name: {ANY_NAME: kinds[name]()}} if ANY_NAME in section else {}
        assert load(tmp_path, text) == dataclasses.replace(Settings(), **named)


def test_sections_under_names_are_merged_by_name(tmp_path: Path) -> None:
    text = '[personas.legal]\ninstructions = "逐条引用"\ngrounding = "required"\n[personas."客服"]\nlanguage = "zh"\n'
    settings = load(tmp_path, text, overrides=("personas.legal.language=en", "personas.new.max_tokens=99"))
    assert settings.personas == {
        "legal": PersonaSettings(instructions="逐条引用", language="en"),
        "客服": PersonaSettings(language="zh"),
        "new": PersonaSettings(max_tokens=99),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("personas = 3", "personas holds sections by their names"),
        ("[personas]\nlegal = 3", "personas holds sections by their names"),
        ('[personas.legal]\ngrounding = "perhaps"', "personas.legal.grounding = 'perhaps' is not required"),
        ('[personas.legal]\ngroundin = "off"', "unknown setting 'personas.legal.groundin'"),
    ],
)
def test_wrong_sections_under_names_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        load(tmp_path, text)
