"""These errors say what can go wrong, and who must do something about it.

The class name is the contract: Step Functions matches it by exact name in Retry and Catch, ``last_error.code`` holds
it, the e-mail and the runbook are called by it. So the leaves are flat, and renaming one is a breaking change. What a
person should do about each stands in ``languages``.

Transient: trying again may help, and the state's Retry does; who reads of one in a mail learns that the retries are
used up. Nothing is undone. Permanent: a person, or another item, must change something.
"""

from enum import Enum
from typing import ClassVar


class Again(Enum):
    """What runs again after a failure, in the words of the runbooks. A removal is always tried again by itself."""

    BY_ITSELF = "It is tried again by itself, after pauses that grow from a minute to six hours."
    WHEN_CORRECTED = "The corrected item starts a run by itself; nothing else does."
    WHEN_ASKED = "Nothing runs again by itself: a person asks for it when the cause is gone."


class TenancyError(Exception):
    """Root of all errors of this package. ``str(error)`` is one sentence for a person."""

    again: ClassVar[Again] = Again.BY_ITSELF


class TransientError(TenancyError):
    """The same request may succeed later. Never raised itself: Step Functions matches leaves only.

    comes_to: the states that it can come to, and that try again after it, as ``retries.groups`` calls them.
    """

    comes_to: ClassVar[str] = "transient"

    def __init_subclass__(cls, *, comes_to: str = "transient") -> None:
        cls.comes_to = comes_to


class PermanentError(TenancyError):
    """The same request will fail again. Never raised itself: Step Functions matches leaves only."""

    again = Again.WHEN_ASKED


class SupersededError(TenancyError):
    """Not a failure: a newer decision, or another execution, is responsible for the tenant."""


# --- superseded -------------------------------------------------------------------------------------------------------


class LeaseHeldByOther(SupersededError):
    """Another running execution holds the tenant's lease; it has been asked to go round once more."""


class GenerationSuperseded(SupersededError):
    """The request belongs to an older generation of the tenant than the one on record."""


# --- permanent --------------------------------------------------------------------------------------------------------


class InvalidTenantItem(PermanentError):
    """The item in the ``tenants`` table breaks a rule. The message names field, value and rule."""

    again = Again.WHEN_CORRECTED


class NameClaimedByOther(PermanentError):
    """Another tenant holds this name, or one that looks like it."""


class RecordBelongsToOthers(PermanentError):
    """The zone already has a record for the host that this control plane did not create."""


class AliasBelongsToOthers(PermanentError):
    """A distribution already has the host as an alias, and this control plane did not put it there."""


class AliasQuotaExceeded(PermanentError):
    """The distribution has no room for another alternate domain name."""


class ZoneQuotaExceeded(PermanentError):
    """The hosted zone has no room for the tenant's records."""


class CertificateDoesNotCover(PermanentError):
    """CloudFront refuses the alias because the distribution's certificate does not cover the host."""


class ZoneRefusedRecord(PermanentError):
    """Route 53 refuses the record for a reason other than one that exists already."""


class AccessDenied(PermanentError):
    """IAM refuses a call that the function needs."""


class RequestRefused(PermanentError):
    """An AWS service refuses a request as malformed or impossible. A defect, or a resource that is gone."""


class DatabaseBelongsToOthers(PermanentError):
    """The tenant's folder holds a database that this control plane did not put there."""


class SchemaMigrationFailed(PermanentError):
    """A tenant's rows do not fit a step of the schema. Its database stays in service, at the version that it has."""


class ArchiveMissing(PermanentError):
    """The archive that is to be restored is not in the bucket, or the function may not read it."""


class ArchiveDamaged(PermanentError):
    """The archive that is to be restored is not what was archived. Nothing of it was published."""


class AdoptionProofDiffers(PermanentError):
    """What is to be adopted is not what the operator has proven. Nothing of it was published."""


class SharedDatabaseUnfit(PermanentError):
    """The shared database can't be taken over: it is not there, or its tables are not those of the schema."""


class StaleWriteAheadLog(PermanentError):
    """A write-ahead log lies beside a database file that was never used. Opening it would replay foreign rows."""


# --- transient --------------------------------------------------------------------------------------------------------


class ServiceThrottled(TransientError):
    """An AWS service asks for fewer calls."""


class ServiceUnavailable(TransientError):
    """An AWS service answers with a server error, or not at all."""


class ZoneBusy(TransientError, comes_to="transient of the zone"):
    """Route 53 still works on the zone's last change (``PriorRequestNotComplete``)."""


class ConcurrentUpdate(TransientError):
    """Somebody else changed the same thing between our read and our write, more than once."""


class SiteNotReady(TransientError, comes_to="transient of the site"):
    """The tenant's site does not answer as it should, yet. The message says which step of the check fails."""


class TenantDatabaseBusy(TransientError, comes_to="transient of databases"):
    """The tenant's database is locked by another process for longer than a waiter waits."""


class TenantDatabaseMissing(TransientError, comes_to="transient of databases"):
    """The tenant's pointer names no file, or the file is not there."""


class StorageFull(TransientError, comes_to="transient of databases"):
    """The file system has no room, or refuses to grow a file."""


class StorageUnavailable(TransientError, comes_to="transient of databases"):
    """The file system answers with an input/output error."""


def leaves(kind: type[TenancyError] = TenancyError) -> dict[str, type[TenancyError]]:
    """Return every error that can be raised, by class name."""
    groups = (TransientError, PermanentError, SupersededError)
    found = {leaf.__name__: leaf for group in groups for leaf in group.__subclasses__()}
    return {name: leaf for name, leaf in found.items() if issubclass(leaf, kind)}


def is_permanent(code: str) -> bool:
    """Return whether a failure with this name needs a person.

    Names that are not ours are what Step Functions, Lambda or DynamoDB raise by themselves (``States.Timeout``,
    ``Lambda.TooManyRequestsException``, …): they are exhausted retries, so trying later may help.
    """
    return code in leaves(PermanentError)


def again_after(code: str) -> Again:
    """Return what runs again after a failure with this name."""
    return leaves().get(code, TenancyError).again
