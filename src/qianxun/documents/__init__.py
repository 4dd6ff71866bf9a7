"""Files to chunks: load, clean, split, recognise duplicates. Knows no store, index or model.

Others use: `reading.read_all` and its events, `reading.file_digest`, `registry.{loader_for,supported_suffixes}`,
`registry.may_hold_files`, `split.{split,measure_of,tokens,indexed_text}`, `sentences.sentences`,
`clean.{clean_block,clean_text,one_line}`, `dedupe.{text_hash,near_hash,say_the_same,likeness}`.
"""
