"""The first visitor of every site."""
