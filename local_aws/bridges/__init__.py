"""What another version of MiniStack means for the bridges: which moved, which are needed no longer, which fail."""
