"""The states of a run, in order: read from the state machines, which alone say it."""

import json
from pathlib import Path

STATE_MACHINES = Path(__file__).resolve().parents[1] / "statemachine"


def way(machine: str) -> list[str]:
    """All states on a machine's ordinary way: at a fork that is the first branch that was not gone yet."""
    definition = json.loads((STATE_MACHINES / f"{machine}.asl.json").read_text())
    gone, name = list[str](), definition["StartAt"]
    while name:
        gone.append(name)
        state = definition["States"][name]
        branches = [*(choice["Next"] for choice in state.get("Choices", [])), state.get("Default"), state.get("Next")]
        name = next((branch for branch in branches if branch and branch not in gone), None)
    return gone


def tasks(machine: str) -> list[str]:
    """Of these, the states that do something."""
    states = json.loads((STATE_MACHINES / f"{machine}.asl.json").read_text())["States"]
    return [name for name in way(machine) if states[name]["Type"] == "Task"]
