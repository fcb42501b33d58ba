"""Hugging Face's tokenizers on our files: stdin is {"json": ..., "texts": [...]}, stdout a list of [ids, text]."""

import json
import sys

from tokenizers import Tokenizer

work = json.load(sys.stdin)
tokenizer = Tokenizer.from_str(json.dumps(work["json"]))
answers = []
for text in work["texts"]:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    answers.append([ids, tokenizer.decode(ids, skip_special_tokens=False)])
json.dump(answers, sys.stdout)
