"""The functions of Fluxion's tenant control plane share this package: a room for each, and what they stand on.

``domain`` decides, ``platform`` talks to AWS, ``tables`` and ``database`` keep. Above them each function has a room of
its own name, and ``handlers`` is what all functions do around their one call. Imports go that way only.
"""
