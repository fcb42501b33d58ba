"""The peer: the same GPT with scalar autograd in plain CPython, every sum and product a node of the graph.

Written for this benchmark, as a Python programmer would: operators, slots, no tricks, nothing slowed down on purpose.
Usage: python3 scalar_microgpt.py NAMES STEPS [nogc]  ->  a JSON line: losses, seconds and positions of each step.
"""

import gc
import json
import math
import random
import sys
import time


class Value:
    __slots__ = ("data", "grad", "children", "local_grads")

    def __init__(self, data, children=(), local_grads=()):
        self.data = data
        self.grad = 0.0
        self.children = children
        self.local_grads = local_grads

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, power):
        return Value(self.data**power, (self,), (power * self.data ** (power - 1),))

    def exp(self):
        result = math.exp(self.data)
        return Value(result, (self,), (result,))

    def log(self):
        return Value(math.log(self.data), (self,), (1.0 / self.data,))

    def relu(self):
        return Value(self.data if self.data > 0 else 0.0, (self,), (1.0 if self.data > 0 else 0.0,))

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + (-other)

    def __truediv__(self, other):
        return self * other**-1

    def backward(self):
        order, seen, stack = [], set(), [(self, iter(self.children))]
        seen.add(self)
        while stack:
            node, children = stack[-1]
            for child in children:
                if child not in seen:
                    seen.add(child)
                    stack.append((child, iter(child.children)))
                    break
            else:
                order.append(node)
                stack.pop()
        self.grad = 1.0
        for node in reversed(order):
            for child, local in zip(node.children, node.local_grads):
                child.grad += local * node.grad


WIDTH, HEADS, BLOCK = 16, 4, 16
SIZE = WIDTH // HEADS


def linear(x, weight):
    return [sum(w * v for w, v in zip(row, x)) for row in weight]


def rmsnorm(x):
    scale = (sum(v * v for v in x) / len(x) + 1e-5) ** -0.5
    return [v * scale for v in x]


def softmax(logits):
    top = max(v.data for v in logits)
    powers = [(v - top).exp() for v in logits]
    total = sum(powers)
    return [p / total for p in powers]


def gpt(weights, token, position, keys, values):
    x = rmsnorm([t + p for t, p in zip(weights["wte"][token], weights["wpe"][position])])
    residual, x = x, rmsnorm(x)
    q = linear(x, weights["wq"])
    keys.append(linear(x, weights["wk"]))
    values.append(linear(x, weights["wv"]))
    mixed = []
    for start in range(0, WIDTH, SIZE):
        end = start + SIZE
        scores = [sum(a * b for a, b in zip(q[start:end], k[start:end])) / SIZE**0.5 for k in keys]
        focus = softmax(scores)
        mixed += [sum(f * v[j] for f, v in zip(focus, values)) for j in range(start, end)]
    x = [a + b for a, b in zip(linear(mixed, weights["wo"]), residual)]
    residual = x
    x = linear([v.relu() for v in linear(rmsnorm(x), weights["fc1"])], weights["fc2"])
    return linear([a + b for a, b in zip(x, residual)], weights["lm_head"])


def main(path, steps):
    random.seed(42)
    documents = [line.strip() for line in open(path, encoding="utf-8") if line.strip()]
    random.shuffle(documents)
    letters = sorted(set("".join(documents)))
    bos = len(letters)

    def matrix(rows, columns):
        return [[Value(random.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

    weights = {"wte": matrix(bos + 1, WIDTH), "wpe": matrix(BLOCK, WIDTH), "lm_head": matrix(bos + 1, WIDTH)}
    weights |= {name: matrix(WIDTH, WIDTH) for name in ("wq", "wk", "wv", "wo")}
    weights |= {"fc1": matrix(4 * WIDTH, WIDTH), "fc2": matrix(WIDTH, 4 * WIDTH)}
    params = [value for rows in weights.values() for row in rows for value in row]
    mean, square = [0.0] * len(params), [0.0] * len(params)

    losses, seconds, positions = [], [], []
    for step in range(steps):
        started = time.perf_counter()
        tokens = [bos] + [letters.index(c) for c in documents[step % len(documents)]] + [bos]
        keys, values, parts = [], [], []
        count = min(BLOCK, len(tokens) - 1)
        for position in range(count):
            probabilities = softmax(gpt(weights, tokens[position], position, keys, values))
            parts.append(-probabilities[tokens[position + 1]].log())
        loss = sum(parts) * (1.0 / count)
        loss.backward()
        rate = 0.01 * (1 - step / 1000)
        for i, param in enumerate(params):
            mean[i] = 0.85 * mean[i] + 0.15 * param.grad
            square[i] = 0.99 * square[i] + 0.01 * param.grad**2
            corrected = mean[i] / (1 - 0.85 ** (step + 1))
            param.data -= rate * corrected / ((square[i] / (1 - 0.99 ** (step + 1))) ** 0.5 + 1e-8)
            param.grad = 0.0
        seconds.append(time.perf_counter() - started)
        losses.append(loss.data)
        positions.append(count)
    print(json.dumps({"python": sys.version.split()[0], "losses": losses, "seconds": seconds, "positions": positions}))


if sys.argv[3:] == ["nogc"]:
    gc.disable()  # what a knowing user may do: the graph has no cycles that the collector would have to find
main(sys.argv[1], int(sys.argv[2]))
