"""How fast PyTorch multiplies matrices."""

import json
import sys
import time

import torch

work = json.loads(sys.argv[1])
torch.set_num_threads(work["threads"])
n = work["size"]
a, b, product = torch.ones((3, n, n))
for _ in range(2):
    torch.matmul(a, b, out=product)
started, count = time.perf_counter(), 0
while (seconds := time.perf_counter() - started) < work["seconds"]:
    torch.matmul(a, b, out=product)
    count += 1
versions = {"PyTorch": torch.__version__}
print(json.dumps({"rate": count * 2 * n**3 / seconds, "versions": versions}))
