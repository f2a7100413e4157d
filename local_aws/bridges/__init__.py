"""Find out which bridges another version of MiniStack moves, makes needless, or breaks."""
