"""Copy the function into a template: ``python -m edge edge.yaml``."""

import sys
from pathlib import Path

from edge import VIEWER_REQUEST
from edge.template import with_code


def main(template: Path) -> None:
    template.write_text(with_code(template.read_text(), VIEWER_REQUEST.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
