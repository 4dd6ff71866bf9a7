"""Chinese for the pages: what all have in common, signing in, search, the viewer."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "The session has ended.": "登录已过期。",
    "Sign in again.": "请重新登录。",
    "{text!r} is no day.": "{text!r} 不是日期。",
    "Write it as 2026-01-31.": "请写成 2026-01-31 这样。",
    "Type it in.": "请输入密钥。",
    "Sign in": "登录",
    "Sign out": "退出",
    "Request {id}": "请求编号 {id}",
    "Skip to the content": "跳到正文",
    "Rooms": "栏目",
    "Search": "搜索",
    "Library": "资料库",
    "Quality": "质量",
    "Light": "浅色",
    "Dark": "深色",
    "Removed": "已移除",
    "What was cited does not stand here any more.": "此处已不再是当时引用的内容。",
    "This document was removed, or is not for you.": "该文档已移除，或您无权查看。",
    "Your administrator gives you a key.": "密钥由管理员提供。",
    "Key": "密钥",
    # search
    "What are you looking for?": "想找什么？",
    "Knowledge base": "知识库",
    "Narrow down": "缩小范围",
    "Source contains": "来源包含",
    "Label": "标签",
    "any": "不限",
    "Type": "类型",
    "Changed from": "修改时间从",
    "Changed until": "到",
    "Find by": "查找方式",
    "meaning and words": "语义和字词",
    "meaning": "语义",
    "words": "字词",
    "Clear": "清除",
    "There is no knowledge base that you may use.": "没有您可以使用的知识库。",
    "Ask in your own words, in Chinese or English. Press / to type here from anywhere.": (
        "用自己的话提问，中英文皆可。在页面任意处按 / 即可输入。"
    ),
    "{n} passages in {ms} ms": "{n} 段，用时 {ms} 毫秒",
    "in Chinese": "中文",
    "in English": "英文",
    "in another language": "其他语言",
    "Answer this": "直接回答",
    "Search without narrowing down": "不限范围再搜一次",
    # answer box
    "Answer": "回答",
    "Source {number}": "来源 {number}",
    "Passages": "查看原文段落",
    "In the words of the documents.": "以上为文档原话。",
    "Written by a model; every sentence was checked against its source.": "由模型撰写，每句均已与来源核对。",
    "The documents give no answer that is supported. What they say is among the passages.": (
        "文档中没有可以佐证的答案，相关内容请看原文段落。"
    ),
    "Why this result?": "为何有这条结果？",
    "rank": "名次",
    "score": "得分",
    "More passages": "更多结果",
    # viewer
    "{n} characters": "{n} 个字符",
    "Original file": "原始文件",
    "To the quote": "跳到引文",
    "As text": "看文字",
    "As pages": "看原页",
    "Pages": "翻页",
    "Page before": "上一页",
    "Next page": "下一页",
    "page {page} of {pages}": "第 {page} 页，共 {pages} 页",
    "Picture of page {page}": "第 {page} 页的图像",
    "The quote could not be made out on this page; the text has it.": "未能在此页上标出引文，请看文字。",
    "Earlier": "前文",
    "Later": "后文",
    # settings
    "whether `qianxun serve` also serves pages for people: search, library, quality": (
        "`qianxun serve` 是否同时提供网页：搜索、资料库、质量"
    ),
}
