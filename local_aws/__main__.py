"""Run the embedded AWS as one process: `python -m local_aws`; see `process`."""

from local_aws.process import main

main()
