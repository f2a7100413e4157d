"""`python -m local.emulator`: the embedded AWS as one process; see `service`."""

from local.emulator.service import main

main()
