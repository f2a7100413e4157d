"""Write the files that are made from other files of the repository: `make generate`."""
