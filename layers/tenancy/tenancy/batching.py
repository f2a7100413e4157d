"""How requests that wait together become calls: what fits into one, and what happens to one that is refused.

Pure: the writers bring the call. (Pacing, and measured limits, belong here too.)
"""

from collections.abc import Callable, Iterator, Sequence

from tenancy.errors import PermanentError, TenancyError


def packs[Item](items: Sequence[Item], limit: int) -> Iterator[Sequence[Item]]:
    """The items in order, in runs of at most ``limit`` items: one run is one call."""
    for start in range(0, len(items), limit):
        yield items[start : start + limit]


def commit[Item](
    batch: Sequence[Item],
    write: Callable[[Sequence[Item]], None],
    *,
    divisible: type[PermanentError] | tuple[type[PermanentError], ...],
) -> list[tuple[Item, TenancyError | None]]:
    """Write the whole batch in one call; what is refused is halved until the poison item fails alone.

    write:     makes the one call, and raises a TenancyError when it is refused.
    divisible: errors that mean "something in this batch is wrong". Any other error means the same for every item
               (throttled, access denied), so more calls would not help.
    Returns each item with None, or with its own error. One poison item among n costs at most 2·log2(n) more calls.
    """
    try:
        write(batch)
    except TenancyError as error:
        if len(batch) == 1 or not isinstance(error, divisible):
            return [(item, error) for item in batch]
        middle = len(batch) // 2
        return [
            *commit(batch[:middle], write, divisible=divisible),
            *commit(batch[middle:], write, divisible=divisible),
        ]
    return [(item, None) for item in batch]
