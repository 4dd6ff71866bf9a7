"""Settings: built-in defaults < profile < file < knowledge base < environment < command line. Read once, at a door.

`sections` says what can be set, `profiles` which models belong together, `engines` what a section means,
`reading` finds, merges and checks the values, `own` says what a knowledge base remembers of them. Nothing here makes
an object of another kind or opens anything but settings files.
"""

from qianxun.settings.engines import SECTIONS_OF_MODELS, address_of, engine_of, model_of
from qianxun.settings.own import own_settings, own_text, same_encoder, with_encoder
from qianxun.settings.profiles import PROFILES
from qianxun.settings.reading import (
    ENVIRONMENT_PREFIX,
    FILE_NAME,
    KB_FILE_NAME,
    Setting,
    every_setting,
    find_config,
    for_knowledge_base,
    home_directory,
    knowledge_base_directory,
    load_settings,
    merged,
    models_directory,
    read_toml,
    to_toml,
    with_overrides,
)
from qianxun.settings.sections import (
    AccessSettings,
    AnswerSettings,
    EncoderSettings,
    GeneratorSettings,
    IndexSettings,
    ModelsSettings,
    ReadingSettings,
    RemoteSettings,
    RerankerSettings,
    SearchSettings,
    ServeSettings,
    Settings,
    SplittingSettings,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "FILE_NAME",
    "KB_FILE_NAME",
    "PROFILES",
    "SECTIONS_OF_MODELS",
    "AccessSettings",
    "AnswerSettings",
    "EncoderSettings",
    "GeneratorSettings",
    "IndexSettings",
    "ModelsSettings",
    "ReadingSettings",
    "RemoteSettings",
    "RerankerSettings",
    "SearchSettings",
    "ServeSettings",
    "Setting",
    "Settings",
    "SplittingSettings",
    "address_of",
    "engine_of",
    "every_setting",
    "find_config",
    "for_knowledge_base",
    "home_directory",
    "knowledge_base_directory",
    "load_settings",
    "merged",
    "model_of",
    "models_directory",
    "own_settings",
    "own_text",
    "read_toml",
    "same_encoder",
    "to_toml",
    "with_encoder",
    "with_overrides",
]
