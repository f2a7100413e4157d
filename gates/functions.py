"""Check that each function makes one call into the layer; import-linter cannot tell scripts named `app` apart."""

import ast
from collections.abc import Iterator
from pathlib import Path

from gates import report

ALLOWED = {"tenancy", "aws_lambda_powertools", "collections", "typing"}
LONGEST = 40


def findings(root: Path) -> list[str]:
    """Return the faults of the functions below a folder."""
    files = sorted((root / "functions").glob("*/app.py"))
    if not files:
        return ["functions/: there is none"]
    return [f"{path.relative_to(root)}: {finding}" for path in files for finding in inspect(path.read_text())]


def inspect(source: str) -> list[str]:
    """Return the faults of one function."""
    tree = ast.parse(source)
    found = [
        f"imports {module}: a function uses the layer and nothing else"
        for module in _imports(tree)
        if module.split(".")[0] not in ALLOWED
    ]
    if not any("handler" in _names(node) for node in tree.body):
        found.append("defines no `handler`: make it with tenancy.handlers")
    if not ast.get_docstring(tree):
        found.append("has no docstring: say in its first line what it does")
    if any(isinstance(node, ast.If | ast.For | ast.While | ast.Try) for node in ast.walk(tree)):
        found.append("branches or loops: move the decision into the layer")
    if (lines := len(source.splitlines())) > LONGEST:
        found.append(f"has {lines} lines, more than {LONGEST}: move code into the layer")
    return found


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else node.module or ""


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


if __name__ == "__main__":
    report.main(findings)
