"""The peer: the same GPT in PyTorch, eager, f32 on the CPU unless told otherwise; written as one who knows PyTorch would, to be fast.

A benchmark talks to it a line of JSON at a time (torch.mjs is the other end), so that rounds of both sides can take turns:

    out  {"ready": true, "torch": "2.x", "cuda": "its name" or null}                       or {"ready": false, "reason": "..."}
    in   {"config": {vocabSize, nEmbd, nHead, nLayer, blockSize}, "batches": [[[token, ...], ...], ...], "threads": 2,
          "learningRate": 0.01, "numSteps": 1000, "weights": {name: [number, ...]},            (weights: optional)
          "device": "cuda", "precision": "f32" | "tf32" | "bf16"}                              (optional: cpu, f32)
    out  {"parameters": 4192, "threads": 2}
    in   {"steps": k}                    out  {"ms": all k together, "cpuMs": ..., "loss": of the last, "losses": [...]}
    in   {"evaluate": [[token, ...]]}    out  {"loss": the mean over all positions}
    in   {"matmul": n, "repeats": r}     out  {"ms": the best of r products of two n x n matrices}

cpuMs is the time of all threads on a core, waiting not counted: of one thread, far below ms, it says that others had the
cores. With more threads, set OMP_WAIT_POLICY=passive (torch.mjs does): otherwise they wait for each other in busy loops,
and on cores that others use, too, that made steps ten times as slow.

Letters of shapes: B documents, T positions, C width, H heads, V tokens.
"""

import argparse
import gc
import json
import math
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except (ImportError, OSError) as error:  # not there, or its libraries are not
    print(json.dumps({"ready": False, "reason": f"{sys.executable}: {error}"}), flush=True)
    sys.exit(0)

PADDING = -100  # a target that cross_entropy ignores


class Gpt(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        vocab, width, self.block = config["vocabSize"], config["nEmbd"], config["blockSize"]
        self.heads, self.layers, self.width = config["nHead"], config["nLayer"], width
        weight = lambda rows, columns: torch.nn.Parameter(torch.randn(rows, columns) * 0.08)
        self.wte, self.wpe, self.lm_head = weight(vocab, width), weight(self.block, width), weight(vocab, width)
        # Query, key and value as one matrix [3C, C]: one product for three, and the same numbers.
        self.qkv = torch.nn.ParameterList(weight(3 * width, width) for _ in range(self.layers))
        self.wo = torch.nn.ParameterList(weight(width, width) for _ in range(self.layers))
        self.fc1 = torch.nn.ParameterList(weight(4 * width, width) for _ in range(self.layers))
        self.fc2 = torch.nn.ParameterList(weight(width, 4 * width) for _ in range(self.layers))

    @torch.no_grad()
    def take(self, weights):
        """Weights by the names of our engines, each a flat list, row after row."""
        tensor = lambda name: torch.tensor(weights[name], dtype=torch.float32).view(-1, self.columns(name))
        for name in ("wte", "wpe", "lm_head"):
            getattr(self, name).copy_(tensor(name))
        for layer in range(self.layers):
            at = f"layer{layer}."
            self.qkv[layer].copy_(torch.cat([tensor(at + name) for name in ("attn_wq", "attn_wk", "attn_wv")]))
            self.wo[layer].copy_(tensor(at + "attn_wo"))
            self.fc1[layer].copy_(tensor(at + "mlp_fc1"))
            self.fc2[layer].copy_(tensor(at + "mlp_fc2"))

    def columns(self, name):
        return 4 * self.width if name.endswith("mlp_fc2") else self.width

    def forward(self, tokens):
        """[B, T] -> logits [B, T, V]."""
        B, T = tokens.shape
        C, H = self.width, self.heads
        x = rmsnorm(F.embedding(tokens, self.wte) + self.wpe[:T])
        for qkv, wo, fc1, fc2 in zip(self.qkv, self.wo, self.fc1, self.fc2):
            q, k, v = F.linear(rmsnorm(x), qkv).view(B, T, 3, H, C // H).permute(2, 0, 3, 1, 4)  # each [B, H, T, C/H]
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + F.linear(attended.transpose(1, 2).reshape(B, T, C), wo)
            x = x + F.linear(F.relu(F.linear(rmsnorm(x), fc1)), fc2)
        return F.linear(x, self.lm_head)

    def loss(self, inputs, targets):
        return F.cross_entropy(self(inputs).flatten(0, 1), targets.flatten(), ignore_index=PADDING)


def rmsnorm(x):
    return F.rms_norm(x, x.shape[-1:], eps=1e-5)


def pad(batch, block):
    """Documents -> inputs and targets [B, T], T the longest's positions."""
    positions = [min(block, len(document) - 1) for document in batch]
    inputs = torch.zeros(len(batch), max(positions), dtype=torch.long)
    targets = torch.full_like(inputs, PADDING)
    for row, (document, count) in enumerate(zip(batch, positions)):
        inputs[row, :count] = torch.tensor(document[:count])
        targets[row, :count] = torch.tensor(document[1 : count + 1])
    return inputs, targets


class Training:
    def __init__(self, setup, threads):
        torch.set_num_threads(threads)
        torch.manual_seed(42)
        self.device, precision = setup.get("device", "cpu"), setup.get("precision", "f32")
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        self.narrow = lambda: torch.autocast(self.device, dtype=torch.bfloat16, enabled=precision == "bf16")
        self.model = Gpt(setup["config"])
        if setup.get("weights") is not None:
            self.model.take(setup["weights"])
        self.model.to(self.device)
        self.batches = [self.moved(pad(batch, self.model.block)) for batch in setup["batches"]]
        self.learning_rate, self.num_steps = setup["learningRate"], setup["numSteps"]
        self.adam = torch.optim.Adam(self.model.parameters(), betas=(0.85, 0.99), eps=1e-8, fused=True)
        self.step = 0

    def moved(self, batch):
        return tuple(part.to(self.device) for part in batch)

    def steps(self, count):
        started, cpu_started = time.perf_counter(), time.process_time()
        # Nobody waits for a loss before the last step is asked for: a GPU would stand still.
        losses = torch.stack([self.one_step() for _ in range(count)]).tolist()
        ms, cpu_ms = 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - cpu_started)
        return {"ms": ms, "cpuMs": cpu_ms, "loss": losses[-1], "losses": losses}

    def one_step(self):
        inputs, targets = self.batches[self.step % len(self.batches)]
        rate = self.learning_rate * max(0, 1 - self.step / self.num_steps)
        self.adam.param_groups[0]["lr"] = rate
        with self.narrow():
            loss = self.model.loss(inputs, targets)
        loss.backward()
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        self.step += 1
        return loss.detach()

    @torch.inference_mode()
    def evaluate(self, documents):
        """In groups of a batch's size, so that they need no more memory than a step."""
        size, total, count = len(self.batches[0][0]), 0.0, 0
        for start in range(0, len(documents), size):
            inputs, targets = self.moved(pad(documents[start : start + size], self.model.block))
            positions = int((targets != PADDING).sum())
            total += self.model.loss(inputs, targets).item() * positions
            count += positions
        return {"loss": total / count}


@torch.inference_mode()
def matmul(size, repeats, training):
    device = training.device
    with training.narrow():
        dtype = torch.bfloat16 if torch.is_autocast_enabled(device) else torch.float32
    a, b, out = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(3))
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    torch.mm(a, b, out=out)
    best = math.inf
    for _ in range(repeats):
        wait()
        started = time.perf_counter()
        torch.mm(a, b, out=out)
        wait()
        best = min(best, time.perf_counter() - started)
    return {"ms": 1000 * best}


def answer(request, training):
    if "steps" in request:
        return training.steps(request["steps"])
    if "evaluate" in request:
        return training.evaluate(request["evaluate"])
    if "matmul" in request:
        return matmul(request["matmul"], request["repeats"], training)
    return {"error": f"expected steps, evaluate or matmul, got {', '.join(request)}"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, help="instead of the first line's")
    threads = parser.parse_args().threads
    say = lambda value: print(json.dumps(value), flush=True)
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    say({"ready": True, "torch": torch.__version__, "cuda": cuda})
    setup = json.loads(sys.stdin.readline())
    training = Training(setup, threads or setup["threads"])
    say({"parameters": sum(p.numel() for p in training.model.parameters()), "threads": torch.get_num_threads()})
    del setup
    gc.collect()
    gc.freeze()  # what stands now is not walked again by the collector
    for line in sys.stdin:
        say(answer(json.loads(line), training))


if __name__ == "__main__":
    main()
