"""`python -m local_aws`: the embedded AWS as one process; see `service`."""

from local_aws.process import main

main()
