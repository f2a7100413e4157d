"""Read the dead-letter queues, and have what waits in them handled after all."""
