"""The shared package of Fluxion's tenant control plane: a room for each function, and what they stand on.

``domain`` decides, ``platform`` talks to AWS, ``tables`` and ``database`` keep. Above them each function has a room of
its own name, and ``handlers`` is what all functions do around their one call. Imports go that way only.
"""
