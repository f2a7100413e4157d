"""What is done without a hand: starting who is due, and putting right what is not as it is on record."""
