"""The local stack: the embedded AWS, the edge, the name server and the supervisor."""
