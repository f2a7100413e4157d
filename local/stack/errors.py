"""What can go wrong while the local stack starts."""


class StackFailed(Exception):
    """The local stack did not start; the message is one sentence for a person and names the log."""
