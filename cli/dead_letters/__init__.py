"""What nobody could handle and was kept, and how it is handled after all."""
