"""Parallel states.

AWS: each branch has its own context and its own variables; a JSONata Parallel takes Arguments for its branches and has
Output and Assign; the first branch that fails fails the state.
Stock MiniStack: branches share one context (State, RetryCount and Task.Token are another branch's, a branch's Assign
leaks out); Arguments, Output and Assign of a JSONata Parallel are ignored.

Source: docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html, …/dg/workflow-variables.html. Different: when
a branch fails, the others still run to their end before the state fails.
"""

from __future__ import annotations

import copy
import threading
from contextvars import copy_context
from typing import Any

from ministack.services import stepfunctions

from local_aws import patching
from local_aws.state import Settings


def run_branches(state: dict[str, Any], given: Any, execution: dict[str, Any], ctx: Any) -> Any:
    """One attempt: (output, name of the next state). Raises _ExecutionError of the branch that failed first."""
    jsonata = stepfunctions._state_query_language(state, ctx) == "JSONata"
    if jsonata:
        handed = stepfunctions._apply_jsonata_arguments(state, given, ctx)
    else:
        handed = stepfunctions._apply_parameters(state, stepfunctions._apply_input_path(state, given, ctx), ctx)
    branches = state.get("Branches", [])
    results: list[Any] = [None] * len(branches)
    failures: list[Exception] = []

    def run(place: int, branch: dict[str, Any]) -> None:
        own = copy.deepcopy(ctx)
        own.pop("Task", None)
        try:
            results[place] = stepfunctions._run_sub_machine(
                branch.get("States", {}), branch.get("StartAt"), handed, execution, own
            )
        except Exception as failure:  # noqa: BLE001
            failures.append(failure)

    threads = [
        threading.Thread(target=copy_context().run, args=(run, place, branch), daemon=True)
        for place, branch in enumerate(branches)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        first = failures[0]
        if isinstance(first, stepfunctions._ExecutionError):
            raise first
        raise stepfunctions._ExecutionError("States.BranchFailed", str(first))
    if jsonata:
        output = stepfunctions._apply_jsonata_output(state, given, ctx, result=results, default=results)
        stepfunctions._apply_state_assign(state, given, ctx, result=results)
    else:
        result = stepfunctions._apply_result_selector(state, results)
        output = stepfunctions._apply_result_path(state, given, result)
        output = stepfunctions._apply_output_path(state, output, ctx)
    return output, stepfunctions._next_or_end(state)


def install(settings: Settings) -> None:
    patching.replace(
        stepfunctions,
        "_run_parallel_branches",
        lambda _: run_branches,
        "effective, execution, ctx)",
        '"States.BranchFailed"',
    )
