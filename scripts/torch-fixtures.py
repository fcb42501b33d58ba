"""Makes test/fixtures/torch.json: what two other implementations of the model compute, in f64, for the tests to compare with.

The first is PyTorch: autograd and torch.optim.Adam, documents padded into one batch. The second is numpy alone, document by
document, every derivative written by hand. They share the weights and the batches, nothing else; where they differ by more
than LIMITS, nothing is written. How far apart they were is in the file's header.

    python3 scripts/torch-fixtures.py          writes the file (needs torch and numpy)
    python3 scripts/torch-fixtures.py check    compares numpy alone with the file as it is (needs no torch)

The weights follow from the configuration by a formula without rounding (`weights`), so they are not in the file;
test/setup/torch-fixtures.ts has the same formula. Letters of shapes: B documents, T positions, C width, H heads, V tokens.
"""

import json
import math
import platform
import sys
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).parent.parent / "test" / "fixtures" / "torch.json"
STEPS, LEARNING_RATE, BETA1, BETA2, EPSILON = 10, 0.01, 0.85, 0.99, 1e-8
RMSNORM_EPSILON = 1e-5

CONFIGS = [  # an even one; a narrow one with heads of two numbers; a deep one with more tokens than width
    {"vocabSize": 11, "nEmbd": 8, "nHead": 2, "nLayer": 2, "blockSize": 6},
    {"vocabSize": 7, "nEmbd": 6, "nHead": 3, "nLayer": 1, "blockSize": 5},
    {"vocabSize": 23, "nEmbd": 12, "nHead": 4, "nLayer": 3, "blockSize": 9},
]

# Largest allowed difference of the two sides. Of lists: the norm of the difference over the norm of the list.
LIMITS = {"logits": 1e-12, "loss": 1e-12, "gradients": 1e-11, "losses": 1e-11, "finalWeights": 1e-11}


# -- What both start from ------------------------------------------------------------------------------------------


def generator(state):
    """16-bit integers of the linear congruential generator of Numerical Recipes: the upper half of 32 bits."""
    while True:
        state = (1664525 * state + 1013904223) % 2**32
        yield state // 2**16


def shapes(config):
    """Name -> (rows, columns), in the order in which the weights are counted."""
    vocab, width, block = config["vocabSize"], config["nEmbd"], config["blockSize"]
    result = {"wte": (vocab, width), "wpe": (block, width), "lm_head": (vocab, width)}
    for layer in range(config["nLayer"]):
        for name in ("wq", "wk", "wv", "wo"):
            result[f"layer{layer}.attn_{name}"] = (width, width)
        result[f"layer{layer}.mlp_fc1"] = (4 * width, width)
        result[f"layer{layer}.mlp_fc2"] = (width, 4 * width)
    return result


def weights(config):
    """Multiples of 2^-16 from -0.5 to below 0.5: f32 has them exactly, so engines of every precision start alike."""
    numbers = generator(config["vocabSize"])
    draw = lambda count: np.array([(next(numbers) - 2**15) / 2**16 for _ in range(count)])
    return {name: draw(rows * columns).reshape(rows, columns) for name, (rows, columns) in shapes(config).items()}


def make_batches(config):
    """Three batches of 5, 3 and 1 documents; among the lengths are 2, the shortest, and some beyond blockSize + 1."""
    block, numbers = config["blockSize"], generator(1000 + config["vocabSize"])
    lengths = [[block, 2, block + 4, 3, block + 1], [4, block + 2, 2], [block - 1]]
    document = lambda length: [next(numbers) % config["vocabSize"] for _ in range(length)]
    return [[document(length) for length in batch] for batch in lengths]


def learning_rate(step):
    return LEARNING_RATE * (1 - step / STEPS)


# -- PyTorch --------------------------------------------------------------------------------------------------------


def torch_side(config, batches):
    import torch
    import torch.nn.functional as F

    params = {name: torch.tensor(w, dtype=torch.float64, requires_grad=True) for name, w in weights(config).items()}
    heads, block = config["nHead"], config["blockSize"]

    def rmsnorm(x):
        return x / torch.sqrt(x.square().mean(-1, keepdim=True) + RMSNORM_EPSILON)

    def forward(tokens):  # [B, T] -> logits [B, T, V]
        B, T = tokens.shape
        x = rmsnorm(params["wte"][tokens] + params["wpe"][:T])
        future = torch.ones(T, T, dtype=torch.bool).triu(1)
        for layer in range(config["nLayer"]):
            weight = lambda name: params[f"layer{layer}.{name}"].T
            normed = rmsnorm(x)
            split = lambda name: (normed @ weight(name)).view(B, T, heads, -1).transpose(1, 2)  # [B, H, T, C / H]
            q, k, v = split("attn_wq"), split("attn_wk"), split("attn_wv")
            scores = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).masked_fill(future, -math.inf)
            attended = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, -1)
            x = x + attended @ weight("attn_wo")
            x = x + torch.relu(rmsnorm(x) @ weight("mlp_fc1")) @ weight("mlp_fc2")
        return x @ params["lm_head"].T

    def run(batch):  # -> logits [B, T, V] and the mean loss over all real positions
        positions = [min(block, len(document) - 1) for document in batch]
        inputs = torch.zeros(len(batch), max(positions), dtype=torch.long)
        targets = torch.full_like(inputs, -100)
        for row, (document, count) in enumerate(zip(batch, positions)):
            inputs[row, :count] = torch.tensor(document[:count])
            targets[row, :count] = torch.tensor(document[1 : count + 1])
        logits = forward(inputs)
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100), positions

    logits, loss, positions = run(batches[0])
    loss.backward()
    result = {
        "logits": [logits[row, :count].detach().numpy() for row, count in enumerate(positions)],
        "loss": loss.item(),
        "gradients": {name: param.grad.numpy().copy() for name, param in params.items()},
        "losses": [],
    }
    adam = torch.optim.Adam(params.values(), betas=(BETA1, BETA2), eps=EPSILON)
    for step in range(STEPS):
        for group in adam.param_groups:
            group["lr"] = learning_rate(step)
        adam.zero_grad()
        _, loss, _ = run(batches[step % len(batches)])
        loss.backward()
        adam.step()
        result["losses"].append(loss.item())
    return result | {"finalWeights": {name: param.detach().numpy() for name, param in params.items()}}


# -- numpy: each function returns its value and the function that takes the gradient back ----------------------------


def rmsnorm(x):
    """y = x r with r = (mean(x^2) + eps)^-1/2, so dx = r (dy - y mean(dy y))."""
    r = (np.mean(x * x, axis=-1, keepdims=True) + RMSNORM_EPSILON) ** -0.5
    y = x * r
    return y, lambda dy: r * (dy - y * np.mean(dy * y, axis=-1, keepdims=True))


def linear(x, weight):
    """y = x W', so dx = dy W and dW = dy' x."""
    return x @ weight.T, lambda dy: (dy @ weight, dy.T @ x)


def softmax(scores):
    exps = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def head(q, k, v):
    """One head, [T, D] each. p = softmax(q k' / sqrt(D)) over the past, y = p v; the softmax gives dp -> p (dp - sum(dp p))."""
    scale = q.shape[1] ** -0.5
    p = softmax(np.where(np.tri(len(q), dtype=bool), q @ k.T * scale, -np.inf))

    def backward(dy):
        dp = dy @ v.T
        ds = p * (dp - np.sum(dp * p, axis=-1, keepdims=True)) * scale
        return ds @ k, ds.T @ q, p.T @ dy

    return p @ v, backward


def document_pass(w, config, tokens):
    """-> logits [T, V], the sum of -log p(next token) over T positions, gradients of that sum, and T.

    Also the distance of the hidden numbers from the kink of ReLU, where the two sides may be of two minds.
    """
    T = min(config["blockSize"], len(tokens) - 1)
    inputs, targets, D = tokens[:T], tokens[1 : T + 1], config["nEmbd"] // config["nHead"]
    grads = {name: np.zeros_like(weight) for name, weight in w.items()}
    back, kink = [], math.inf  # one function a layer: d(its output) -> d(its input)
    x, embed_back = rmsnorm(w["wte"][inputs] + w["wpe"][:T])
    for layer in range(config["nLayer"]):
        x, layer_back, distance = layer_pass(x, w, f"layer{layer}.", D, grads)
        back.append(layer_back)
        kink = min(kink, distance)
    logits, head_back = linear(x, w["lm_head"])
    p = softmax(logits)
    loss = -np.sum(np.log(p[range(T), targets]))

    p[range(T), targets] -= 1  # d(-log softmax) = p - 1 at the target, p elsewhere
    dx, grads["lm_head"] = head_back(p)
    for layer_back in reversed(back):
        dx = layer_back(dx)
    dx = embed_back(dx)
    np.add.at(grads["wte"], inputs, dx)  # a token that comes twice gets both
    grads["wpe"][:T] = dx
    return logits, loss, grads, T, kink


def layer_pass(x, w, prefix, D, grads):
    normed, norm1_back = rmsnorm(x)
    q, q_back = linear(normed, w[prefix + "attn_wq"])
    k, k_back = linear(normed, w[prefix + "attn_wk"])
    v, v_back = linear(normed, w[prefix + "attn_wv"])
    parts = [slice(start, start + D) for start in range(0, x.shape[1], D)]
    heads = [head(q[:, part], k[:, part], v[:, part]) for part in parts]
    attended, wo_back = linear(np.hstack([y for y, _ in heads]), w[prefix + "attn_wo"])
    middle = x + attended
    normed2, norm2_back = rmsnorm(middle)
    hidden, fc1_back = linear(normed2, w[prefix + "mlp_fc1"])
    output, fc2_back = linear(np.maximum(hidden, 0), w[prefix + "mlp_fc2"])

    def backward(dy):
        drelu, grads[prefix + "mlp_fc2"] = fc2_back(dy)
        dnormed2, grads[prefix + "mlp_fc1"] = fc1_back(drelu * (hidden > 0))
        dmiddle = dy + norm2_back(dnormed2)
        dheads, grads[prefix + "attn_wo"] = wo_back(dmiddle)
        dqkv = [head_back(dheads[:, part]) for part, (_, head_back) in zip(parts, heads)]
        dnormed = 0
        for name, linear_back, pieces in zip(("wq", "wk", "wv"), (q_back, k_back, v_back), zip(*dqkv)):
            dinput, grads[f"{prefix}attn_{name}"] = linear_back(np.hstack(pieces))
            dnormed = dnormed + dinput
        return dmiddle + norm1_back(dnormed)

    return middle + output, backward, np.abs(hidden).min()


def batch_pass(w, config, batch):
    """-> logits of each document, the mean loss over all positions of the batch, its gradients, distance from a kink."""
    passes = [document_pass(w, config, document) for document in batch]
    positions = sum(count for *_, count, _ in passes)
    grads = {name: sum(grads[name] for _, _, grads, _, _ in passes) / positions for name in w}
    return [logits for logits, *_ in passes], sum(p[1] for p in passes) / positions, grads, min(p[4] for p in passes)


def numpy_side(config, batches):
    w = weights(config)
    logits, loss, gradients, kink = batch_pass(w, config, batches[0])
    assert kink > 1e-6, f"a hidden number is {kink} from the kink of ReLU: an f32 engine may fall on its other side"
    result = {"logits": logits, "loss": loss, "gradients": gradients, "losses": []}
    mean, square = ({name: np.zeros_like(weight) for name, weight in w.items()} for _ in range(2))
    for step in range(STEPS):
        _, loss, gradients, _ = batch_pass(w, config, batches[step % len(batches)])
        for name, g in gradients.items():
            mean[name] = BETA1 * mean[name] + (1 - BETA1) * g
            square[name] = BETA2 * square[name] + (1 - BETA2) * g * g
            unbiased = mean[name] / (1 - BETA1 ** (step + 1))
            unbiased_square = square[name] / (1 - BETA2 ** (step + 1))
            w[name] = w[name] - learning_rate(step) * unbiased / (np.sqrt(unbiased_square) + EPSILON)
        result["losses"].append(loss)
    return result | {"finalWeights": w}


# -- Side by side ----------------------------------------------------------------------------------------------------


def pieces(part):
    """What is compared as one: each document's logits, each matrix, the loss, the list of losses."""
    if isinstance(part, dict):
        return [np.ravel(part[name]) for name in sorted(part)]
    return [np.ravel(piece) for piece in part] if isinstance(part, list) and np.ndim(part[0]) > 0 else [np.ravel(part)]


def difference(expected, actual):
    """The worst of all pieces, |expected - actual| / |expected|."""
    pairs = list(zip(pieces(expected), pieces(actual), strict=True))
    return max(float(np.linalg.norm(a - b) / np.linalg.norm(a)) for a, b in pairs)


def compare(ours, theirs):
    """Largest differences of two lists of results; fails where one is beyond its limit."""
    worst = {key: max(difference(a[key], b[key]) for a, b in zip(ours, theirs, strict=True)) for key in LIMITS}
    for key, value in worst.items():
        print(f"{key:13} {value:.1e}  (limit {LIMITS[key]:.0e})")
        assert value <= LIMITS[key], f"{key}: the two sides are {value} apart"
    return worst


def plain(value):
    """Arrays as lists, matrices flat, row after row; logits keep a row for each position."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def as_json(config, batches, result):
    flat = lambda matrices: {name: matrices[name].ravel().tolist() for name in shapes(config)}
    return {
        "config": config,
        "batches": batches,
        "logits": [plain(logits) for logits in result["logits"]],
        "loss": result["loss"],
        "gradients": flat(result["gradients"]),
        "losses": result["losses"],
        "finalWeights": flat(result["finalWeights"]),
    }


def write(fixtures, header):
    """One line for each entry of a fixture: small, and a change is seen where it is."""
    lines = lambda entries, indent: ",\n".join(f"{indent}{json.dumps(k)}: {json.dumps(v)}" for k, v in entries.items())
    bodies = ",\n".join("    {\n" + lines(fixture, "      ") + "\n    }" for fixture in fixtures)
    FIXTURES.write_text("{\n" + lines(header, "  ") + ',\n  "fixtures": [\n' + bodies + "\n  ]\n}\n", encoding="utf8")
    print(f"{FIXTURES}: {FIXTURES.stat().st_size} bytes")


def main():
    batches = [make_batches(config) for config in CONFIGS]
    by_hand = [numpy_side(config, batch) for config, batch in zip(CONFIGS, batches)]
    if sys.argv[1:] == ["check"]:
        compare(json.loads(FIXTURES.read_text(encoding="utf8"))["fixtures"], by_hand)
        return
    import torch

    torch.set_num_threads(1)
    by_torch = [torch_side(config, batch) for config, batch in zip(CONFIGS, batches)]
    header = {
        "made by": "scripts/torch-fixtures.py",
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "precision": "f64",
        "torch against numpy": compare(by_torch, by_hand),
    }
    write([as_json(*entry) for entry in zip(CONFIGS, batches, by_torch, strict=True)], header)


if __name__ == "__main__":
    main()
