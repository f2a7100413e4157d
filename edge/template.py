"""The place of the function in a CloudFormation template, which holds its code as text."""

import re

_BLOCK = re.compile(r"^( +)FunctionCode: \|\n(?:\1 +.*\n|\n)+", re.MULTILINE)


def with_code(template: str, code: str) -> str:
    """Return the template with `code` in its one FunctionCode. Raises ValueError if there is not exactly one."""
    if len(_BLOCK.findall(template)) != 1:
        raise ValueError("the template has no FunctionCode in block style, or several")

    def block(found: re.Match[str]) -> str:
        indent = found[1] + "  "
        lines = (f"{indent}{line}" if line.strip() else line for line in code.splitlines(keepends=True))
        return f"{found[1]}FunctionCode: |\n{''.join(lines)}\n"

    return _BLOCK.sub(block, template)
