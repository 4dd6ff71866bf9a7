"""Chinese for fine-tuning (`qianxun tune reranker`, `qianxun tune encoder`)."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # cli/main.py
    "fine-tune the reranker on judgements; kept only if search is better": "用判断数据微调重排模型；检索确实变好才保留",
    "fine-tune the encoder on judgements; kept only if search is better": "用判断数据微调编码器；检索确实变好才保留",
    # cli/tune_encoder.py, cli/tune_reranker.py
    "Fine-tunes an encoder that runs in this process on questions whose answers were judged, with low-rank adapters (extra `train`). To be measured, it makes the vectors of all chunks beside the ones in force. About three tenths of the questions are held back; the tuned model is kept only if search is better with it on those, beyond chance. What is in force stays as it is until `qianxun reindex`.": "用已判断过答案的问题，以低秩适配（LoRA，扩展 `train`）微调在本进程中运行的编码器。为了测量，会在现用向量之外另算所有段落的向量。约三成的问题留作检验；只有在这些问题上检索确实变好（超出偶然）时，才保留微调后的模型。在运行 `qianxun reindex` 之前，现用的一切不变。",
    "Fine-tunes a Qwen3-Reranker on questions whose answers were judged, with low-rank adapters (extra `train`). About three tenths of the questions are held back; the tuned model is kept, as a folder of its own, only if search is better with it on those, beyond chance. What is in force stays as it is.": "用已判断过答案的问题，以低秩适配（LoRA，扩展 `train`）微调 Qwen3-Reranker。约三成的问题留作检验；只有在这些问题上检索确实变好（超出偶然）时，才把微调后的模型另存为一个文件夹。现用的一切不变。",
    # cli/tuning.py
    "judgements: question sets, accepted pairs, or folders with queries.jsonl and qrels/test.tsv": "判断数据：问题集、已采纳的问答对，或含有 queries.jsonl 和 qrels/test.tsv 的文件夹",
    "judgements in TREC's format, of the questions in --queries": "TREC 格式的判断，问题在 --queries 中",
    "questions of --qrels: id and text by line": "--qrels 的问题：每行一个编号和问题",
    "learn from recorded feedback too, as far as questions were kept (default: yes)": "也从已记录的反馈中学习，限于保存了问题文字的反馈（默认：是）",
    "say what would be trained with what; train nothing": "只说明会用什么训练什么，不训练",
    "matrices that get adapters: those of attention, or all (default: all)": "加适配器的矩阵：attention 只加注意力的矩阵，all 全加（默认：all）",
    "rank of the adapters, 1 to 256 (default: 16)": "适配器的秩，1 到 256（默认：16）",
    "scale of the adapters, divided by the rank, 1 to 1024 (default: 32)": "适配器的缩放，再除以秩，1 到 1024（默认：32）",
    "learning rate, 1e-7 to 0.1 (default: 0.0001)": "学习率，1e-7 到 0.1（默认：0.0001）",
    "times that every question is learned from, 1 to 100 (default: 2)": "每个问题学习的遍数，1 到 100（默认：2）",
    "questions in a step, 1 to 256 (default: 8)": "每一步的问题数，1 到 256（默认：8）",
    "passages that do not answer, for each question, 1 to 30 (default: 7)": "每个问题所配的不相关段落数，1 到 30（默认：7）",
    "longest text in tokens while training, 128 to 8192 (default: 512)": "训练时文本的最大词元数，128 到 8192（默认：512）",
    "what cosines are divided by, 0.005 to 1 (default: 0.05)": "余弦相似度的温度（除数），0.005 到 1（默认：0.05）",
    "seed of division, order and adapters (default: 0)": "划分、次序和适配器的随机种子（默认：0）",
    "--qrels and --queries belong together.": "--qrels 和 --queries 必须一起给出。",
    "Name both files.": "请把两个文件都写上。",
    "There is nothing to learn from: no judgements were named, and no feedback with its questions was kept.": "没有可以学习的数据：没有指定判断数据，也没有保存了问题文字的反馈。",
    "Name a question set or a file of accepted pairs, or set feedback.keep_questions and wait.": "请指定问题集或已采纳问答对的文件，或者打开 feedback.keep_questions 并积累一段时间。",
    "{option} is {value}, which is not a whole number.": "{option} 是 {value}，不是整数。",
    "Leave it out for the default.": "不写则用默认值。",
    "runs": "运行方式",
    "examples": "样例",
    "{positives} that answer, {negatives} that do not ({judged} of them judged)": "相关 {positives} 个，不相关 {negatives} 个（其中经人判断 {judged} 个）",
    "training": "训练",
    "{steps} steps of {batch} questions; rank {rank}, rate {rate:g}, seed {seed}": "{steps} 步，每步 {batch} 个问题；秩 {rank}，学习率 {rate:g}，种子 {seed}",
    "loss": "损失",
    "{first} at first, {last} at last": "开始时 {first}，结束时 {last}",
    "{measure} now": "现在的 {measure}",
    "{measure} with the tuned model": "用微调后的模型的 {measure}",
    "{gain} (95 % interval {low} … {high}, p {p}; {n} of {all} questions changed)": "{gain}（95% 区间 {low} … {high}，p {p}；{all} 个问题中有 {n} 个变化）",
    "{questions} could not be learned from: nothing that answers, or nothing that does not, was found.": "有 {questions}无法用于学习：没有找到相关的段落，或没有找到不相关的段落。",
    "{documents} were accepted for questions of both parts, so that the gain may be less on others.": "有 {documents}同时是学习部分和检验部分的答案，因此在其他文档上的提升可能较小。",
    "Nothing was trained. It would go into {folder}.": "没有训练。训练后的模型会放在 {folder}。",
    "Not kept: {reason}": "未保留：{reason}",
    "Not kept: search is worse with it. Nothing was changed.": "未保留：用它检索更差。什么都没有改变。",
    "Kept in {folder}. To use it, set in qianxun.toml:": "已保存在 {folder}。要使用它，请在 qianxun.toml 中设置：",
    "Kept in {folder}. To go over to it:": "已保存在 {folder}。要换用它，请运行：",
    # training/checkpoints.py
    "{folder} has no weights in safetensors files, and only these can be fine-tuned.": "{folder} 中没有 safetensors 格式的权重，只有这种权重才能微调。",
    "Bring a model that has them with `qianxun models pull`.": "请用 `qianxun models pull` 下载带有这种权重的模型。",
    "{folder}: its files lack {n} weights that the model has, {name} among them.": "{folder}：文件中缺少模型所有的 {n} 个权重，例如 {name}。",
    # training/judgements.py
    "{path} has no accepted question with evidence.": "{path} 中没有既被接受又有出处的问题。",
    'Each line is a JSON object with "_id" and "text", or an id and a question separated by a tab.': "每行是含有 “_id” 和 “text” 的 JSON 对象，或以制表符分开的编号和问题。",
    "{path} judges the question {id!r}, which is not in {queries}.": "{path} 判断了问题 {id!r}，而 {queries} 中没有这个问题。",
    "Name the queries that these judgements are of.": "请指定这些判断所属的问题文件。",
    "{path}, line {line}: not a question with an id of its own.": "{path} 第 {line} 行：不是有自己编号的问题。",
    # training/lora.py
    "{model} is a {architecture}, which is not known how to fine-tune here.": "{model} 是 {architecture}，这里不知道怎样微调它。",
    "Qwen3-Embedding, Qwen3-Reranker and encoders of BERT's and RoBERTa's kind can be.": "可以微调的有 Qwen3-Embedding、Qwen3-Reranker 以及 BERT 和 RoBERTa 类的编码器。",
    "Fine-tuning needs torch, transformers and peft.": "微调需要 torch、transformers 和 peft。",
    "Run `pip install 'qianxun[train]'`.": "请运行 `pip install 'qianxun[train]'`。",
    # training/proof.py
    "A search did without the {role}, so that nothing can be said of it ({reason}).": "有一次检索没有用上 {role}，因此无法对它下结论（{reason}）。",
    "See `qianxun models check`.": "请看 `qianxun models check`。",
    # training/recipe.py
    "--{name} is {value:g}, but it must be {least:g} to {greatest:g}.": "--{name} 是 {value:g}，但必须在 {least:g} 到 {greatest:g} 之间。",
    "Leave it out for {default:g}.": "不写则为 {default:g}。",
    # training/reranker.py
    "{model} is a {architecture}, and only Qwen3-Reranker can be fine-tuned here.": "{model} 是 {architecture}，而这里只能微调 Qwen3-Reranker。",
    "Name a Qwen3-Reranker in reranker.model.": "请在 reranker.model 中指定 Qwen3-Reranker。",
    "--max-tokens is {tokens}, which leaves no room for a passage after the question {question!r}.": "--max-tokens 是 {tokens}，在问题 {question!r} 之后放不下段落。",
    # training/subject.py
    "No reranker is set, so there is none to fine-tune.": "没有设置重排模型，因此没有可微调的。",
    "Set reranker.model, for example to Qwen/Qwen3-Reranker-0.6B.": "请设置 reranker.model，例如 Qwen/Qwen3-Reranker-0.6B。",
    "The {role} runs on a server ({address}), and its weights cannot be fine-tuned from here.": "{role} 在服务器（{address}）上运行，无法从这里微调它的权重。",
    "Set {role}.name to transformers and {role}.model to the same model on this machine; serve the tuned one afterwards.": "请把 {role}.name 设为 transformers，把 {role}.model 设为本机上的同一模型；微调之后再用服务器提供它。",
    "The {role} is {engine}, which cannot be fine-tuned; only models that run through transformers can.": "{role} 是 {engine}，不能微调；只有通过 transformers 运行的模型才能微调。",
    "Set {role}.model, or learn a query adapter with `qianxun adapt`.": "请设置 {role}.model，或用 `qianxun adapt` 学习查询适配器。",
    # training/tuning.py
    "For none of the {n} questions there is a passage that does not answer it.": "{n} 个问题都没有可作反例的段落。",
    "Add more documents, or judgements of passages that do not answer.": "请添加更多文档，或添加对不相关段落的判断。",
    "Too few judged questions to fine-tune with: {n} ({held} to be held back that the model has not learned from before); judgements left out: {left}.": "可用于微调的已判断问题太少：{n} 个（其中可留作检验、且模型以前没有学过的有 {held} 个）；略去的判断：{left} 个。",
    "Collect at least {least}, of which {least_held} can be held back.": "请至少收集 {least} 个，其中 {least_held} 个可留作检验。",
    "Documents were removed or replaced while the model was trained on them; it is not kept.": "训练期间有用于训练的文档被移除或替换，因此不保留模型。",
    "The same judgements, settings and numbers made {folder} already.": "同样的判断、设置和参数已经生成过 {folder}。",
    "Set that model, delete the folder, or choose another --seed.": "请使用那个模型，或删除该文件夹，或另选 --seed。",
    "Another process is fine-tuning a model into {folder}.": "另一个进程正在微调模型并写入 {folder}。",
    "Try again later.": "请稍后再试。",
}
