"""The local stack: embedded AWS, edge, name server, supervisor."""
