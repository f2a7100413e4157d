"""The supervisor of the local stack: it starts the stack, deploys the templates, and ends it without a trace."""

from local.stack.errors import StackFailed
from local.stack.folders import own_folder
from local.stack.stack import Stack
from local.stack.steps import Progress, Step

__all__ = ["Progress", "Stack", "StackFailed", "Step", "own_folder"]
