"""The probe is the first visitor of every site."""
