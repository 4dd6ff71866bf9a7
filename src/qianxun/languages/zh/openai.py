"""Chinese for clients made for OpenAI and for rerankers."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # settings
    "sources and notes: below the text of an answer, or in its field `qianxun` alone (field)": "来源和说明放在哪里：回答正文之下（text），或只在字段 `qianxun` 中（field）",
    "what a streamed answer waits for: sentences (each is sent once it is checked), answer (nothing is sent before all of it is checked), pieces (nothing; what turns out to be void is said to be)": "流式回答等待什么：sentences（每句核对之后再发出）、answer（全部核对之前什么也不发）、pieces（不等待；事后作废的内容会说明）",
    "system messages of callers: not told to the model, or told below the persona's instructions (follow)": "调用方的系统消息：不告诉模型（ignore），或放在角色指示之下告诉模型（follow）",
    "texts of one request for vectors or judgements": "一次向量或打分请求中的文本数",
    "characters of such a request together": "这样一次请求的总字符数",
    # errors.py
    "The model {model!r} does not exist, or you may not use it.": "模型 {model!r} 不存在，或者您无权使用。",
    "GET /v1/models lists those that you may.": "GET /v1/models 列出您可以使用的模型。",
    # requests.py
    "At most {most} stop texts can be given.": "最多可以给出 {most} 个停止文本。",
    "Only one reply can be asked for at a time (n = 1); seen: {n}.": "一次只能要求一个回复（n = 1）；收到：{n}。",
    "Tools cannot be called here: the model answers in words.": "这里不能调用工具：模型只用文字回答。",
    "Send the request without tools.": "请去掉 tools 后再发送。",
    "Leave out their messages.": "请去掉工具的消息。",
    "Probabilities of tokens are not told.": "不提供词元的概率。",
    "Leave out logprobs.": "请去掉 logprobs。",
    "Replies are text only.": "回复只有文本。",
    "Ask for the modality text.": "请只要求 text。",
    "response_format must be text, json_object or json_schema with a schema; seen: {kind!r}.": "response_format 必须是 text、json_object 或带有 schema 的 json_schema；收到：{kind!r}。",
    "{name} cannot be honoured here.": "这里无法满足 {name}。",
    "Leave it out.": "请去掉它。",
    "Token ids cannot be read: they are those of another model's tokenizer.": "无法读取词元编号：它们属于另一个模型的分词器。",
    "Send texts (LangChain: check_embedding_ctx_length=False).": "请发送文本（LangChain：check_embedding_ctx_length=False）。",
    "{n} texts are more than the {most} of one request.": "一次请求最多 {most} 个文本，收到 {n} 个。",
    "{name} must hold text, and no empty one.": "{name} 必须含有文本，且不能有空文本。",
    "{chars} characters are more than the {most} of one request.": "一次请求最多 {most} 个字符，收到 {chars} 个。",
    "Send fewer texts at a time.": "请每次少发一些文本。",
    "A part of type {type!r} cannot be read: only text can.": "无法读取类型为 {type!r} 的部分：只能读取文本。",
    "Send the text of it.": "请发送其中的文本。",
    "Responses are not kept: {name} cannot be honoured.": "回复不会保留：无法满足 {name}。",
    "Send what was said before in input.": "请把之前的对话放在 input 中发送。",
    "An item of type {type!r} cannot be read: only messages can.": "无法读取类型为 {type!r} 的条目：只能读取消息。",
    "Send messages with a role and text.": "请发送带有 role 和文本的消息。",
    "The body is no JSON object.": "请求体不是 JSON 对象。",
    "Send one, with Content-Type: application/json.": "请发送 JSON 对象，并带上 Content-Type: application/json。",
    "{param}: {reason}.": "{param}：{reason}。",
    # routing.py
    "The body holds half a character (a lone surrogate).": "请求体中有半个字符（单独的代理项）。",
    "Send whole ones.": "请发送完整的字符。",
    # prompted.py
    "The last message must be the user's question.": "最后一条消息必须是用户的问题。",
    "Send it last, with the role user, and not empty.": "请把问题放在最后，角色为 user，且不能为空。",
    "A question of {n} characters is too long; {most} are the most.": "问题共 {n} 个字符，过长；最多 {most} 个。",
    "Add what is long as a document.": "请把较长的内容作为文档添加。",
    "System messages of {n} characters are too long; {most} are the most.": "系统消息共 {n} 个字符，过长；最多 {most} 个。",
    # runs.py
    "Answers from documents are text: response_format cannot be honoured.": "根据文档的回答是文本：无法满足 response_format。",
    "Ask a generate: model, or draw values out of documents with `qianxun extract`.": "请使用 generate: 模型，或用 `qianxun extract` 从文档中抽取数值。",
    "The messages hold no text.": "消息中没有文本。",
    # embeddings.py
    "{model} gives vectors of {dim} numbers; seen: dimensions = {given}.": "{model} 的向量有 {dim} 维；收到：dimensions = {given}。",
    "Leave out dimensions.": "请去掉 dimensions。",
    # reranking.py
    "text_1 and text_2 are needed.": "需要 text_1 和 text_2。",
    "Send a text or a list of texts for each.": "请各发送一个文本或文本列表。",
    "text_1 has {n} texts and text_2 has {m}: there must be one, or as many.": "text_1 有 {n} 个文本，text_2 有 {m} 个：text_1 必须只有一个，或与之一样多。",
    "Documents are judged by their text alone.": "只按文档的文本打分。",
    "Leave out rank_fields.": "请去掉 rank_fields。",
    "An encoder compares meanings and takes no instruction.": "编码模型只比较含义，不接受指令。",
    "Document {place} has no text.": "第 {place} 个文档没有文本。",
    'Send texts, or objects as {{"text": "…"}}.': '请发送文本，或形如 {{"text": "…"}} 的对象。',
}
