"""Where Chainlit lives: a folder below home with its settings and a copy of its page that asks no other host.

Its page as it comes loads fonts and styles from elsewhere and has scripts written into it. Here is neither. The copy is
made anew whenever Chainlit, or what is made of it, changes.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
from importlib import metadata, resources, util
from pathlib import Path
from typing import Any, Final

from qianxun.errors import MissingExtra

PREFIX: Final = "/chat"
# Chainlit holds what is sent in memory, whole; larger files go in by the library or the API, which do not.
MOST_UPLOAD_MB: Final = 100
# Files that are only for who debugs the page: nine tenths of it.
_LEFT_OUT: Final = shutil.ignore_patterns("*.map")
_ELSEWHERE: Final = re.compile(r"<link\b[^>]*?https?://[^>]*?>\s*", re.DOTALL)
_WRITTEN_IN: Final = re.compile(r"<script>.*?</script>\s*", re.DOTALL)
_WATERMARK: Final = "Every [n] opens the passage that a sentence rests on. What is not supported is marked."
_WATERMARK_ZH: Final = "点 [n] 可查看该句所依据的段落；依据不足之处已标明。"
# What is asked before another knowledge base is taken.
_ANOTHER: Final = (
    "A new conversation begins. This one stays in the history if you are signed in; else it is not kept. Go on?"
)
_ANOTHER_ZH: Final = "将开始新的对话。已登录时，当前对话会留在历史记录中；未登录时不会保留。要继续吗？"
# Where the script looks whether its page is that of a new conversation.
_IS_NEW: Final = re.compile(r'(new URL\(window\.location\.href\);[^;]{0,90}?\.pathname)==="/"')
_OPENS: Final = re.compile(r'(\.filter\((?:\w+)=>\w+\.display==="side"\);)if\((\w+)\.length===0\)')
# What is said where a conversation is not there.
_IS_GONE: Final = re.compile(r'"Couldn\'t resume chat: "\+(?=\w)')
# Where the script goes on after signing out, and how it offers that to somebody (the second group).
_SIGNED_OUT: Final = re.compile(r"(await \w+\.logout\(\),[^{}]{0,60}?)window\.location\.reload\(\)")
_SIGNS_OUT: Final = re.compile(
    r'(const \w+=\((\w+)==null\?void 0:\w+\.display_name\)\|\|.{0,2000}?path:)("navigation\.user\.menu\.logout")'
)
# What the script says of an error of a request; and where it does so, for thumbs once more beside what it waits for.
_SAYS_STATUS: Final = re.compile(
    r"super\((\w+)\),this\.status=(\w+),this\.detail=(\w+)\}"
    r"toString\(\)\{return this\.detail\?[^:]{0,60}: [^:]{0,60}:this\.message\}"
)
_SAYS_TWICE: Final = re.compile(
    r"(this\.buildEndpoint\((\w+)\),\{.{0,300}?throw )(?=this\.handleRequestError\((\w+)\),\3\})"
)
# Where thumbs are offered for the run of a message.
_THUMBS: Final = re.compile(
    r"(\(\{message:(\w+),actions:\w+,run:(\w+),contentRef:\w+\}\)=>.{0,900}?)"
    r"(?<=[,\[])\3(?=\?\w+\.jsx\(\w+,\{message:\3\}\))"
)
# What the script says in English to readers of every language; its text stands behind one of these.
_SAID: Final = re.compile(
    r'((?:"sr-only",children|"aria-label"|\btitle|\berror|\bloading):(?:\w+=)?)"([A-Z][\w …]+\.?)"'
)
_IS_TOO_LARGE: Final = re.compile(r"`File is larger than (\$\{\w+\.max_size_mb\}) MB`")
_IN_CHINESE: Final = {
    "Close": "关闭",
    "Close lightbox": "关闭",
    "Close toast": "关闭提示",
    "Failed to load PDF file.": "无法读取该 PDF 文件。",
    "Loading PDF…": "正在读取 PDF…",
    "Open PDF in a larger view": "放大查看 PDF",
    "Toggle Sidebar": "显示或隐藏历史对话",
    "Toggle theme": "切换明暗主题",
}
# What Chainlit would put a script of its own into the page by.
_PLACE_FOR_SCRIPTS: Final = "<!-- JS INJECTION PLACEHOLDER -->"
_OURS: Final = '<script src="/public/qianxun.js"></script>\n    <link rel="stylesheet" href="/public/qianxun.css">'
_ROOT: Final = '<div id="root">'
# One page for readers of both languages: which is theirs, only a script would know.
_WITHOUT_SCRIPTS: Final = (
    '<noscript><p lang="zh-CN">对话页面需要 JavaScript，请在浏览器中启用；搜索等其他页面不需要。</p>'
    '<p lang="en">The chat needs JavaScript: allow it in your browser. The other pages do without.</p></noscript>'
)

_SETTINGS: Final = """\
# Written by qianxun whenever the chat starts.
[project]
user_env = []
session_timeout = 3600
user_session_timeout = 86400
cache = false
allow_origins = []
transports = ["websocket"]

[features]
unsafe_allow_html = false
latex = false
user_message_markdown = false
auto_tag_thread = false
edit_message = false
allow_thread_sharing = false
favorites = false

[features.spontaneous_file_upload]
enabled = true
accept = ["*/*"]
max_files = 20
max_size_mb = {max_mb}

[features.audio]
enabled = false

[features.mcp]
enabled = false

[UI]
name = "qianxun"
default_theme = "light"
cot = "full"
# A picture of its own for each name that speaks would be asked for by that name, which may be Chinese: refused.
default_avatar_file_url = "/chat/public/favicon.svg"
confirm_new_chat = false
custom_build = "public/build"
custom_meta_url = "/"
custom_meta_image_url = "/favicon"

[[UI.header_links]]
name = "qianxun"
display_name = "千寻 qianxun"
icon_url = "/chat/public/favicon.svg"
url = {pages}
target = "_self"

[meta]
generated_by = "{version}"
"""


def prepared(home: Path, *, max_upload_mb: int, pages: str) -> Path:
    """The folder, as it should be; `pages` is where the other pages are. Raises MissingExtra.

    Files that were sent through the chat before are gone from it: the service has them.
    """
    found = util.find_spec("chainlit")
    if found is None or found.origin is None:
        raise MissingExtra(
            "The chat needs Chainlit, which is not installed.", remedy="Run: pip install 'qianxun[chat]'"
        )
    version = metadata.version("chainlit")
    folder = home / "chat"
    public = folder / "public"
    public.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = folder / ".chainlit"
    settings.mkdir(exist_ok=True, mode=0o700)
    own = _SETTINGS.format(max_mb=max_upload_mb, version=version, pages=json.dumps(pages))
    (settings / "config.toml").write_text(own, encoding="utf-8")
    package = Path(found.origin).parent
    _write_words(package / "translations", settings / "translations")
    shutil.rmtree(folder / ".files", ignore_errors=True)
    for one in (resources.files("qianxun.chat") / "static").iterdir():
        (public / one.name).write_bytes(one.read_bytes())
    _copy_page(package / "frontend" / "dist", public / "build", version)
    return folder


def enter(folder: Path, secret: str) -> None:
    """Tells Chainlit, before it is imported, where it lives. `secret` signs what is shown to nobody but Chainlit."""
    os.environ["CHAINLIT_APP_ROOT"] = str(folder)
    os.environ["CHAINLIT_ROOT_PATH"] = PREFIX
    os.environ["CHAINLIT_AUTH_SECRET"] = secret
    # It would read a file .env where the process is.
    os.environ["PYTHON_DOTENV_DISABLED"] = "1"
    # Each of them would make it send or fetch something.
    for name in ("LITERAL_API_KEY", "LITERAL_API_URL", "DATABASE_URL", "SLACK_BOT_TOKEN", "DISCORD_BOT_TOKEN"):
        os.environ.pop(name, None)


def offline(page: str) -> str:
    """Chainlit's page without what it loads from elsewhere or has of scripts written into it; with a word without."""
    page = _WRITTEN_IN.sub("", _ELSEWHERE.sub("", page))
    return page.replace(_PLACE_FOR_SCRIPTS, _OURS).replace(_ROOT, f"{_WITHOUT_SCRIPTS}{_ROOT}", 1)


def at_home(script: str) -> str:
    """Chainlit's script, changed in ten ways.

    It takes the page of a new conversation, and a script of its own, to be at / wherever it is served. And it opens
    what an answer cites as soon as it is there: on a phone over the answer; and what is open is not asked for anew by a
    click. What the chat says of a conversation that is not there stands behind words of the script's, which are
    English. Who signs out comes to where one signs in, and who is not signed in is not offered to sign out. Why a
    request was refused is said once, without the name of its status. Thumbs are for answers: not for errors, nor where
    nothing is kept. Words that it has in English only are Chinese for who reads Chinese.
    """
    script = _SIGNED_OUT.sub(rf'\1window.location.assign("{PREFIX}/sign-in")', script)
    script = _SIGNS_OUT.sub(r'\1\2.identifier==="public"?"auth.login.form.actions.signin":\3', script)
    script = script.replace('"/assets/pdf.worker', f'"{PREFIX}/assets/pdf.worker')
    script = _IS_GONE.sub("", script)
    script = _SAYS_STATUS.sub(r"super(\3||\1),this.status=\2,this.detail=\3}toString(){return this.message}", script)
    script = _SAYS_TWICE.sub(r'\1\2==="/feedback"&&\3.status!==401||', script)
    script = _THUMBS.sub(r"\1\3&&!\2.isError&&(\2.metadata||{}).thumbs!==!1", script)
    script = _SAID.sub(_in_both, script)
    script = _IS_TOO_LARGE.sub(lambda found: _chosen(f"`文件超过 {found[1]} MB。`", found[0]), script)
    script = _IS_NEW.sub(rf'\1.replace(/\\/$/,"")==="{PREFIX}"', script)
    return _OPENS.sub(r"\1if(!0||\2.length===0)", script)


def _in_both(found: re.Match[str]) -> str:
    """Words of the script, in the reader's language."""
    if found[2] not in _IN_CHINESE:
        return found[0]
    return found[1] + _chosen(
        json.dumps(_IN_CHINESE[found[2]], ensure_ascii=False), json.dumps(found[2], ensure_ascii=False)
    )


def _chosen(chinese: str, english: str) -> str:
    """One of two expressions, by the language that `qianxun.js` gives the page."""
    return f'(navigator.language==="zh-CN"?{chinese}:{english})'


def make_true(words: dict[str, Any], *, is_chinese: bool) -> None:
    """Puts what is so here into Chainlit's words. Raises KeyError for words that lack it."""
    words["chat"]["messages"]["status"] |= {"using": "", "used": ""}
    words["chat"]["watermark"] = _WATERMARK_ZH if is_chinese else _WATERMARK
    words["navigation"]["newChat"]["dialog"]["description"] = _ANOTHER_ZH if is_chinese else _ANOTHER


def _write_words(source: Path, target: Path) -> None:
    """Chainlit's words, but for those that do not say what is so here."""
    target.mkdir(exist_ok=True, mode=0o700)
    for path in source.glob("*.json"):
        words = json.loads(path.read_text(encoding="utf-8"))
        is_chinese = path.stem.startswith("zh")
        with contextlib.suppress(KeyError):
            make_true(words, is_chinese=is_chinese)
        (target / path.name).write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")


def _copy_page(source: Path, target: Path, version: str) -> None:
    stamp = target / "made_from.json"
    wanted = {"chainlit": version, "how": hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}
    try:
        if json.loads(stamp.read_text(encoding="utf-8")) == wanted:
            return
    except (OSError, ValueError):
        pass
    beside = target.with_name(f"{target.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(source, beside, ignore=_LEFT_OUT)
    page = beside / "index.html"
    page.write_text(offline(page.read_text(encoding="utf-8")), encoding="utf-8")
    for script in (beside / "assets").glob("index-*.js"):
        script.write_text(at_home(script.read_text(encoding="utf-8")), encoding="utf-8")
    (beside / stamp.name).write_text(json.dumps(wanted), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    beside.rename(target)
