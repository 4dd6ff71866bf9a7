"""Chinese for extraction: `qianxun extract`, its settings, and why nothing valid was said."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # cli/extract.py
    "Has the generator of the settings fill in a JSON schema from each document, checks what it says against the "
    "schema, and finds each value in the document: supported, weak or absent. With --out the same command resumes "
    "after a stop, and only new and changed files are asked about. Files are read as `qianxun add` reads them; "
    "nothing is stored in the knowledge base.": (
        "让设置中的生成模型按 JSON Schema 从每个文档中取值，按 Schema 检查其回答，并在文档中找出每个值的依据：有依据、"
        "依据不足或文档中没有。用了 --out，中断后再运行同一命令即可继续，只处理新的和改动过的文件。文件的读法与 "
        "`qianxun add` 相同；知识库中什么都不保存。"
    ),
    "files and folders; - reads a list from standard input": "文件和文件夹；- 表示从标准输入读取列表",
    "the JSON schema of what is wanted": "所需内容的 JSON Schema",
    "write to FILE.jsonl, FILE.csv or FILE.xlsx, one row a document (default: print)": (
        "写入 FILE.jsonl、FILE.csv 或 FILE.xlsx，每个文档一行（默认：显示）"
    ),
    "ask again about what was not valid": "对未得到有效结果的文档重新提取",
    "documents of the knowledge base instead of files: 3,7; may be repeated": (
        "不读文件，用知识库中的文档：3,7；可重复给出"
    ),
    "--kb-documents and files do not go together.": "--kb-documents 不能与文件同用。",
    "--as needs --kb-documents: files have no labels.": "--as 须与 --kb-documents 同用：文件没有标签。",
    "There is no document to draw values from.": "没有可以取值的文档。",
    "Name files or folders.": "请给出文件或文件夹。",
    "{value!r} is no document's id.": "{value!r} 不是文档编号。",
    "weak": "依据不足",
    "absent": "文档中没有",
    "field": "字段",
    "support": "依据",
    "valid {n}": "有效 {n}",
    "invalid {n}": "无效 {n}",
    "not readable {n}": "无法读取 {n}",
    "not answered {n}": "模型未答 {n}",
    "of an earlier run {n}": "此前已完成 {n}",
    "{documents}: {counts}. Of {values} values {supported} are supported, {weak} weak, {absent} absent.": (
        "{documents}：{counts}。共 {values} 个值：{supported} 个有依据，{weak} 个依据不足，{absent} 个文档中没有。"
    ),
    "Written to {path}.": "已写入 {path}。",
    "{file}: not in the document: {fields}": "{file}：文档中没有这些值：{fields}",
    # cli/main.py, cli/progress.py
    "draw out of documents what a JSON schema asks for, each value with its place": (
        "按 JSON Schema 从文档中取值，每个值带出处"
    ),
    "Extracting": "提取",
    # extracting.py, knowledge_base.py
    "No generator is set, and values are drawn out of documents by one.": "没有设置生成模型，而取值要由它来做。",
    "Set generator.url or generator.model, as in --set generator.url=http://127.0.0.1:8000/v1.": (
        "请设置 generator.url 或 generator.model，例如 --set generator.url=http://127.0.0.1:8000/v1。"
    ),
    "{path}: results are not written in this form.": "{path}：结果不能写成这种格式。",
    "Name a file that ends in {forms}.": "请给出以 {forms} 结尾的文件名。",
    "{path} was not written by `qianxun extract`: it is not written over.": (
        "{path} 不是 `qianxun extract` 写的，不会覆盖。"
    ),
    "There is no such document.": "没有这样的文档。",
    # extraction/
    "Set extraction.max_tokens higher.": "请调高 extraction.max_tokens。",
    "The schema takes {taken} tokens, and the model has {context} for everything: no room for a document.": (
        "Schema 占 {taken} 个 token，而模型总共只有 {context} 个：放不下文档。"
    ),
    "Ask for fewer fields at a time, set extraction.max_tokens lower, or take another model.": (
        "请减少一次提取的字段，调低 extraction.max_tokens，或换一个模型。"
    ),
    "The model's answer took longer than {seconds:g} seconds.": "模型的回答超过了 {seconds:g} 秒。",
    "Raise extraction.max_seconds.": "请调高 extraction.max_seconds。",
    "The model's answer is empty.": "模型的回答是空的。",
    "Ask again.": "请重试。",
    "Line {number} of {path} was not written by `qianxun extract`: the file is left as it is.": (
        "{path} 的第 {number} 行不是 `qianxun extract` 写的：文件保持原样。"
    ),
    "Name a file in a folder that may be written to.": "请给出可写文件夹中的文件名。",
    "Another `qianxun extract` is writing {path}.": "另一个 `qianxun extract` 正在写 {path}。",
    "Wait for it, or name another file.": "请等它完成，或换一个文件名。",
    "Make room, and run the same command again: it goes on from here.": "请腾出空间，再运行同一命令：会从这里继续。",
    "{address} is no file: values are drawn out of files.": "{address} 不是文件：取值只从文件中进行。",
    "Add it to a knowledge base, and name the document's id with --kb-documents.": (
        "请先把它加入知识库，再用 --kb-documents 给出文档编号。"
    ),
    "{kind} is no schema.": "{kind} 不是 Schema。",
    "Give a mapping, the path of a JSON Schema, or a pydantic model class.": (
        "请给出映射、JSON Schema 的路径或 pydantic 模型类。"
    ),
    # settings
    "answers asked for about one text until one fits the schema; what was wrong is told": (
        "对一段文本最多请求几次回答，直到符合 Schema；会告知模型错在哪里"
    ),
    "longest answer of the generator about one text in tokens": "生成模型对一段文本的回答最长多少 token",
    "time one answer of the generator may take; 0: any": "生成模型的一次回答最多用时；0：不限",
    "documents that the generator is asked about at a time": "同时向生成模型询问的文档数",
}
