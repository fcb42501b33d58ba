"""An exported folder in PyTorch alone. stdin: {folder, prompts, greedy, maxTokens, batches, rates}; stdout: {logits, texts, losses}."""

import json
import sys

import torch
import torch.nn.functional as F

work = json.load(sys.stdin)
sys.path.insert(0, work["folder"])
from modeling_microgpt import load  # noqa: E402

model = load(work["folder"])
with torch.no_grad():
    logits = [model(torch.tensor([prompt]))[0, -1].tolist() for prompt in work["prompts"]]
texts = [model.generate(prompt, work["maxTokens"])[len(prompt) :] for prompt in work["greedy"]]
losses = []
adam = torch.optim.Adam(model.parameters(), betas=(0.85, 0.99), eps=1e-8)
for documents, rate in zip(work["batches"], work["rates"]):
    pairs = [document[: model.block_size + 1] for document in documents]
    sums = [F.cross_entropy(model(torch.tensor([d[:-1]]))[0], torch.tensor(d[1:]), reduction="sum") for d in pairs]
    loss = sum(sums) / sum(len(d) - 1 for d in pairs)
    adam.zero_grad()
    loss.backward()
    adam.param_groups[0]["lr"] = rate
    adam.step()
    losses.append(loss.item())
json.dump({"logits": logits, "texts": texts, "losses": losses}, sys.stdout)
