"""Chinese for the enrichment of chunks, and for what stands around a passage."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # assemble.py
    "Index {name} was made with another enrichment of chunks ({seen}, now {now}).": (
        "索引 {name} 是用另一种片段增补建成的（{seen}，现在是 {now}）。"
    ),
    "Run `qianxun reindex --enrich` or `--no-enrich` to go over, or leave enrichment.* as it was.": (
        "请运行 `qianxun reindex --enrich` 或 `--no-enrich` 切换，或保持 enrichment.* 不变。"
    ),
    "New chunks are not enriched: the others were by {made}, and the generator is {now}.": (
        "新片段未作增补：其他片段由 {made} 增补，而现在的生成模型是 {now}。"
    ),
    "Set that generator again, or go over to this one with `qianxun reindex --enrich`.": (
        "请重新设置原来的生成模型，或用 `qianxun reindex --enrich` 改用现在的。"
    ),
    "New chunks are not enriched: the others were with version {made} of the prompt, and this is {now}.": (
        "新片段未作增补：其他片段用的是提示词第 {made} 版，而现在是第 {now} 版。"
    ),
    "Go over to it with `qianxun reindex --enrich`.": "请用 `qianxun reindex --enrich` 切换。",
    "Set generator.url or generator.model.": "请设置 generator.url 或 generator.model。",
    # settings/own.py
    "Chunks are to be enriched, but no generator is set.": "要求增补片段，但没有设置生成模型。",
    "Set generator.url or generator.model, or leave enrichment.enabled at false.": (
        "请设置 generator.url 或 generator.model，或让 enrichment.enabled 保持 false。"
    ),
    "Chunks are to be enriched, but with neither a context nor questions.": "要求增补片段，但既不要说明也不要问题。",
    "Set enrichment.context or enrichment.questions, or leave enrichment.enabled at false.": (
        "请设置 enrichment.context 或 enrichment.questions，或让 enrichment.enabled 保持 false。"
    ),
    # retrieval/around.py
    "{n} neighbours cannot be shown.": "无法显示 {n} 个相邻片段。",
    "Ask for 0 or more on each side.": "每一侧请给出 0 或更大的数。",
    # cli
    "Enriching": "增补",
    "Enriched {n}": "已增补 {n}",
    "nothing of use written about {n}": "增补无果 {n}",
    "not yet enriched {n}": "尚未增补 {n}",
    "{counts} of the texts of chunks.": "片段文本：{counts}。",
    "They are found by their own words meanwhile; the next `qianxun add` goes on.": (
        "在此期间它们按原文检索；下一次 `qianxun add` 会继续增补。"
    ),
    "enriched chunks": "已增补片段",
    "enrichment": "增补",
    "made by": "增补标识",
    "nothing of use written about": "增补无果",
    "not yet enriched": "尚未增补",
    "{mode}, enriched": "{mode}（增补）",
    (
        "Changes the encoder, or what a generator writes about chunks: makes vectors and indexes beside the ones in "
        "force, compares both if asked, and goes over at once. Searching and adding go on meanwhile; stopped, the same "
        "command goes on where it was. What was encoded and written is kept until `qianxun compact`, so going back "
        "costs nothing."
    ): (
        "更换编码器，或更换生成模型为片段所写的增补：在现有的旁边建好新的向量和索引，需要时比较两者，然后一次切换。期间搜索和添加照常进行；中断后，同一命令从中断处继续。已编码和已写的内容保留到 `qianxun compact`，因此换回去没有代价。"
    ),
    (
        "have the generator write about every chunk (docs/enrichment.md), or search without; the encoder stays unless "
        "--encoder names one"
    ): "让生成模型为每个片段写增补（docs/enrichment.md），或不用增补搜索；除非 --encoder 另行指定，编码器不变",
    "The new index is in force.": "新的索引已生效。",
    "change the encoder or the enrichment while searches go on": "更换编码器或增补，期间搜索照常",
    "with a chunk id: also N chunks before and after it": "配合片段编号：同时显示其前后各 N 个片段",
    "with a chunk id: the whole section that it stands in": "配合片段编号：它所在的整个章节",
    "{id} is a document's id; --around and --section go with a passage's chunk id.": (
        "{id} 是文档编号；--around 和 --section 要配合段落的片段编号。"
    ),
    "`qianxun search --json` and `qianxun show ID --chunks` show them.": (
        "`qianxun search --json` 和 `qianxun show 编号 --chunks` 会显示片段编号。"
    ),
    # settings/sections.py
    (
        "have the generator write a line of context and some questions for each chunk, which are searched with it and "
        "never shown; a knowledge base that is there goes over to it with `qianxun reindex --enrich`"
    ): (
        "让生成模型为每个片段写一行说明和几个问题，与片段一同被检索，从不显示；已有的知识库用 `qianxun reindex --enrich` 切换"
    ),
    "write a line that says what the chunk is about": "写一行说明，讲片段的内容",
    "questions that the chunk answers, at most": "片段能回答的问题，至多几个",
    "longest answer of the generator about one chunk in tokens": "生成模型就一个片段的回答最长多少词元",
    "generator that wrote them, kept with the knowledge base; empty: that of [generator]": (
        "写增补的生成模型，随知识库保存；空：[generator] 中的"
    ),
    "version of the prompt, kept with the knowledge base; 0: the newest": "提示词的版本，随知识库保存；0：最新",
}
