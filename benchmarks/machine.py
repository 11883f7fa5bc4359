"""The machine that all is measured on, in words and by how fast it multiplies matrices."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from benchmarks.harness import Contender, Runs, Setting
from benchmarks.spread import Spread, Values, greatest

HERE = Path(__file__).parent
PRODUCT = {"JAX": "product by JAX", "PyTorch": "product by PyTorch"}
SIZE = 2048
SECONDS = 1.0


def cores() -> int:
    """How many cores this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def products(setting: Setting) -> list[Contender]:
    """Matrix multiplication as fast as either library can."""
    work = {"size": SIZE // 8 if setting.quick else SIZE, "seconds": SECONDS, "threads": cores()}
    ours, theirs = HERE / "ours" / "product.py", HERE / "peers" / "torch_product.py"
    return [
        Contender(PRODUCT["JAX"], Path(sys.executable), ours, work),
        Contender(PRODUCT["PyTorch"], setting.peers, theirs, work),
    ]


def fastest_product(runs: Runs) -> Values:
    """Floating-point operations per second of the faster library, round by round."""
    return greatest([runs.values(name, lambda r: r["rate"]) for name in PRODUCT.values()])


def describe(runs: Runs, setting: Setting) -> str:
    """The machine, what else it had to do, and the versions of what ran on it."""
    speeds = []
    for library, name in PRODUCT.items():
        rate = Spread.of(runs.values(name, lambda r: r["rate"] / 1e9))
        speeds.append(f"{library} {rate.text('.0f') if rate else 'failed'}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {number}" for name, number in runs.versions().items())
    return (
        f"Measured on {cores()} cores ({_processor()}), {memory:.0f} GiB of memory, "
        f"{platform.system()} on {platform.machine()}; in the minute before, other programs kept "
        f"{setting.load:.1f} cores busy. Products of float32 matrices, in GFLOP/s: "
        f"{', '.join(speeds)}. Versions: {versions}."
    )


def _processor() -> str:
    """What the processor is called, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or "of unknown make"
