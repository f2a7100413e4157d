"""How long the tests last that hold something up under load.

In ``make test`` each takes a few seconds. As long as the promise says, with what was counted:

    FLUXION_ENDURANCE_SECONDS=60 make test ARGS="-n0 -k 'endure or made_up' --log-cli-level=INFO --log-disable=httpx"
"""

import logging
import os

VARIABLE = "FLUXION_ENDURANCE_SECONDS"

logger = logging.getLogger("endurance")


def is_long() -> bool:
    """Whether the long form was asked for."""
    return VARIABLE in os.environ


def seconds(short: float) -> float:
    """For how long to go on; ``short`` unless the variable says otherwise."""
    return float(os.environ.get(VARIABLE, short))


def tell(what: str, **figures: object) -> None:
    """What was counted, for whoever wants to know: shown by ``--log-cli-level=INFO``."""
    logger.info("%s: %s", what, ", ".join(f"{name} {value}" for name, value in figures.items()))
