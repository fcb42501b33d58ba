"""Hugging Face's tokenizers, timed from inside: python3 hf_tokenizers.py TEXT KIND MERGES → a line of JSON.

KIND is bpe (words between spaces, an end-of-word mark) or byte-bpe (GPT-2's pieces, bytes).
"""

import json
import sys
import time

try:
    import tokenizers
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit(0)

path, kind, merges = sys.argv[1], sys.argv[2], int(sys.argv[3])
lines = open(path, encoding="utf-8").read().split("\n")

if kind == "bpe":
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    base = len(set("".join(lines))) + 1
    options = {"end_of_word_suffix": "</w>"}
else:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base = 256
    options = {"initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
trainer = trainers.BpeTrainer(vocab_size=base + merges, show_progress=False, **options)

start = time.perf_counter()
tokenizer.train_from_iterator(lines, trainer)
train_seconds = time.perf_counter() - start

encode_seconds = []
for _ in range(3):
    start = time.perf_counter()
    for line in lines:
        tokenizer.encode(line)
    encode_seconds.append(time.perf_counter() - start)
start = time.perf_counter()
tokenizer.encode_batch(lines)
batch_seconds = time.perf_counter() - start

print(
    json.dumps(
        {
            "version": tokenizers.__version__,
            "train": train_seconds,
            "encode": sorted(encode_seconds)[1],
            "batch": batch_seconds,
        }
    )
)
