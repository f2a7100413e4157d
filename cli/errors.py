"""Say what went wrong, as one sentence for the person at the terminal."""

from cli.display import clean


class Refused(Exception):
    """Say by ``str(error)`` why the command cannot do what was asked, and what to do."""


def sentence(error: Exception) -> str | None:
    """Return the sentence for an error that a person can put right, without control characters; None for a bug."""
    text = _sentence(error)
    return None if text is None else clean(text)


def _sentence(error: Exception) -> str | None:
    if isinstance(error, Refused):
        return str(error)
    # Neither is imported unless something failed: both are slow to load.
    from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

    from tenancy.domain.errors import TenancyError
    from tenancy.domain.languages import ENGLISH

    if isinstance(error, TenancyError):
        return f"{type(error).__name__}: {error}. {ENGLISH.remedy(type(error).__name__)}"
    if isinstance(error, EndpointConnectionError):
        return f"Nothing answers at {error.kwargs.get('endpoint_url')}: is the local AWS up (`make up`)?"
    if isinstance(error, NoCredentialsError):
        return "There are no AWS credentials: set AWS_PROFILE, or start the local AWS (`make up`)."
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        return f"AWS answered {answer['Code']} to {error.operation_name}: {answer['Message']}"
    if isinstance(error, BotoCoreError):
        return f"AWS could not be asked: {error}"
    # The local stack says in its own words what failed (its errors are called …Failed or …Error and live in `local`).
    if type(error).__module__.split(".")[0] == "local":
        return str(error)
    return None
