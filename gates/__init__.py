"""What `make check` runs: style, types, import rules, template and policy gates."""
