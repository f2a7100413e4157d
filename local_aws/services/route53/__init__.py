"""Route 53: changes of a zone, and the name server that answers for it."""
