"""An exported folder in transformers. stdin: {folder, texts, maxTokens, saved}; stdout: {ids, greedy}: of each text, and padded."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

work = json.load(sys.stdin)
tokenizer = AutoTokenizer.from_pretrained(work["folder"], trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(work["folder"], trust_remote_code=True)
options = {"do_sample": False, "max_new_tokens": work["maxTokens"]}


def greedy(ids, mask):
    with torch.no_grad():
        return model.generate(input_ids=ids, attention_mask=mask, **options)[:, ids.shape[1] :].tolist()


ids, alone = [], []
for text in work["texts"]:
    inputs = tokenizer(text, return_tensors="pt")
    ids.append(inputs.input_ids[0].tolist())
    alone += greedy(inputs.input_ids, inputs.attention_mask)
inputs = tokenizer(work["texts"], return_tensors="pt", padding=True, padding_side="left")
together = greedy(inputs.input_ids, inputs.attention_mask)
model.save_pretrained(work["saved"])
json.dump({"ids": ids, "alone": alone, "together": together}, sys.stdout)
