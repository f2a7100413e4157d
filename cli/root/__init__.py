"""Hold the commands that belong to no group."""
