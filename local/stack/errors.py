"""The errors of a start of the local stack."""


class StackFailed(Exception):
    """The local stack did not start; the message is one sentence for a person and names the log."""
