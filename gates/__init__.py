"""The checks of `make check`: style, types, import rules, templates and policies."""
