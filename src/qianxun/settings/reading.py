"""Finds, merges and checks settings. Knows their form, not what they are for."""

import dataclasses
import difflib
import os
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from qianxun.errors import InputError, SettingsError
from qianxun.settings.engines import is_address
from qianxun.settings.profiles import PROFILES
from qianxun.settings.sections import EnrichmentSettings, Settings

FILE_NAME = "qianxun.toml"
KB_FILE_NAME = "kb.toml"
ENVIRONMENT_PREFIX = "QIANXUN_"
# Variables of this prefix that are no settings: where everything lies, what is never to be in a file, and what the
# lines of the documentation call a service and a key for it.
_NO_SETTINGS = frozenset({"QIANXUN_HOME", "QIANXUN_SOURCE_PASSWORD", "QIANXUN_AUDIT_KEY", "QIANXUN_URL", "QIANXUN_KEY"})

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = typing.TypeVar("S", bound="DataclassInstance")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key, as documentation and `init` show it."""

    key: str
    default: Any
    about: str
    kind: str


# Stands in a setting's key for the name that somebody gives a section.
ANY_NAME: Final = "NAME"


def every_setting(section: type = Settings, prefix: str = "") -> Iterator[Setting]:
    """Each key in the order of the file, sections last."""
    hints = typing.get_type_hints(section)
    for item in dataclasses.fields(section):
        if not (dataclasses.is_dataclass(hints[item.name]) or _kind_of_named(hints[item.name])):
            yield Setting(prefix + item.name, _default(item), item.metadata["about"], _kind_in_words(hints[item.name]))
    for item in dataclasses.fields(section):
        if dataclasses.is_dataclass(hints[item.name]):
            yield from every_setting(typing.cast(type, hints[item.name]), f"{prefix}{item.name}.")
        elif kind := _kind_of_named(hints[item.name]):
            yield from every_setting(kind, f"{prefix}{item.name}.{ANY_NAME}.")


def load_settings(
    *,
    config: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """The settings for this process.

    `config` is a file given by hand, else the working directory's, else the home's. `overrides` are
    `key=value` texts of the command line. Raises SettingsError naming the key, the value and the file.
    """
    values = os.environ if environ is None else environ
    layers: list[tuple[str, Mapping[str, Any]]] = []
    path = find_config(config, values, cwd)
    if path is not None:
        layers.append((str(path), _from_beside(path, read_toml(path))))
    layers.append(("environment", _variables(values)))
    layers += [("--set", nested) for nested in map(_of_override, overrides)]
    settings = Settings()
    for origin, layer in layers:
        if "profile" in layer:
            settings = merged(settings, {"profile": layer["profile"]}, origin)
    settings = merged(settings, PROFILES[settings.profile], f"profile {settings.profile}")
    for origin, layer in layers:
        settings = merged(settings, layer, origin)
    return settings


def _from_beside(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The values with relative paths taken from the file's own folder, so that they mean the same from everywhere.

    `kb` is a path only if it looks like one; else it is a name.
    """
    found = dict(values)
    for key in ("documents", "home", "kb"):
        value = found.get(key)
        if isinstance(value, str) and value and (key != "kb" or os.sep in value or value.startswith(".")):
            found[key] = str(path.absolute().parent / Path(value).expanduser())
    for section, key in (("reading", "passwords_file"), ("search", "synonyms_file")):
        given = found.get(section)
        if isinstance(given, dict) and isinstance(given.get(key), str) and given[key]:
            found[section] = {**given, key: str(path.absolute().parent / Path(given[key]).expanduser())}
    found = _word_lists_from_beside(path, found)
    for section in ("encoder", "reranker", "generator"):
        given = found.get(section)
        if isinstance(given, dict):
            model = given.get("model")
            if isinstance(model, str) and model.startswith((".", "~")) and not is_address(model):
                found[section] = {**given, "model": str(path.absolute().parent / Path(model).expanduser())}
    return found


def _word_lists_from_beside(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    guard = values.get("guard")
    if not isinstance(guard, dict) or not isinstance(guard.get("words"), list):
        return values
    folder = path.absolute().parent
    words = [str(folder / Path(one).expanduser()) if isinstance(one, str) else one for one in guard["words"]]
    return {**values, "guard": {**guard, "words": words}}


def with_overrides(settings: Settings, overrides: Sequence[str]) -> Settings:
    """The settings with `key=value` texts applied."""
    for text in overrides:
        settings = merged(settings, _of_override(text), "--set")
    return settings


def _of_override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise SettingsError("--set {text!r} is not KEY=VALUE.", remedy="Example: --set search.k=5", text=text)
    return _nested(key.strip(), value.strip())


def for_knowledge_base(settings: Settings, directory: Path, overrides: Sequence[str] = ()) -> Settings:
    """The settings with the knowledge base's own `kb.toml` over them; the environment and `--set` win again."""
    path = directory / KB_FILE_NAME
    if not path.is_file():
        return settings
    # What is written about chunks is of the data: where the file does not say that it is, it is not.
    kept = EnrichmentSettings(max_tokens=settings.enrichment.max_tokens)
    own = _word_lists_from_beside(path, read_toml(path))
    settings = merged(dataclasses.replace(settings, enrichment=kept), own, str(path))
    variables = _variables(os.environ)
    if variables:
        settings = merged(settings, variables, "environment")
    return with_overrides(settings, overrides)


def enrichment_in_force(settings: Settings, directory: Path) -> Settings:
    """The settings with the enrichment that the knowledge base's `kb.toml` tells of, whatever else asks for."""
    path = directory / KB_FILE_NAME
    if not path.is_file():
        return settings
    kept = EnrichmentSettings(max_tokens=settings.enrichment.max_tokens)
    told = {"enrichment": read_toml(path).get("enrichment", {})}
    return merged(dataclasses.replace(settings, enrichment=kept), told, str(path))


def find_config(config: Path | None, environ: Mapping[str, str], cwd: Path | None = None) -> Path | None:
    """The settings file in force, or None."""
    if config is not None:
        if not config.is_file():
            raise InputError("No settings file at {path}.", remedy="Make one with `qianxun init`.", path=config)
        return config
    for path in ((cwd or Path.cwd()) / FILE_NAME, home_directory(Settings(), environ) / FILE_NAME):
        if path.is_file():
            return path
    return None


def home_directory(settings: Settings, environ: Mapping[str, str] | None = None) -> Path:
    """Where knowledge bases live: the setting, `QIANXUN_HOME`, or the platform's data folder."""
    if settings.home:
        return Path(settings.home).expanduser()
    chosen = (os.environ if environ is None else environ).get(ENVIRONMENT_PREFIX + "HOME")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("qianxun", appauthor=False))


def models_directory(settings: Settings) -> Path:
    """Where models lie that `qianxun models pull` brought."""
    return Path(settings.models.folder).expanduser() if settings.models.folder else home_directory(settings) / "models"


def knowledge_base_directory(settings: Settings, name: str | None = None) -> Path:
    """The folder of a knowledge base: a path if it looks like one or exists as a folder, else a name under home."""
    chosen = name or settings.kb
    path = Path(chosen).expanduser()
    if path.is_absolute() or os.sep in chosen or chosen.startswith(".") or (path / "knowledge.db").is_file():
        return path.absolute()
    return home_directory(settings) / "kb" / chosen


def read_toml(path: Path) -> dict[str, Any]:
    """A settings file as nested dictionaries."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            "{path} is not valid TOML: {error}.", remedy="Mend that line.", path=path, error=str(error).rstrip(".")
        ) from error


def merged(settings: S, values: Mapping[str, Any], origin: str, prefix: str = "") -> S:
    """The settings with nested values over them, each checked against its declared type and range."""
    hints = typing.get_type_hints(type(settings))
    declared = {item.name: item for item in dataclasses.fields(settings)}
    changes: dict[str, Any] = {}
    for name, value in values.items():
        key = prefix + name
        if name not in declared:
            raise _unknown(key, origin)
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise SettingsError(
                    "{origin}: {key} is a section, not a value.", remedy="Set a key inside it.", origin=origin, key=key
                )
            changes[name] = merged(getattr(settings, name), value, origin, key + ".")
        elif kind := _kind_of_named(hint):
            changes[name] = _named(getattr(settings, name), value, kind, key, origin)
        else:
            changes[name] = _checked(value, hint, declared[name], key, origin)
    return dataclasses.replace(settings, **changes)


def _kind_of_named(hint: Any) -> type | None:
    """The section that a mapping from names holds; None for what is no such mapping."""
    return typing.get_args(hint)[1] if typing.get_origin(hint) is Mapping else None


def _named(before: Mapping[str, Any], value: Any, kind: type, key: str, origin: str) -> dict[str, Any]:
    """The sections by their names, with those of the value over them."""
    if not isinstance(value, Mapping) or not all(isinstance(one, Mapping) for one in value.values()):
        raise SettingsError(
            "{origin}: {key} holds sections by their names, not values.",
            remedy="Write [{key}.NAME] above them.",
            origin=origin,
            key=key,
        )
    return {**before, **{n: merged(before.get(n) or kind(), one, origin, f"{key}.{n}.") for n, one in value.items()}}


def _unknown(key: str, origin: str) -> SettingsError:
    known = [setting.key for setting in every_setting()]
    known += sorted({k.partition(".")[0] for k in known if "." in k})
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if not near:
        return SettingsError(
            "{origin}: unknown setting {key!r}.", remedy="docs/settings.md lists them.", origin=origin, key=key
        )
    return SettingsError(
        "{origin}: unknown setting {key!r}.", remedy="Did you mean {near!r}?", origin=origin, key=key, near=near[0]
    )


def _checked(value: Any, hint: Any, item: "dataclasses.Field[Any]", key: str, origin: str) -> Any:
    try:
        cast = _cast(value, hint)
    except (ValueError, TypeError) as error:
        raise SettingsError(
            "{origin}: {key} = {value!r} is not {kind}.",
            remedy="Example: {key} = {default}",
            origin=origin,
            key=key,
            value=value,
            kind=_kind_in_words(hint),
            default=to_toml(_default(item)),
        ) from error
    low, high = item.metadata.get("at_least"), item.metadata.get("at_most")
    if (low is not None and cast < low) or (high is not None and cast > high):
        raise SettingsError(
            "{origin}: {key} = {value} is out of range.",
            remedy="It must be {range}.",
            origin=origin,
            key=key,
            value=value,
            range=f"{low} … {high}" if high is not None else f"≥ {low}",
        )
    return cast


def _cast(value: Any, hint: Any) -> Any:
    if typing.get_origin(hint) is Literal:
        if value not in typing.get_args(hint):
            raise ValueError(value)
        return value
    if typing.get_origin(hint) is tuple:
        parts = _parts(value) if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(isinstance(p, str) for p in parts):
            raise TypeError(value)
        return tuple(parts)
    if hint is bool:
        if isinstance(value, str):
            return (
                {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[value.lower()]
                if value.lower() in ("true", "yes", "1", "false", "no", "0")
                else _refuse(value)
            )
        return value if isinstance(value, bool) else _refuse(value)
    if isinstance(value, bool):
        return _refuse(value)
    if hint in (int, float):
        if not isinstance(value, int | float | str):
            return _refuse(value)
        number = float(value)
        if number != number or (hint is int and number != int(number)):
            return _refuse(value)
        return hint(number)
    return value if isinstance(value, str) else _refuse(value)


def _parts(text: str) -> list[Any]:
    """`a,b`, or the list as a settings file has it: `["a", "b"]`."""
    if text.lstrip().startswith("["):
        try:
            found: list[Any] = tomllib.loads(f"list = {text}")["list"]
            return found
        except tomllib.TOMLDecodeError as error:
            raise ValueError(text) from error
    return [part.strip() for part in text.split(",") if part.strip()]


def _refuse(value: Any) -> typing.NoReturn:
    raise ValueError(value)


def _kind_in_words(hint: Any) -> str:
    if typing.get_origin(hint) is Literal:
        return " | ".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) is tuple:
        return "a list of texts"
    if isinstance(hint, types.UnionType):
        return str(hint)
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}[hint]


def _default(item: "dataclasses.Field[Any]") -> Any:
    if item.default is not dataclasses.MISSING:
        return item.default
    assert item.default_factory is not dataclasses.MISSING
    return item.default_factory()


def _variables(environ: Mapping[str, str]) -> dict[str, Any]:
    """`QIANXUN_SEARCH__K=5` as {"search": {"k": "5"}}: two underscores separate section and key.

    A variable that names no section and no key of ours (`QIANXUN_HOME` does) is an error as in a file.
    """
    values: dict[str, Any] = {}
    for name, value in environ.items():
        if name.startswith(ENVIRONMENT_PREFIX) and name not in _NO_SETTINGS:
            section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
            if key:
                values.setdefault(section, {})[key] = value
            else:
                values[section] = value
    return values


def _nested(key: str, value: str) -> dict[str, Any]:
    nested: Any = value
    for part in reversed(key.split(".")):
        nested = {part: nested}
    return typing.cast(dict[str, Any], nested)


def to_toml(value: Any) -> str:
    """A setting's value as TOML text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(to_toml(v) for v in value) + "]"
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    return str(value)
