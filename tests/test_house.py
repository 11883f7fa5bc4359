"""The rooms of the package: an import never points up, and there is no circle."""

import ast
import subprocess
import sys
from pathlib import Path

import ansatz

SOURCE = Path(ansatz.__file__).parent

FLOORS = (
    {"cli"},
    {"studies"},
    {"calo"},
    {"report"},
    {"evaluate"},
    {"api"},
    {"runs"},
    {"training"},
    {"models"},
    {"nets", "data"},
    {"distributions"},
    {"bijections"},
    {"protocol"},
)
"""From the roof down. Rooms of one floor do not import each other."""

SKIPPED = {("models", "data")}
"""What stands lower and yet is none of a room's business."""

EXEMPT = {"ansatz", "ansatz.__main__"}


def module_of(path):
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(SOURCE.rglob("*.py"))}


def imports(path, nodes=None):
    """The modules of the package that a file imports, each with its line."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if nodes is None else nodes(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: an import says its whole name"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in FILES else node.module for name in below]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "ansatz":
                yield name, node.lineno


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def floor(name):
    found = [level for level, rooms in enumerate(FLOORS) if name in rooms]
    assert found, f"the room {name!r} has no floor"
    return found[0]


def violations(module, imported):
    """What is wrong with the imports of a module."""
    own = room(module)
    for name, line in imported:
        other = room(name)
        if other == own or (name == "ansatz" and own == "cli"):
            continue
        up = floor(other) <= floor(own) if other else True
        if up or (own, other) in SKIPPED:
            yield f"{module}, line {line}, imports {name}"


def test_no_import_points_up():
    wrong = [
        sentence
        for module, path in FILES.items()
        if module not in EXEMPT
        for sentence in violations(module, imports(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_check_sees_what_it_should():
    assert list(violations("ansatz.models.vae", [("ansatz.runs.run", 1)]))
    assert list(violations("ansatz.nets.mlp", [("ansatz.data.read", 1)]))
    assert list(violations("ansatz.data.read", [("ansatz.nets", 1)]))
    assert list(violations("ansatz.models.vae", [("ansatz.data.read", 1)]))
    assert list(violations("ansatz.runs.run", [("ansatz", 1)]))
    assert not list(violations("ansatz.runs.run", [("ansatz.models", 1), ("ansatz.runs.fit", 2)]))
    assert len(FILES) > 80
    assert {room(module) for module in FILES if module not in EXEMPT} <= set().union(*FLOORS)
    found = {name for name, _ in imports(SOURCE / "runs" / "fit.py")}
    assert {"ansatz.training", "ansatz.runs.prepare", "ansatz.protocol.errors"} <= found


def test_families_do_not_import_their_siblings():
    """Only the autoencoder may have another family inside it, as its prior."""
    for module, path in FILES.items():
        parts = module.split(".")
        if parts[1:2] != ["models"] or len(parts) < 3 or parts[2] == "vae":
            continue
        siblings = {name.split(".")[2] for name, _ in imports(path) if room(name) == "models"}
        assert siblings <= {parts[2]}, f"{module} imports {siblings}"


def at_import(tree):
    """The statements that run when a module is imported, outside functions."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


def circle(graph):
    """A circle in a graph, or nothing."""
    state = {}

    def visit(node, trail):
        state[node] = "open"
        for other in graph.get(node, ()):
            if state.get(other) == "open":
                return [*trail[trail.index(other) :], other]
            if other not in state and (found := visit(other, [*trail, other])):
                return found
        state[node] = "done"
        return []

    for node in graph:
        if node not in state and (found := visit(node, [node])):
            return found
    return []


def test_no_file_imports_itself_by_a_detour():
    graph = {
        module: sorted({name for name, _ in imports(path, at_import)} - {module})
        for module, path in FILES.items()
    }
    assert not circle(graph)
    assert sum(map(len, graph.values())) > 100
    assert circle({"a": ["b"], "b": ["c"], "c": ["a"]}) == ["a", "b", "c", "a"]
    assert not circle({"a": ["b", "c"], "b": ["c"], "c": []})


def test_the_package_alone_is_light():
    script = "import sys, ansatz; dir(ansatz); print(*sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(out.stdout.split())
    assert "ansatz" in loaded
    assert not loaded & {"jax", "numpy", "equinox", "scipy", "tyro", "h5py", "sklearn"}


def test_every_public_name_is_there():
    assert all(getattr(ansatz, name) is not None for name in ansatz.__all__)
    assert set(ansatz.__all__) <= set(dir(ansatz))
