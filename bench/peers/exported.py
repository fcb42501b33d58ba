"""An exported folder in Python, on one thread. argv: folder, "pytorch" or "gpt2". A JSON line in, one out: {"logits": prompt} or {"write": tokens}."""

import json
import sys

try:
    import torch
    from transformers import AutoModelForCausalLM
except ImportError as error:
    print(json.dumps({"reason": str(error)}), flush=True)
    sys.exit()

folder, kind = sys.argv[1:]
torch.set_num_threads(1)
if kind == "pytorch":
    sys.path.insert(0, folder)
    from modeling_microgpt import load

    model = load(folder).eval()
else:
    model = AutoModelForCausalLM.from_pretrained(folder).eval()


def logits(tokens):
    output = model(torch.tensor([tokens]))
    return (output if kind == "pytorch" else output.logits)[0, -1]


def write(tokens):
    if kind == "pytorch":  # has no cache: reads everything again
        for end in range(1, len(tokens) + 1):
            logits(tokens[:end])
        return
    cache = None
    for token in tokens:
        cache = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True).past_key_values


print(json.dumps({"version": torch.__version__}), flush=True)
with torch.no_grad():
    for line in sys.stdin:
        work = json.loads(line)
        print(json.dumps(logits(work["logits"]).tolist() if "logits" in work else write(work["write"])), flush=True)
