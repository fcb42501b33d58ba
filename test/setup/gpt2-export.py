"""An exported GPT-2 in transformers, without any code of its folder. stdin: {folder, prompts, greedy, maxTokens}; stdout: {logits, texts}."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM

work = json.load(sys.stdin)
model = AutoModelForCausalLM.from_pretrained(work["folder"])
with torch.no_grad():
    logits = [model(torch.tensor([prompt])).logits[0, -1].tolist() for prompt in work["prompts"]]
    texts = []
    for prompt in work["greedy"]:
        ids = model.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones((1, len(prompt)), dtype=torch.long),
            do_sample=False,
            max_new_tokens=work["blockSize"] - len(prompt),
        )
        texts.append(ids[0, len(prompt) :].tolist())
json.dump({"logits": logits, "texts": texts}, sys.stdout)
