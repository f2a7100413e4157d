"""The embedded AWS: MiniStack in one process, bridged where it differs from AWS, with the edge and the name server."""
