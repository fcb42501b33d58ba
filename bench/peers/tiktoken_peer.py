"""tiktoken with our vocabulary, timed from inside: stdin {"path", "pattern", "tokens": [base64, in order of ids]} → JSON."""

import base64
import json
import sys
import time

try:
    import tiktoken
except ImportError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit(0)

work = json.load(sys.stdin)
ranks = {base64.b64decode(token): id for id, token in enumerate(work["tokens"])}
encoding = tiktoken.Encoding("ours", pat_str=work["pattern"], mergeable_ranks=ranks, special_tokens={})
lines = open(work["path"], encoding="utf-8").read().split("\n")
seconds = []
for _ in range(3):
    start = time.perf_counter()
    ids = [encoding.encode_ordinary(line) for line in lines]
    seconds.append(time.perf_counter() - start)
print(json.dumps({"version": tiktoken.__version__, "encode": sorted(seconds)[1], "tokens": sum(map(len, ids)), "first": ids[0]}))
