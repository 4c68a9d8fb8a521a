"""What is a job on a scene: ordered, planned, run in blocks, assembled; and its inspection."""
