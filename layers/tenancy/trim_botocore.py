"""This leaves only the wanted services in botocore's descriptions of AWS: `python trim_botocore.py DATA SERVICE…`.

DATA: the installed `botocore/data`. It describes every service in 29 MB of JSON, and lists the endpoints of all of
them in one more file of 1.2 MB, which the first client of a process parses whole: 20 ms and 7 MB of memory.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path


def main(data: Path, wanted: set[str]) -> None:
    """Remove the folders of other services, and their endpoints."""
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in wanted:
            shutil.rmtree(folder)
    prefixes = {_endpoint_prefix(data / service) for service in wanted}
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in prefixes}
    (data / "endpoints.json").write_text(json.dumps(endpoints))


def _endpoint_prefix(service: Path) -> str:
    """Return what endpoints.json calls a service, by its newest description: `states` for `stepfunctions`."""
    newest = max(service.glob("*/service-2.json.gz"))
    return str(json.loads(gzip.decompress(newest.read_bytes()))["metadata"]["endpointPrefix"])


if __name__ == "__main__":
    main(Path(sys.argv[1]), set(sys.argv[2:]))
