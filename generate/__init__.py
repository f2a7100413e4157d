"""What is made from other files of the repository, and never edited: `make generate`."""
