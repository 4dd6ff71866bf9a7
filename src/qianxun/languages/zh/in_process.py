"""Chinese for models/in_process."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # device
    "There is no device {device} that a model could run on.": "没有可运行模型的设备 {device}。",
    "Devices here: {devices}.": "本机的设备：{devices}。",
    # loading, weights
    "Models in this process need torch and transformers.": "在本进程内运行模型需要 torch 和 transformers。",
    "Run `pip install 'qianxun[qwen]'`.": "请运行 `pip install 'qianxun[qwen]'`。",
    "The model {model} is not on this machine.": "模型 {model} 不在本机上。",
    "Run `qianxun models pull {model}`, or name the folder of its files.": "请运行 `qianxun models pull {model}`，或写明其文件所在的文件夹。",
    "{folder}: its tokenizer cannot be read: {reason}.": "{folder}：无法读取其分词器：{reason}。",
    "{folder}: its tokenizer has {n} tokens, its model knows {n_known}; they do not belong together.": "{folder}：其分词器有 {n} 个词元，模型只认识 {n_known} 个；二者不配套。",
    "{folder}: {n} weights of {architecture} are missing or of another size, {name} among them.": "{folder}：{architecture} 的 {n} 个权重缺失或大小不符，其中有 {name}。",
    "{folder}: the architecture {architecture} needs program code from the model's files, which is never run.": "{folder}：架构 {architecture} 需要运行模型文件中的程序代码，而这里绝不运行。",
    "Name a model of an architecture that transformers knows.": "请使用 transformers 支持的架构的模型。",
    "{folder}: its model ({architecture}) cannot be loaded: {reason}.": "{folder}：无法加载其模型（{architecture}）：{reason}。",
    "{folder}: the weight {name} is missing, or its shape is not {shape}.": "{folder}：权重 {name} 缺失，或其形状不是 {shape}。",
    # body, sequences, encoder
    "How {model} makes a vector of a text is not known.": "不知道 {model} 如何把文本变成向量。",
    "Set encoder.pooling to last, mean or cls.": "请把 encoder.pooling 设为 last、mean 或 cls。",
    "{model} has {parts}, which cannot be run here.": "{model} 含有 {parts}，无法在这里运行。",
    "Serve it with a program that can, and set encoder.url; or name another model.": "请用支持它的程序提供服务并设置 encoder.url，或改用其他模型。",
    "The model's tokenizer has no token {token}, which must end every text.": "模型的分词器没有词元 {token}，而每段文本都必须以它结尾。",
    "Copy the model again: its tokenizer.json is not the one that its authors publish.": "请重新复制该模型：其 tokenizer.json 不是作者发布的那一份。",
    "encoder.max_tokens is {tokens}, but what must stand around every text takes {needed} of them.": "encoder.max_tokens 为 {tokens}，但每段文本前后必需的内容就要占 {needed} 个。",
    "Set it higher, or to 0.": "请调高，或设为 0。",
    "{model} gave {n} vectors in process that are no numbers or have no length ({served_by}).": "{model} 在本进程内给出了 {n} 个不是数字或长度为零的向量（{served_by}）。",
    "Set encoder.precision to bfloat16 or float32.": "请把 encoder.precision 设为 bfloat16 或 float32。",
    "The memory of {device} does not suffice for {model}.": "{device} 的内存不足以运行 {model}。",
    "Run `qianxun models plan`; a smaller model, shorter texts or {role}.device cpu need less.": "请运行 `qianxun models plan` 查看；更小的模型、更短的文本或把 {role}.device 设为 cpu 需要的内存更少。",
    # reranker
    "{model} is a {architecture}, which is no reranker that is known here.": "{model} 是 {architecture}，不是这里所知的重排模型。",
    "Name a Qwen3-Reranker, or a model that classifies pairs, such as BAAI/bge-reranker-v2-m3.": "请使用 Qwen3-Reranker，或对文本对分类的模型，例如 BAAI/bge-reranker-v2-m3。",
    "{model} gave {n} scores in process that are no numbers ({served_by}).": "{model} 在本进程内给出了 {n} 个不是数字的分数（{served_by}）。",
    "Set reranker.precision to bfloat16 or float32.": "请把 reranker.precision 设为 bfloat16 或 float32。",
    "The model's tokenizer has no tokens yes and no, so it is no Qwen3-Reranker.": "模型的分词器没有词元 yes 和 no，因此它不是 Qwen3-Reranker。",
    "Name a Qwen3-Reranker, or a model that classifies pairs.": "请使用 Qwen3-Reranker，或对文本对分类的模型。",
    "reranker.max_tokens is {tokens}, but instruction, question and prompt alone have {needed}.": "reranker.max_tokens 为 {tokens}，但仅指令、问题和提示就有 {needed} 个。",
    "Set it higher, or to 0, or give a shorter instruction.": "请调高或设为 0，或给出更短的指令。",
    "{model} classifies into {n} classes; a reranker gives one number.": "{model} 分为 {n} 类；重排模型只给出一个数。",
    "Name a reranker, for example BAAI/bge-reranker-v2-m3 or Qwen/Qwen3-Reranker-0.6B.": "请使用重排模型，例如 BAAI/bge-reranker-v2-m3 或 Qwen/Qwen3-Reranker-0.6B。",
}
