"""One file of showers judged by another, as a user has it done."""

import json
import resource
import sys
import time
from importlib.metadata import version

from ansatz.calo.effort import QUICK
from ansatz.calo.evaluation import evaluate


def main() -> None:
    work = json.loads(sys.argv[1])
    started = time.perf_counter()
    judged = evaluate(*work["files"], effort=QUICK)
    seconds = time.perf_counter() - started
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    # The reference is read twice.
    read = 2 * len(judged.reference.file) + len(judged.generated.file)
    result = {
        "seconds": seconds,
        "rate": read / seconds,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "versions": {name: version(name) for name in ("numpy", "scipy", "jax", "h5py")},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
