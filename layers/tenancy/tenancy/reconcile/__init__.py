"""Without a hand, whoever is due is started, and what is not as it is on record is put right."""
