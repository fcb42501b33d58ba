/**
 * The Python of the format `pytorch`. The same architecture as `microgpt.ts`, in PyTorch: `modeling_microgpt.py` is the
 * model, `train_microgpt.py` trains it on.
 */

/** `modeling_microgpt.py`. */
export const MODELING: string = `"""A GPT as in GPT-2, with RMSNorm, ReLU and no biases. For PyTorch alone: load("."); its second half is for transformers."""
import json
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import nn


def norm(x):  # [..., width], scaled to a mean square of 1
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.attn_wq, self.attn_wk, self.attn_wv, self.attn_wo = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.mlp_fc1 = nn.Linear(width, 4 * width, bias=False)
        self.mlp_fc2 = nn.Linear(4 * width, width, bias=False)

    def forward(self, x, visible):  # x: [batch, tokens, width], visible: [batch, 1, tokens, tokens]
        normed = norm(x)
        split = lambda y: y.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [batch, heads, tokens, width / heads]
        query, key, value = split(self.attn_wq(normed)), split(self.attn_wk(normed)), split(self.attn_wv(normed))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=visible)
        x = x + self.attn_wo(attended.transpose(1, 2).flatten(2))
        return x + self.mlp_fc2(F.relu(self.mlp_fc1(norm(x))))


class Microgpt(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.block_size, self.bos = config.block_size, config.bos_token_id
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = nn.Embedding(config.block_size, config.n_embd)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.layers = nn.ModuleList(Block(config.n_embd, config.n_head) for _ in range(config.n_layer))
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.08)

    def forward(self, tokens, mask=None):  # [batch, tokens] -> logits [batch, tokens, vocabulary]; mask: 0 is padding
        tokens = tokens[:, -self.block_size :]  # past the block, the window slides
        mask = torch.ones_like(tokens) if mask is None else mask[:, -self.block_size :]
        itself = torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
        visible = (itself.cumsum(1) > 0).T & mask.bool()[:, None, None, :] | itself  # padding sees itself: no NaN
        x = norm(self.wte(tokens) + self.wpe((mask.cumsum(1) - 1).clamp(min=0)))
        for layer in self.layers:
            x = layer(x, visible)
        return self.lm_head(x)

    @torch.no_grad()
    def generate(self, tokens, max_tokens, temperature=0.0):  # a list of tokens -> the same, continued up to BOS
        for _ in range(max_tokens):
            logits = self(torch.tensor([tokens], device=self.lm_head.weight.device))[0, -1]
            greedy = temperature == 0
            token = logits.argmax() if greedy else torch.multinomial((logits / temperature).softmax(-1), 1)
            if token == self.bos:
                break
            tokens = [*tokens, int(token)]
        return tokens


def load(folder):
    from safetensors.torch import load_file

    model = Microgpt(SimpleNamespace(**json.loads(Path(folder, "config.json").read_text())))
    weights = load_file(Path(folder, "model.safetensors"))
    model.load_state_dict({name.removeprefix("gpt."): weight for name, weight in weights.items()})
    return model


try:
    from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import CausalLMOutput
except ImportError:
    pass
else:

    class MicrogptConfig(PretrainedConfig):
        model_type = "microgpt"
        attribute_map = {"hidden_size": "n_embd", "num_attention_heads": "n_head", "num_hidden_layers": "n_layer"}

        def __init__(self, vocab_size=27, n_embd=16, n_head=4, n_layer=1, block_size=16, **more):
            self.vocab_size, self.n_embd, self.n_head = vocab_size, n_embd, n_head
            self.n_layer, self.block_size = n_layer, block_size
            super().__init__(**more)

    class MicrogptForCausalLM(PreTrainedModel, GenerationMixin):
        config_class, base_model_prefix = MicrogptConfig, "gpt"

        def __init__(self, config):
            super().__init__(config)
            self.gpt = Microgpt(config)
            self.post_init()

        def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **_):
            return {"input_ids": input_ids, "attention_mask": attention_mask}

        def forward(self, input_ids, attention_mask=None, labels=None, **_):
            logits = self.gpt(input_ids, attention_mask)
            if labels is None:
                return CausalLMOutput(logits=logits)
            targets = labels[:, -logits.shape[1] :][:, 1:]
            return CausalLMOutput(loss=F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten()), logits=logits)
`;

/** `train_microgpt.py`. */
export const TRAINING: string = `"""Trains the model of this folder on: python train_microgpt.py TEXT, or torchrun --nproc-per-node N train_microgpt.py TEXT."""
import argparse
import os
import random
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch.nn.utils.rnn import pad_sequence

from modeling_microgpt import load

parser = argparse.ArgumentParser()
parser.add_argument("text", help="a text, one document per line")
parser.add_argument("--steps", type=int, default=100)
parser.add_argument("--batch-size", type=int, default=64, help="documents per step, of all processes together")
parser.add_argument("--learning-rate", type=float, default=0.001)
parser.add_argument("--out", default="trained.safetensors")
options = parser.parse_args()

folder = Path(__file__).parent
rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
if size > 1:
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"
model = load(folder).to(device)
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
lines = [line.strip() for line in Path(options.text).read_text().splitlines() if line.strip()]
# BOS at both ends; of a longer document, the first block.
documents = [[*tokenizer.encode(line).ids, model.bos][: model.block_size + 1] for line in lines]
random.Random(42).shuffle(documents)
adam = torch.optim.Adam(model.parameters(), lr=options.learning_rate, betas=(0.85, 0.99), eps=1e-8)

for step in range(options.steps):
    chosen = [documents[(step * options.batch_size + i) % len(documents)] for i in range(options.batch_size)]
    mine = [torch.tensor(document) for document in chosen[rank::size]] or [torch.tensor([model.bos, -100])]
    tokens = pad_sequence(mine, batch_first=True, padding_value=-100).to(device)
    targets = tokens[:, 1:]
    losses = F.cross_entropy(model(tokens[:, :-1].clamp(min=0)).flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum")
    adam.zero_grad()
    (losses / sum(len(document) - 1 for document in chosen)).backward()  # the mean over all processes
    for weight in model.parameters() if size > 1 else []:
        dist.all_reduce(weight.grad)
    for group in adam.param_groups:
        group["lr"] = options.learning_rate * (1 - step / options.steps)
    adam.step()
    if rank == 0:
        print(f"step {step + 1}/{options.steps}  loss {losses.item() / max(1, (targets >= 0).sum().item()):.4f}")

if rank == 0:
    save_file(model.state_dict(), options.out, metadata={"format": "pt"})
    print(f"saved to {options.out}; to use it here, rename it to model.safetensors")
if size > 1:
    dist.destroy_process_group()
`;
