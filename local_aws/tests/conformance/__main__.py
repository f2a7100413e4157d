"""`make conformance PROFILE=…`: the cases in a real account, and what is left of them afterwards.

Never run on AWS so far. It makes and deletes roles, functions, tables, queues, machines, zones and distributions of its
own, all tagged Project=local-aws-conformance; it costs about a dollar, and touches nothing that it did not make.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from .account import LEFT, REGION, Account
from .case import FOLDER, all_tests


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__.split("\n")[0])
    parser.add_argument("profile", help="profile of the AWS configuration")
    parser.add_argument("--endpoint", help="another AWS at this URL, in place of the real one")
    parser.add_argument("--yes", metavar="ACCOUNT", help="the account's id, instead of being asked for it")
    options, more = parser.parse_known_args(arguments)
    account = Account(options.profile, options.endpoint)
    cases = [case for case in all_tests().values() if case]
    there = sum(case.on_aws for case in cases)
    print(f"{there} of {len(cases)} cases can run in an account. Account {account.id}, region {REGION}.")
    print("This has never been run on AWS. It makes resources there, which cost money, and deletes them again.")
    if (options.yes or input("Type the account's id to go on: ").strip()) != account.id:
        print("Not this account: nothing was done.")
        return 2
    environment = {
        **os.environ,
        "LOCAL_AWS_PROFILE": options.profile,
        "LOCAL_AWS_ENDPOINT": options.endpoint or "",
        "LOCAL_AWS_PACE": "1" if options.endpoint else "60",
    }
    command = [sys.executable, "-m", "pytest", str(FOLDER), "-p", "no:cacheprovider", *more]
    code = subprocess.run(command, env=environment, check=False).returncode
    if LEFT.exists():
        print("Still there; the next run of `make conformance` goes on deleting:")
        for kind, name in json.loads(LEFT.read_text()):
            print(f"  {kind} {name}")
    else:
        print("Nothing is left in the account.")
    return code


if __name__ == "__main__":
    sys.exit(main())
